/** The first process of several: starts workers, holds their journal, and serves no requests. */
import { createServer } from 'node:net'
import { EVERYONE } from '../../core/address.ts'
import { isoTime, systemClock } from '../../core/clock.ts'
import { VERSION } from '../../http/openapi/document.ts'
import { journalMetrics } from '../../http/routes/metrics.ts'
import { createHolder, type Holder } from '../../journal/ipc/holder.ts'
import { type MessageOf, perform } from '../../journal/ipc/messages.ts'
import { watchSilence } from '../../journal/ipc/silence.ts'
import { createMemoryJournal } from '../../journal/memory/journal.ts'
import { clockPeriodMs, journalBounds } from '../compose.ts'
import type { Config } from '../config.ts'
import { announce, drainDelayMs, failToListen, type Launch } from '../process/launch.ts'
import { createProcessMetrics } from '../process/process-metrics.ts'
import type { Fork, WorkerProcess } from '../process/server-adapter.ts'
import { onStopSignal } from '../stopping.ts'
import { createMetricsCollector } from './metrics-exchange.ts'
import { type ConnectedWorker, createWorkerPool } from './pool.ts'
import { lockPort } from './port-lock.ts'
import { type ToFirst, type ToWorker, workerVariable } from './process-messages.ts'

/** The name of the first process in metrics. */
const FIRST = '0'

/** Milliseconds beyond its drain that a worker has to end. */
const LAST_MS = 3_000

/** Milliseconds between two pings. */
const PING_MS = 1_000

/** The number of looks, one each second, after which a worker that has answered no ping hangs. */
const MAX_SILENT_LOOKS = 30

/** Runs workers until a signal ends them. */
export async function runFirst(launch: Launch, fork: Fork, count: number): Promise<void> {
  const { adapter, config, log, exit } = launch
  const { port, unlock } = await probe(config).catch((error) => failToListen(launch, error))
  const clock = systemClock
  const processMetrics = createProcessMetrics({ clock, openFiles: adapter.openFiles })
  const journal =
    config.REDIS_URL === undefined
      ? createMemoryJournal({ ...journalBounds(config), clock })
      : undefined
  const onError = (error: unknown) => log.error('a message of a worker failed', { error })
  const holder = journal && createHolder({ journal, clock, onError })
  if (holder) startClock(holder, clockPeriodMs(config))
  const workers = new Map<string, WorkerProcess>()
  const send = (worker: WorkerProcess | undefined, message: MessageOf<ToWorker>) =>
    worker?.send(message)
  const collector = createMetricsCollector({
    clock,
    ask: (call) => {
      for (const worker of workers.values()) send(worker, ['metrics', call])
      return [...workers.keys()]
    },
  })
  const pool = createWorkerPool({
    count,
    clock,
    log,
    fork: (name) => fork(workerVariable({ name, count, port, version: VERSION })),
    connect,
    // The others end with this process.
    onUnusable: (code) => void exit(code),
  })
  let stopping = false
  onStopSignal((signal) => {
    stopping = true
    // While the last streams end, another server may listen already.
    unlock()
    log.info('stopping', { signal })
    const maxMs = drainDelayMs(config, signal) + config.DRAIN_SECONDS * 1_000 + LAST_MS
    void pool.stop(signal, maxMs).then(async () => {
      log.info('stopped')
      await exit(0)
    })
  })
  const failed = await pool.start()
  if (stopping) return
  if (!failed) {
    announce(launch, port)
    return
  }
  // With an exit code, it has logged why.
  if (failed.code === null) log.fatal('the first worker was ended', { signal: failed.signal })
  await exit(failed.code ?? 1)

  function ownMetrics(): string {
    const stored = journal ? journalMetrics({ ready: true, ...journal.stats }) : []
    return stored.join('') + processMetrics()
  }

  function connect(name: string, worker: WorkerProcess, onListening: () => void): ConnectedWorker {
    workers.set(name, worker)
    const end = holder?.connect({ post: (message) => send(worker, ['journal', message]) })
    const stopPings = clock.every(PING_MS, () => send(worker, ['ping']))
    const watch = watchSilence(clock, MAX_SILENT_LOOKS, () => {
      log.error('a worker does not respond, and is ended', { worker: name })
      worker.kill()
      watch.heard()
    })
    const fromWorker: ToFirst = {
      listening: onListening,
      pong: watch.heard,
      journal: (message) => end?.onMessage(message),
      attempt: (attempt) => {
        for (const other of workers.values()) {
          if (other !== worker) send(other, ['attempt', attempt])
        }
      },
      collect: (call) => {
        collector.collect((texts) => {
          send(worker, ['collected', call, [[FIRST, ownMetrics()], ...texts]])
        })
      },
      metrics: (call, text) => collector.onText(name, call, text),
    }
    worker.onMessage((message) => {
      try {
        perform(fromWorker, message)
      } catch (error) {
        // A worker must not end the others.
        onError(error)
      }
    })
    return {
      stop: (signal) => send(worker, ['stop', signal]),
      kill: worker.kill,
      close: () => {
        workers.delete(name)
        watch.stop()
        stopPings()
        end?.close()
      },
    }
  }
}

/** Sends the time to the streams of all workers. */
function startClock(holder: Holder, periodMs: number): void {
  if (periodMs === 0) return
  systemClock.every(periodMs, () => {
    holder.relay(EVERYONE, { event: 'time', data: isoTime(systemClock.now()) })
  })
}

/** Finds out whether the port can be listened on, or which one is free: it is said once, and not by each worker. */
async function probe({ HOST, PORT }: Config): Promise<{ port: number; unlock: () => void }> {
  const free = await new Promise<number>((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(PORT, HOST, () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : PORT
      server.close(() => resolve(port))
    })
  })
  // Another server may have probed it at the same time.
  return { port: free, unlock: await lockPort(HOST, free) }
}
