/** Clocks for tests: a manual one, and the machine's with its timers counted. */
import { type Clock, systemClock } from '../../src/core/clock.ts'

/** Time that stands still until `advance` is called; work for `soon` waits for `runPending`. */
export interface ManualClock extends Clock {
  /** Moves wall time alone, forwards or back, as NTP or a resumed machine does. */
  moveWallTime(ms: number): void
  /** Advances time, running the timers that fall due, in order. */
  advance(ms: number): Promise<void>
  /** The process stands still for a while: time passes, and each timer that fell due runs once, later. */
  suspend(ms: number): void
  /** Runs work queued by `soon`, and the promises it resolves, until nothing is left. */
  runPending(): Promise<void>
  /** Timers that are armed. */
  readonly timers: number
}

interface Timer {
  readonly ms: number
  readonly task: () => void
  due: number
}

/** Makes a clock that shows `start`. */
export function manualClock(start = Date.UTC(2026, 10, 22, 9)): ManualClock {
  const timers = new Set<Timer>()
  let soon: (() => void)[] = []
  let now = 0
  let wall = start

  return {
    now: () => wall + now,
    monotonic: () => now,
    moveWallTime: (ms) => {
      wall += ms
    },
    every,
    soon: (task) => void soon.push(task),
    advance,
    suspend,
    runPending,
    get timers() {
      return timers.size
    },
  }

  function suspend(ms: number): void {
    now += ms
    for (const timer of timers) timer.due = Math.max(timer.due, now)
  }

  function every(ms: number, task: () => void): () => void {
    const timer = { ms, task, due: now + ms }
    timers.add(timer)
    return () => void timers.delete(timer)
  }

  async function advance(ms: number): Promise<void> {
    const end = now + ms
    await runPending()
    for (;;) {
      const [next] = [...timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)
      if (!next) break
      now = next.due
      next.due += next.ms
      next.task()
      await runPending()
    }
    now = end
  }

  async function runPending(): Promise<void> {
    // A macrotask empties the queue of promises, however long their chains are.
    for (let quiet = 0; quiet < 2; ) {
      const tasks = soon
      soon = []
      for (const task of tasks) task()
      await new Promise((resolve) => setImmediate(resolve))
      quiet = tasks.length === 0 && soon.length === 0 ? quiet + 1 : 0
    }
  }
}

/** A clock that counts the timers that are armed. */
export interface CountingClock extends Clock {
  readonly timers: number
}

/** Wraps the machine's clock and counts its timers. */
export function countingClock(): CountingClock {
  const armed = new Set<() => void>()
  return {
    now: systemClock.now,
    monotonic: systemClock.monotonic,
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
