/** Lists the retained events of an address, as a new stream of it would receive them. */
import { type Address, addressKey } from '../../core/address.ts'
import { HubError } from '../../core/errors.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import type { Journal } from '../../journal/journal.ts'
import { checkLimit } from '../listings.ts'
import { readItems } from '../subscription/read-items.ts'

/** A retained event. */
export interface RetainedEvent {
  readonly id: string
  /** Its key. Absent for the event that is about the address as a whole. */
  readonly key?: string
  /** The event's name; `message` if it was published without one. */
  readonly event: string
  /** The data as text, as clients receive it. */
  readonly data: string
}

/** The retained events of an address, the one that was published first before the others. */
export interface RetainedList {
  readonly rows: readonly RetainedEvent[]
  /** Whether these are all. */
  readonly complete: boolean
}

/** Options of `retained`. */
export interface RetainedOptions {
  /** The maximum number of rows. @defaultValue 1,000 */
  readonly limit?: number | undefined
}

const KINDS: Kinds<RetainedOptions> = { limit: KIND.any }

/** The maximum number of bytes of all frames in a list, which has at least one. */
const MAX_LIST_BYTES = 1_048_576

/** Reads the list. @throws {HubError} `invalid-address`, `invalid-option`, `journal-unavailable`, `hub-closed` */
export async function listRetained(
  {
    journal,
    isClosed,
  }: { readonly journal: Pick<Journal, 'retained'>; readonly isClosed: boolean },
  address: Address,
  options: RetainedOptions = {},
): Promise<RetainedList> {
  const key = addressKey(address)
  checkOptions('retained', options, KINDS)
  const limit = checkLimit(options.limit)
  if (isClosed) throw new HubError('hub-closed', 'The hub is closed: use another instance.')
  const batch = await journal.retained?.([key], 0, MAX_LIST_BYTES)
  const { entries, done } = batch ?? { entries: [], done: true }
  const rows = entries.slice(0, limit).map(({ id, frame }) => {
    const [item] = readItems(frame)
    const { event = 'message', data = '' } = item ?? {}
    return item?.key === undefined ? { id, event, data } : { id, key: item.key, event, data }
  })
  return { rows, complete: done && entries.length <= limit }
}
