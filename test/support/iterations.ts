/** Takes items from `hub.events` on a clock that the test advances. */
import type { EventItem } from '../../src/hub/subscription/read-items.ts'
import type { ManualClock } from './clock.ts'

/** An iteration that a test controls. */
export interface Iteration {
  /** What was taken so far. */
  readonly items: EventItem[]
  /** Takes up to `count` items that are there. */
  take(count?: number): Promise<EventItem[]>
  /** Leaves the loop. */
  leave(): Promise<void>
  /** Whether the iteration is done. */
  readonly done: boolean
  /** What `next` has thrown. */
  readonly error: unknown
}

/** Starts an iteration. */
export function iterate(events: AsyncIterable<EventItem>, clock: ManualClock): Iteration {
  const iterator = events[Symbol.asyncIterator]()
  const items: EventItem[] = []
  /** Whether a call of `next` waits for an item. */
  let isWaiting = false
  let done = false
  let error: unknown
  return {
    items,
    take,
    leave: async () => void (await iterator.return?.()),
    get done() {
      return done
    },
    get error() {
      return error
    },
  }

  async function take(count = Number.POSITIVE_INFINITY): Promise<EventItem[]> {
    const before = items.length
    while (items.length - before < count && !done && !error) {
      if (!isWaiting) void ask()
      await clock.runPending()
      if (isWaiting) break
    }
    return items.slice(before)
  }

  async function ask(): Promise<void> {
    isWaiting = true
    try {
      const { value, done: isDone } = await iterator.next()
      if (isDone) done = true
      else items.push(value)
    } catch (thrown) {
      error = thrown
    }
    isWaiting = false
  }
}
