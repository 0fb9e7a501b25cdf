/** Watches the tab that leads: a page that hangs keeps its lock, and sends nothing. */
import type { Clock } from '../../core/clock.ts'

/** What the watch reports. */
export interface LeaderWatchInit {
  readonly clock: Clock
  random(): number
  /** The leader has been quiet: ask whether it is there. */
  onQuiet(): void
  /** The leader has not answered. */
  onDead(): unknown
}

/** Looks once a second, so that a tab that slept asks before it judges. */
const CHECK_MS = 1_000

/** Checks without a word from the leader after which it is asked for one. */
const QUIET_CHECKS = 5

/** Checks after which it counts as dead, and up to five more, so that tabs don't all act at once. */
const DEAD_CHECKS = 10

/** Starts to watch. Call `heard` for each message of the leader, and `stop` to end the watch. */
export function watchLeader({ clock, random, onQuiet, onDead }: LeaderWatchInit): {
  heard(): void
  stop(): void
} {
  let checks = 0
  let limit = DEAD_CHECKS
  const stop = clock.every(CHECK_MS, () => {
    checks += 1
    if (checks === QUIET_CHECKS) {
      limit = DEAD_CHECKS + Math.floor(5 * random())
      onQuiet()
    }
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
