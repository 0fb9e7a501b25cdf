/** Iterating a stream: a queue between the events and a loop that may be slower. */
import type { ClientStatus, EndedStatus, ReceivedEvent } from './stream-types.ts'

/** Events that wait for the loop. */
const MAX_QUEUED = 10_000

/**
 * Returns an iterator over the events from now on. It is done when the stream has ended, after the events
 * that wait; when it was closed, without them.
 * @param listen - calls the listener with each event, and without one when the status changes, until the returned function is called
 * @throws {Error} from `next`, when 10,000 events wait: the loop is too slow
 */
export function createEventQueue(
  listen: (listener: (event?: ReceivedEvent) => void) => () => void,
  status: () => ClientStatus,
): AsyncIterator<ReceivedEvent> {
  const events: (ReceivedEvent | Error)[] = []
  let isOver = false
  /** The calls of `next` that wait. */
  let waiting: (() => void)[] = []
  const stop = listen((event) => {
    if (event && events.length === MAX_QUEUED) {
      events.push(new Error(`More than ${MAX_QUEUED} events waited.`))
      end()
    } else if (event) events.push(event)
    wake()
  })
  return {
    next: async () => {
      // Calls that have waited come first.
      await undefined
      for (;;) {
        const now = status() as EndedStatus
        if (now.reason === 'closed') events.length = 0
        const value = events.shift()
        if (value instanceof Error) throw value
        if (value) return { value }
        if (isOver || now.state === 'ended') return { done: true, value }
        await new Promise<void>((resolve) => waiting.push(resolve))
      }
    },
    return: async () => {
      events.length = 0
      end()
      return { done: true, value: undefined }
    },
  }

  function end(): void {
    isOver = true
    stop()
    wake()
  }

  function wake(): void {
    for (const resume of waiting) resume()
    waiting = []
  }
}
