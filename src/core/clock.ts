/** The clock: the only file of core, journal, hub, http and client that uses `Date` and timers, so that tests can replace them. */

/** The maximum delay of a timer. https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html */
export const MAX_TIMER_MS = 2_147_483_647

/** The time, and timers that repeat: all that the client uses. */
export interface BasicClock {
  /** Wall time: milliseconds since 1970-01-01T00:00:00Z. It may jump: measure durations with `monotonic`. */
  now(): number
  /** Milliseconds since an arbitrary fixed time. It never jumps: use it for durations, deadlines and rates. */
  monotonic(): number
  /** Runs `task` every `ms` milliseconds until the returned function is called. */
  every(ms: number, task: () => void): () => void
}

/** The time and the timers that the hub uses. Tests pass a clock that they advance by hand. */
export interface Clock extends BasicClock {
  /** Runs `task` once, after the I/O events that are ready have been handled. */
  soon(task: () => void): void
}

const now = () => Date.now()

// https://www.w3.org/TR/hr-time-3/#dfn-monotonic-clock
const monotonic = () => performance.now()

function every(ms: number, task: () => void): () => void {
  const timer = setInterval(task, ms)
  return () => clearInterval(timer)
}

/** The system clock, as far as the client uses it: other code need not be in the bundle. */
export const basicClock: BasicClock = { now, monotonic, every }

/** The system clock. */
export const systemClock: Clock = {
  now,
  monotonic,
  every,
  // setImmediate runs after the pending I/O, so events that arrive together are sent together.
  // A Worker without Node compatibility lacks it: a timer of 0 ms is the nearest substitute.
  soon: (task) => {
    if (typeof setImmediate === 'function') setImmediate(task)
    else setTimeout(task, 0)
  },
}

/** Converts milliseconds since 1970 to a `Date`. */
export function dateAt(ms: number): Date {
  return new Date(ms)
}

/** Formats milliseconds since 1970 as ISO 8601 in UTC, with milliseconds. */
export function isoTime(ms: number): string {
  return dateAt(ms).toISOString()
}

/** Parses an HTTP date: milliseconds since 1970, or NaN. @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7 */
export function parseHttpDate(text: string): number {
  return Date.parse(text)
}
