/** Detects a connection that is dead although nothing closed it: after sleep, or behind a proxy that hangs. */
import type { Clock } from '../core/clock.ts'

/** Watches one stream, connection after connection. */
export interface Watchdog {
  /** Bytes have arrived, or a request was sent. */
  active(): void
  /** Looks now. Silence counts at the second look only, so that a page that slept can read what has arrived. */
  check(): void
  stop(): void
}

const CHECK_MS = 1_000

/**
 * Starts to look once a second.
 * @param limitMs - returns the milliseconds of silence that are allowed now
 */
export function startWatchdog(clock: Clock, limitMs: () => number, onDead: () => void): Watchdog {
  let wall = clock.now()
  let monotonic = clock.monotonic()
  /** When the first look found silence. */
  let suspectAt: number | undefined
  const stop = clock.every(CHECK_MS, check)
  return { active, check, stop }

  function active(): void {
    wall = clock.now()
    monotonic = clock.monotonic()
    suspectAt = undefined
  }

  function check(): void {
    // The monotonic clock of some systems stands still while they sleep.
    const silentMs = Math.max(clock.now() - wall, clock.monotonic() - monotonic)
    if (silentMs < limitMs()) return
    const now = clock.monotonic()
    suspectAt ??= now
    // Other looks at the same time, which pages that wake up ask for, count as one.
    if (now - suspectAt < CHECK_MS / 2) return
    suspectAt = undefined
    onDead()
  }
}
