/** The messages between the tabs of a browser, and their validation: any script of the origin may send some. */
import { MAX_TOPICS } from '../../core/address.ts'
import type { Backoff } from '../backoff.ts'
import { isText } from '../read-text.ts'
import type { ClientStatus, Step } from '../stream-types.ts'

/** A tab is there, and follows these topics. `wake`: its page woke up, or the network is back. */
export interface HelloMessage {
  readonly topics: readonly string[]
  readonly wake: boolean
  /** Whether it has received retained events. */
  readonly retains: boolean
}

/**
 * The shared stream as it is, and its next step. The tab that holds the stream sends it for each step, and
 * without one when it begins to lead, after a change, and after each `HelloMessage`.
 */
export interface LeaderMessage extends Step {
  /** When the tab began to lead, as a number that no other has: of two leaders, the later one counts. */
  readonly leader: number
  readonly topics: readonly string[]
  readonly status: ClientStatus
  readonly backoff: Backoff
  /** Whether all tabs should answer with a `HelloMessage`. */
  readonly asks: boolean
  /** Whether any tab has received retained events: new tabs need theirs. */
  readonly retains: boolean
  /** The cursor where the step starts. */
  readonly prev: string | undefined
}

/** What a value must be: what the function accepts, one of several, an object with these fields, or equal. */
type Shape =
  | ((value: unknown) => boolean)
  | readonly Shape[]
  | { readonly [name: string]: Shape }
  | string
  | boolean
  | null
  | undefined

const isCount = (value: unknown) => Number.isFinite(value) && (value as number) >= 0
const isTopics = (value: unknown) =>
  Array.isArray(value) && value.length <= MAX_TOPICS && value.every(isText)

const HELLO: Shape = { topics: isTopics, wake: [true, false], retains: [true, false] }

const LEADER: Shape = {
  leader: isCount,
  topics: isTopics,
  // Leaders report no end: the hub reports it to each tab.
  status: [
    { state: 'connecting' },
    { state: 'live', client: isText, resume: isText },
    { state: 'waiting', until: isCount, reason: isText },
  ],
  backoff: { failures: isCount, retryMs: isCount },
  asks: [true, false],
  retains: [true, false],
  prev: [undefined, isText],
  id: [undefined, isText],
  event: [
    undefined,
    {
      event: isText,
      data: isText,
      topic: [undefined, isText],
      key: [undefined, isText],
      retained: [undefined, true],
    },
  ],
  gap: [undefined, { reason: ['evicted', 'epoch'], earliest: [null, isText] }],
}

/** Whether a message is a valid one of any tab. */
export function isHello(message: unknown): message is HelloMessage {
  return fits(message, HELLO)
}

/** Whether a message is a valid one of a tab that leads. */
export function isLeaderMessage(message: unknown): message is LeaderMessage {
  if (!fits(message, LEADER)) return false
  const { id, event, gap } = message as Step
  return (!event || event.id === id) && (!gap || id !== undefined)
}

function fits(value: unknown, shape: Shape): boolean {
  if (typeof shape === 'function') return shape(value)
  if (Array.isArray(shape)) return shape.some((one) => fits(value, one))
  if (Object(shape) !== shape) return value === shape
  return Object.entries(shape as Record<string, Shape>).every(([name, field]) =>
    fits(Object(value)[name], field),
  )
}
