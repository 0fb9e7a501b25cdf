/** Iterating a stream: a queue between the events and a loop that may be slower. */
import type { ClientStatus, ReceivedEvent } from './stream-types.ts'

/** Events that wait for the loop. */
const MAX_QUEUED = 10_000

type Listen<T> = (listener: (value: T) => void) => () => void

/**
 * Returns an iterator over the events from now on. It is done when the stream has ended.
 * @throws {Error} from `next`, when 10,000 events wait: the loop is too slow
 */
export function createEventQueue(
  onAny: Listen<ReceivedEvent>,
  onStatus: Listen<ClientStatus>,
  status: () => ClientStatus,
): AsyncIterator<ReceivedEvent> {
  let queue: ReceivedEvent[] = []
  let isFull = false
  let isFinished = false
  const waiting: (() => void)[] = []
  const stops = [
    onAny((event) => {
      if (queue.length < MAX_QUEUED) queue.push(event)
      else isFull = true
      wake()
    }),
    onStatus(({ state }) => {
      if (state === 'ended') wake()
    }),
  ]
  return { next, return: async () => finish() }

  async function next(): Promise<IteratorResult<ReceivedEvent>> {
    for (;;) {
      const event = queue.shift()
      if (event) return { done: false, value: event }
      if (isFull && !isFinished) {
        finish()
        throw new Error(`More than ${MAX_QUEUED} events waited: the loop is too slow.`)
      }
      if (isFinished || status().state === 'ended') return finish()
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }

  /** Several calls of `next` may wait: the first one gets the event, and the others wait again. */
  function wake(): void {
    for (const resolve of waiting.splice(0)) resolve()
  }

  function finish(): IteratorResult<ReceivedEvent> {
    for (const stop of stops) stop()
    queue = []
    isFinished = true
    wake()
    return { done: true, value: undefined }
  }
}
