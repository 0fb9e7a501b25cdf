/** Reads a stream as steps from one cursor to the next, as the tabs pass it on. */
import type { Backoff } from '../backoff.ts'
import type { FetchStream, FetchStreamHandlers } from '../fetch-stream.ts'
import type { ClientStatus, Gap, ReceivedEvent } from '../stream-types.ts'
import type { ChainMessage } from './tab-messages.ts'

/** Opens a stream at a cursor. */
export type OpenTabStream = (
  topics: readonly string[],
  cursor: string | undefined,
  handlers: FetchStreamHandlers,
  backoff: Backoff,
) => FetchStream

/** What reading needs. */
export interface ChainReaderInit {
  readonly open: OpenTabStream
  readonly topics: readonly string[]
  readonly backoff: Backoff
  /** Returns the cursor of the tab, which `onMessage` moves. */
  cursor(): string | undefined
  onMessage(message: ChainMessage): void
  onStatus(status: ClientStatus): void
}

/** Starts to read at the tab's cursor. A gap comes with the next cursor, so that no tab passes one without the other. */
export function readChain(init: ChainReaderInit): FetchStream {
  const { open, topics, backoff, cursor, onMessage, onStatus } = init
  let gap: Gap | undefined
  return open(
    topics,
    cursor(),
    {
      event: (event) => step(event.id, event),
      cursor: (id) => {
        if (id !== cursor()) step(id)
      },
      gap: (next) => {
        gap = next
      },
      status: onStatus,
    },
    backoff,
  )

  function step(id: string | undefined, event?: ReceivedEvent): void {
    const lost = id === undefined ? undefined : gap
    if (lost) gap = undefined
    onMessage({ type: 'chain', prev: cursor(), id, event, gap: lost })
  }
}
