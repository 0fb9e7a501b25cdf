/** The queue between the hub and a loop that may be slower: a stream that the hub writes to, and an iterator. */
import type { EventSchemas } from '../../core/declared-events.ts'
import type { EventStream } from '../../core/event-stream.ts'
import { type EventItem, readItems } from './read-items.ts'

/** The queue. The hub sees a stream that has accepted a write once all of its items were taken. */
export interface ItemQueue {
  readonly stream: EventStream
  /** Resolves with the next item; with undefined when the queue has ended. */
  take(): Promise<EventItem | undefined>
  /** Ends the queue: items that wait are still taken, unless they are dropped. */
  end(drop?: 'drop'): void
}

/** Creates an empty queue, of events that the hub declares. */
export function createItemQueue(schemas?: EventSchemas): ItemQueue {
  let items: EventItem[] = []
  let next = 0
  let hasEnded = false
  let onTaken: (() => void) | undefined
  let waiting: (() => void)[] = []
  const stream: EventStream = {
    get aborted() {
      return hasEnded
    },
    write,
    onAbort: () => {},
    // The end of the subscriber, which comes first, ends the queue.
    abort: () => {},
  }
  return { stream, take, end }

  function write(bytes: Uint8Array): Promise<void> {
    items = readItems(bytes, schemas)
    next = 0
    if (items.length === 0) return Promise.resolve()
    const taken = new Promise<void>((resolve) => {
      onTaken = resolve
    })
    wake()
    return taken
  }

  async function take(): Promise<EventItem | undefined> {
    for (;;) {
      const item = items[next]
      if (item) {
        next += 1
        if (next === items.length) accept()
        return item
      }
      if (hasEnded) return undefined
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }

  /** Lets the hub write the next events. */
  function accept(): void {
    items = []
    next = 0
    onTaken?.()
    onTaken = undefined
  }

  function end(drop?: 'drop'): void {
    hasEnded = true
    if (drop) accept()
    wake()
  }

  /** Several calls of `take` may wait: the first one gets the item, and the others wait again. */
  function wake(): void {
    const woken = waiting
    waiting = []
    for (const resolve of woken) resolve()
  }
}
