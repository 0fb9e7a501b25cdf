/** Detects a connection that is dead although nothing closed it: after sleep, or behind a proxy that hangs. */
import type { BasicClock } from '../core/clock.ts'

/** Watches one stream, connection after connection. */
export interface Watchdog {
  /** Bytes have arrived. */
  active(): void
  /** Silence counts from now, up to `ms`. */
  allow(ms: number): void
  /** Looks now. Silence counts at the second look only, so that a page that slept can read what has arrived. */
  check(): void
  stop(): void
}

const CHECK_MS = 1_000

/** Starts to look once a second. Any silence is allowed until `allow` is called. */
export function startWatchdog(clock: BasicClock, onDead: () => void): Watchdog {
  let limitMs = Number.POSITIVE_INFINITY
  let wall = 0
  let monotonic = 0
  /** When the first look found silence. */
  let suspectAt: number | undefined
  const stop = clock.every(CHECK_MS, check)
  return { active, allow, check, stop }

  function active(): void {
    wall = clock.now()
    monotonic = clock.monotonic()
    suspectAt = undefined
  }

  function allow(ms: number): void {
    limitMs = ms
    active()
  }

  function check(): void {
    const now = clock.monotonic()
    // The monotonic clock of some systems stands still while they sleep.
    if (Math.max(clock.now() - wall, now - monotonic) < limitMs) return
    suspectAt ??= now
    // Other looks at the same time, which pages that wake up ask for, count as one.
    if (now - suspectAt < CHECK_MS / 2) return
    suspectAt = undefined
    onDead()
  }
}
