/** The last events of pipes: each is published also if the journal can't store it before some time has passed. */
import type { AddressKeys } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import type { EventInput } from '../../core/event.ts'

const RETRY_MS = 1_000

/** How often one is tried again: for five minutes, which is also how long the journal stores events by default. */
const MAX_RETRIES = 300

/** The maximum number of last events that wait for the journal. */
const MAX_WAITING = 1_000

/** The last event of a pipe, and whom it is for. */
export interface LastEvent extends Pick<EventInput, 'event' | 'key'> {
  readonly keys: AddressKeys
}

/** The last events of the pipes of one hub. */
export interface LastEvents {
  /**
   * Publishes one. While it can't be published for now, it is tried again in the background; it may then arrive twice.
   * It replaces the one that waits for the same stream: streams have a key in common. Beyond a bound, the oldest is dropped.
   * @param attempt - resolves with whether nothing is to be tried again; it MUST NOT reject
   * @returns what resolves after the first attempt
   */
  publish(last: LastEvent, attempt: () => Promise<boolean>): Promise<void>
  /** Drops the one that waits for the same stream: it has begun once more. */
  drop(last: LastEvent): void
}

interface Waiting {
  readonly attempt: () => Promise<boolean>
  retries: number
  isTrying: boolean
}

/** Creates the last events of one hub. They hold a timer while any of them waits. */
export function createLastEvents(clock: Pick<Clock, 'every'>): LastEvents {
  /** By stream, oldest first. */
  const waiting = new Map<string | symbol, Waiting>()
  let stop: (() => void) | undefined
  return { publish, drop }

  async function publish(last: LastEvent, attempt: () => Promise<boolean>): Promise<void> {
    const isDone = await attempt()
    drop(last)
    if (isDone) return
    waiting.set(nameOf(last) ?? Symbol(), { attempt, retries: 0, isTrying: false })
    const [oldest] = waiting.keys()
    if (waiting.size > MAX_WAITING && oldest !== undefined) waiting.delete(oldest)
    stop ??= clock.every(RETRY_MS, retryAll)
  }

  function drop(last: LastEvent): void {
    const name = waiting.size > 0 ? nameOf(last) : undefined
    if (name !== undefined) waiting.delete(name)
  }

  function retryAll(): void {
    for (const [id, one] of waiting) if (!one.isTrying) void retry(id, one)
    if (waiting.size > 0) return
    stop?.()
    stop = undefined
  }

  async function retry(id: string | symbol, one: Waiting): Promise<void> {
    one.isTrying = true
    one.retries += 1
    const isDone = await one.attempt()
    one.isTrying = false
    // A newer one may have replaced it.
    if ((isDone || one.retries === MAX_RETRIES) && waiting.get(id) === one) waiting.delete(id)
  }
}

/** The name of a stream; undefined if it has no key, so that no other one is known to be the same. */
function nameOf({ keys, event, key }: LastEvent): string | undefined {
  return key === undefined ? undefined : JSON.stringify([keys, event, key])
}
