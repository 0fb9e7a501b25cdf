/** Watches the tab that leads: a page that hangs keeps its lock, and sends nothing. */
import type { BasicClock } from '../../core/clock.ts'

/** A watch. */
export interface LeaderWatch {
  /** The leader has sent a message. */
  heard(): void
  stop(): void
}

/** Looks once a second, so that a tab that slept asks before it judges. */
const CHECK_MS = 1_000

/** Checks without a word from the leader after which it is asked for one. */
const QUIET_CHECKS = 5

/** Checks after which it counts as dead, and up to five more, so that tabs don't all act at once. */
const DEAD_CHECKS = 10

/** Starts to watch: calls `onQuiet` to ask a quiet leader whether it is there, and `onDead` if it does not answer. */
export function watchLeader(
  clock: BasicClock,
  random: () => number,
  onQuiet: () => void,
  onDead: () => void,
): LeaderWatch {
  let checks = 0
  const limit = DEAD_CHECKS + 5 * random()
  const stop = clock.every(CHECK_MS, () => {
    checks += 1
    if (checks === QUIET_CHECKS) onQuiet()
    if (checks < limit) return
    checks = 0
    onDead()
  })
  return {
    heard: () => {
      checks = 0
    },
    stop,
  }
}
