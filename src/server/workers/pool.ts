/** The pool of workers: starts them, and replaces those that end. */
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../logger.ts'
import type { WorkerProcess } from '../process/server-adapter.ts'
import type { StopSignal } from '../stopping.ts'

/** What a pool needs. */
export interface WorkerPoolInit {
  readonly count: number
  readonly clock: Pick<Clock, 'monotonic' | 'every'>
  readonly log: Pick<Logger, 'error' | 'debug'>
  /** Starts a worker. */
  fork(name: string): WorkerProcess
  /** Called when a worker that was to be replaced has found the configuration unusable, as any other would. */
  onUnusable(code: number): void
  /** Connects a worker that has started. @param onListening - called when it accepts connections */
  connect(name: string, worker: WorkerProcess, onListening: () => void): ConnectedWorker
}

/** A worker that has not ended. */
export interface ConnectedWorker {
  /** Asks it to drain and to end. */
  stop(signal: StopSignal): void
  /** Called when it has ended. */
  close(): void
  /** Ends it at once. */
  kill(): void
}

/** How a worker has ended: its exit code, or the signal. */
export interface WorkerEnd {
  readonly code: number | null
  readonly signal: string | null
}

/** The workers of this process. */
export interface WorkerPool {
  /**
   * Starts one worker, and the others once it listens: what prevents one of them prevents all, and is
   * logged once. Resolves when all listen, or with how the first one has ended.
   */
  start(): Promise<WorkerEnd | undefined>
  /** Stops all workers. Resolves when they have ended, which it makes them do after this many milliseconds. */
  stop(signal: StopSignal, maxMs: number): Promise<void>
}

/** Milliseconds until a worker is replaced that has ended soon after its start: they double each time. */
const MIN_DELAY_MS = 100
const MAX_DELAY_MS = 30_000

/** The exit code for a configuration that can't be used, for example a password that Redis refuses. */
const UNUSABLE = 2

/** Milliseconds after which a worker has been of use. */
const SETTLED_MS = 60_000

/** Creates a pool without workers. */
export function createWorkerPool(init: WorkerPoolInit): WorkerPool {
  const { count, clock, log, fork, connect, onUnusable } = init
  const names = Array.from({ length: count }, (_, index) => String(index + 1))
  const running = new Map<string, ConnectedWorker>()
  const listening = new Set<string>()
  const delays = new Map<string, number>()
  let stopping: StopSignal | undefined
  let onAllEnded = () => {}
  return { start, stop }

  async function start(): Promise<WorkerEnd | undefined> {
    const [first = '1', ...others] = names
    const end = await run(first)
    if (end) return end
    await Promise.all(others.map(runAgain))
  }

  async function runAgain(name: string): Promise<void> {
    // A signal may have come before it could start.
    if (stopping) return
    const end = await run(name)
    if (end) replace(name, end, 0)
  }

  /** Runs a worker. Resolves when it listens, or with how it has ended before; one that has listened is replaced. */
  function run(name: string): Promise<WorkerEnd | undefined> {
    return new Promise((resolve) => {
      const startedAt = clock.monotonic()
      const worker = fork(name)
      const connected = connect(name, worker, () => {
        listening.add(name)
        resolve(undefined)
      })
      running.set(name, connected)
      worker.onEnd((code, signal) => {
        connected.close()
        running.delete(name)
        if (stopping && running.size === 0) onAllEnded()
        if (listening.delete(name)) replace(name, { code, signal }, clock.monotonic() - startedAt)
        else resolve({ code, signal })
      })
    })
  }

  function replace(name: string, end: WorkerEnd, livedMs: number): void {
    if (stopping) return
    if (end.code === UNUSABLE) {
      onUnusable(UNUSABLE)
      return
    }
    const last = livedMs < SETTLED_MS ? (delays.get(name) ?? 0) : 0
    const delayMs = Math.min(MAX_DELAY_MS, Math.max(MIN_DELAY_MS, 2 * last))
    delays.set(name, delayMs)
    const line = { worker: name, ...end }
    if (last === 0) log.error('a worker has ended, and is replaced', line)
    else log.debug('a worker has ended again, and is replaced', { ...line, delayMs })
    const cancel = clock.every(delayMs, () => {
      cancel()
      void runAgain(name)
    })
  }

  async function stop(signal: StopSignal, maxMs: number): Promise<void> {
    stopping = signal
    if (running.size === 0) return
    const ended = new Promise<void>((resolve) => {
      onAllEnded = resolve
    })
    for (const [name, worker] of running) {
      if (listening.has(name)) worker.stop(signal)
      // One that still starts has no clients, and may not receive a message yet.
      else worker.kill()
    }
    const cancel = clock.every(maxMs, () => {
      for (const worker of running.values()) worker.kill()
    })
    await ended
    cancel()
  }
}
