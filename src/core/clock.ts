/** Time, as a parameter: the only file that touches `Date` and timers. */

/** What the hub needs of time. Tests pass a clock that they turn by hand. */
export interface Clock {
  /** Wall time: milliseconds since 1970-01-01T00:00:00Z. It may jump; only people and tokens read it. */
  now(): number
  /** Milliseconds since some fixed time. It never jumps: durations, deadlines and rates are measured by it. */
  monotonic(): number
  /** Runs `task` every `ms` milliseconds until the returned function is called. */
  every(ms: number, task: () => void): () => void
  /** Runs `task` once, when the input and output that are ready have been handled. */
  soon(task: () => void): void
}

/** The clock of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  // https://www.w3.org/TR/hr-time-3/#dfn-monotonic-clock
  monotonic: () => performance.now(),
  every: (ms, task) => {
    const timer = setInterval(task, ms)
    return () => clearInterval(timer)
  },
  // setImmediate runs behind the pending I/O, so publishes that arrive together leave together.
  // A Worker without Node compatibility has none: there a timer of zero is the nearest thing.
  soon: (task) => {
    if (typeof setImmediate === 'function') setImmediate(task)
    else setTimeout(task, 0)
  },
}

/** A point in time as a `Date`. */
export function dateAt(ms: number): Date {
  return new Date(ms)
}

/** A point in time as ISO 8601 in UTC, with milliseconds. */
export function isoTime(ms: number): string {
  return dateAt(ms).toISOString()
}
