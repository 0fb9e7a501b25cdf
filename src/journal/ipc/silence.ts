/** Silence: notices that another process, which makes itself heard once a second, no longer does. */
import type { Clock } from '../../core/clock.ts'

/** Watches one process. */
export interface SilenceWatch {
  /** Called when it makes itself heard. */
  heard(): void
  readonly isSilent: boolean
  stop(): void
}

const LOOK_MS = 1_000

/**
 * Looks once a second. The looks are counted, not timed: this process may have stood still.
 * @param maxLooks - the number of looks after which a process that was not heard is silent
 * @param onSilent - called at each look while it is
 */
export function watchSilence(
  clock: Pick<Clock, 'every'>,
  maxLooks: number,
  onSilent: () => void,
): SilenceWatch {
  let looks = 0
  const stop = clock.every(LOOK_MS, () => {
    looks += 1
    if (looks > maxLooks) onSilent()
  })
  return {
    heard: () => {
      looks = 0
    },
    get isSilent() {
      return looks > maxLooks
    },
    stop,
  }
}
