/** Draining: streams end one after another, so that their clients don't return all at once. */
import type { Clock } from '../core/clock.ts'

/** What is to be drained, and how long it may take. */
export interface DrainInit<T> {
  readonly clock: Clock
  /** Milliseconds: the goodbyes are spread over the first half. */
  readonly drainMs: number
  readonly open: readonly T[]
  farewell(one: T): void
  /** Whether a stream is not over yet. */
  busy(): boolean
}

const STEPS = 50

/** Says goodbye to all; resolves when the last is gone, or when the time is up. */
export function drain<T>({ clock, drainMs, open, farewell, busy }: DrainInit<T>): Promise<void> {
  return new Promise((resolve) => {
    const start = clock.now()
    const atOnce = Math.ceil(open.length / STEPS)
    let next = 0
    const stop = clock.every(Math.max(1, drainMs / 2 / STEPS), step)
    step()

    function step(): void {
      for (const one of open.slice(next, next + atOnce)) farewell(one)
      next += atOnce
      if (busy() && clock.now() - start < drainMs) return
      stop()
      resolve()
    }
  })
}
