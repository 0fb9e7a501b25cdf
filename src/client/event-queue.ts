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
  let stop = () => {}
  let isFull = false
  const queue = new ReadableStream<ReceivedEvent>(
    {
      start: (controller) => {
        stop = listen(add)
        add()

        function add(event?: ReceivedEvent): void {
          isFull = event !== undefined && controller.desiredSize === 0
          if (isFull || status().state === 'ended') {
            stop()
            controller.close()
          } else if (event) controller.enqueue(event)
        }
      },
      cancel: () => stop(),
    },
    { highWaterMark: MAX_QUEUED },
  )
  const reader = queue.getReader()
  return {
    next: async () => {
      if ((status() as EndedStatus).reason === 'closed') await reader.cancel()
      const result = await reader.read()
      if (result.done && isFull) {
        isFull = false
        throw new Error(`More than ${MAX_QUEUED} events waited.`)
      }
      return result as IteratorResult<ReceivedEvent>
    },
    return: async () => {
      await reader.cancel()
      return (await reader.read()) as IteratorResult<ReceivedEvent>
    },
  }
}
