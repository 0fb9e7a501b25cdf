/** In flight: counts calls that have begun and not ended, so that a close can wait for them. */
import type { Clock } from './clock.ts'

/** The calls in flight. */
export interface InFlight {
  /** Counts a call that begins. */
  began(): void
  /** Counts it as ended. */
  ended(): void
  /** Resolves when no call is in flight; after this many milliseconds at the latest. */
  settled(maxMs: number): Promise<void>
}

/** Creates a counter. It holds a timer only while `settled` waits. */
export function createInFlight(clock: Pick<Clock, 'every'>): InFlight {
  let count = 0
  let onNone = () => {}
  return {
    began: () => {
      count += 1
    },
    ended: () => {
      count -= 1
      if (count === 0) onNone()
    },
    settled: async (maxMs) => {
      if (count === 0) return
      await new Promise<void>((resolve) => {
        const stop = clock.every(maxMs, done)
        onNone = done
        function done(): void {
          stop()
          resolve()
        }
      })
    },
  }
}
