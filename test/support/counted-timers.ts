/** The machine's clock, with a count of the timers that are armed. */
import { type Clock, systemClock } from '../../src/core/clock.ts'

/** A clock that tells how many timers it holds. */
export interface CountingClock extends Clock {
  readonly timers: number
}

/** Makes a clock that counts. */
export function countingClock(): CountingClock {
  const armed = new Set<() => void>()
  return {
    now: systemClock.now,
    soon: systemClock.soon,
    every: (ms, task) => {
      const cancel = systemClock.every(ms, task)
      armed.add(cancel)
      return () => {
        cancel()
        armed.delete(cancel)
      }
    },
    get timers() {
      return armed.size
    },
  }
}
