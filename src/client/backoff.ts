/** How long a stream waits after a failure: longer each time, up to half a minute or what the hub asks for. */

/** The failures so far. */
export interface Backoff {
  /** Failures in a row. */
  failures: number
  /** Milliseconds to wait after the first of them: the hub's `retry:`. */
  retryMs: number
}

const DEFAULT_RETRY_MS = 2_000
const MIN_RETRY_MS = 250
const MAX_BACKOFF_MS = 30_000

/** The maximum that the hub may ask the client to wait. Timers of more than 24 days would fire at once. */
export const MAX_RETRY_MS = 3_600_000

/** Returns the backoff of a stream that has not failed. */
export function newBackoff(): Backoff {
  return { failures: 0, retryMs: DEFAULT_RETRY_MS }
}

/** Counts a failure, and returns the milliseconds to wait: a quarter more or less, so that clients spread out. */
export function countFailure(backoff: Backoff, random: () => number): number {
  const retryMs = Math.min(Math.max(backoff.retryMs, MIN_RETRY_MS), MAX_RETRY_MS)
  const ms = Math.min(Math.max(MAX_BACKOFF_MS, retryMs), retryMs * 2 ** backoff.failures++)
  return ms * (0.75 + 0.5 * random())
}
