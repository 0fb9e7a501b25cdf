/** Runs a server process: reads its configuration, starts it, and shuts it down gracefully at a signal. */
import { availableParallelism } from 'node:os'
import { isatty } from 'node:tty'
import { systemClock } from '../core/clock.ts'
import { VERSION } from '../http/openapi/document.ts'
import { type AccessMode, accessModeOf, CONFIGURE_ACCESS, exposureOf } from './access.ts'
import { compose, type Service } from './compose.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { type ListenInit, type ListeningSocket, openSocket } from './listening.ts'
import { createLogQueue } from './log-queue.ts'
import { droppedLine, type Logger, openLog } from './logger.ts'
import { type Exit, exitAfter, sleep } from './process/end-process.ts'
import { announce, drainDelayMs, failToListen, type Launch } from './process/launch.ts'
import { createProcessMetrics } from './process/process-metrics.ts'
import type { ServerAdapter } from './process/server-adapter.ts'
import { loadTracing } from './process/tracing.ts'
import { inWholeLines } from './process/whole-lines.ts'
import { openRedisJournal, type SharedJournal } from './redis.ts'
import { createReport } from './report.ts'
import { writeStdout } from './stdout.ts'
import { onStopSignal, type StopSignal, stopServer } from './stopping.ts'
import { jsonLine, type LogFormat, textLine } from './terminal/log-line.ts'
import { type WorkerName, workerNameIn } from './workers/process-messages.ts'
import type { WorkerRole } from './workers/worker.ts'

export type { ServerAdapter } from './process/server-adapter.ts'

/** Options of {@link run}. */
export interface RunOptions {
  /** The variables that configure the server. @defaultValue `process.env` */
  readonly environment?: Readonly<Record<string, unknown>>
  /** Whether to show the banner, on standard error. @defaultValue only where standard output is a terminal */
  readonly banner?: boolean
}

/**
 * Runs a server until SIGTERM, SIGINT or SIGHUP, then drains it and exits. A second signal ends the process
 * at once. Exits with 2 if the configuration can't be used, and with 1 if the server can't listen. The log
 * is JSON, and text where standard output is a terminal.
 */
export async function run(adapter: ServerAdapter, options: RunOptions = {}): Promise<void> {
  const onTerminal = isatty(1)
  const { environment = process.env, banner = onTerminal } = options
  const config = readConfigOrExit(adapter, environment)
  const accessMode = accessModeOf(config, exposureOf(config))
  const worker = process.send && workerNameIn(process.env)
  const { writeLog: write = writeStdout } = adapter
  const format = formatOf(onTerminal ? textLine : jsonLine, worker)
  const output = createLogQueue(worker ? inWholeLines(write) : write, (count) => {
    return droppedLine(count, format)
  })
  const log = openLog(config.LOG_LEVEL, output, format)
  const launch = { adapter, config, accessMode, log, exit: exitAfter(output), banner }
  if (worker) {
    if (worker.version !== VERSION) {
      log.fatal(OTHER_VERSION, { installed: VERSION, running: worker.version })
      await launch.exit(1)
    }
    const { joinFirst } = await import('./workers/worker.ts')
    return await serve(launch, joinFirst(worker, config, log))
  }
  warnOfRisks(config, accessMode, log)
  const count = workersOf(config)
  if (count === 1 || !adapter.fork) return await serve(launch)
  const { runFirst } = await import('./workers/first.ts')
  await runFirst(launch, adapter.fork, count)
}

const OTHER_VERSION =
  'this worker can’t join because another version was installed since the server started: restart the server'

/** Serves requests in this process. @param worker - how it is connected to the first process, if others serve, too */
async function serve(launch: Launch, worker?: WorkerRole): Promise<void> {
  const { adapter, config, accessMode, log, exit } = launch
  const shared = await openRedisJournal(config, log)
  const service = compose({
    // Whoever holds the journal sends the time to all workers.
    config: worker?.journal ? { ...config, CLOCK_SECONDS: 0 } : config,
    accessMode,
    log,
    runtime: adapter,
    journal: shared?.journal ?? worker?.journal,
    metrics: createProcessMetrics({ clock: systemClock, openFiles: adapter.openFiles }),
    sharing: worker?.sharing,
    tracing: await loadTracing(),
  })
  let socket: ListeningSocket | undefined
  const stopping = stopOnSignals({ service, socket: () => socket, launch, worker })
  if (shared) await firstConnection(shared, log, exit)
  await worker?.reached
  if (stopping()) return
  socket = await listenOrExit(launch, service, worker)
  if (stopping()) return
  if (worker) worker.listening()
  else announce(launch, socket.port)
}

/** Names the worker in each line. */
function formatOf(format: LogFormat, worker: WorkerName | undefined): LogFormat {
  if (!worker) return format
  return (level, message, fields, clock) =>
    format(level, message, { worker: worker.name, ...fields }, clock)
}

function workersOf({ WORKERS }: Config): number {
  return WORKERS === 'auto' ? availableParallelism() : WORKERS
}

function readConfigOrExit(
  { tls = false, fork, compression }: ServerAdapter,
  environment: Readonly<Record<string, unknown>>,
): Config {
  try {
    const config = readConfig(environment)
    if (config.TLS_CERT !== undefined && !tls) {
      throw new ConfigError(
        'TLS_CERT and TLS_KEY require Node: unset them, and terminate TLS in a reverse proxy.',
      )
    }
    if (config.COMPRESS_MIN_BYTES > 0) checkCompression(compression, config.COMPRESS_MIN_BYTES)
    if (config.WORKERS !== 1 && !fork) {
      throw new ConfigError(
        'WORKERS requires Node or Bun: unset it, or start several instances with REDIS_URL.',
      )
    }
    if (accessModeOf(config, exposureOf(config)) !== 'refused') return config
    throw new ConfigError(
      `HOST=${config.HOST} is reachable from other machines. ${CONFIGURE_ACCESS}`,
    )
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(2)
  }
}

/** Node before 20.15 can't compress. */
function checkCompression(compression: ServerAdapter['compression'], minBytes: number): void {
  try {
    compression?.({ minBytes })
  } catch (error) {
    throw new ConfigError(`COMPRESS_MIN_BYTES can’t be used: ${(error as Error).message}`)
  }
}

function warnOfRisks(config: Config, accessMode: AccessMode, log: Logger): void {
  if (accessMode === 'anonymous') {
    log.warn('ALLOW_ANONYMOUS is set: anyone may listen as any client and publish to everyone')
  }
  if (config.JWKS_URL !== undefined && config.JWT_AUDIENCE === undefined) {
    log.warn(
      'JWT_AUDIENCE is not set: set it, or the hub accepts tokens that the issuer issued for other apps',
    )
  }
}

/** Milliseconds that a server waits for its journal before it listens. */
const FIRST_CONNECTION_MS = 8_000

/** Without its journal, a hub refuses the first clients: give it time to connect. */
async function firstConnection(
  { reached, refused }: SharedJournal,
  log: Logger,
  exit: Exit,
): Promise<void> {
  // Also of a Redis that comes up later.
  const refusal = refused.then((reason) => {
    log.fatal('the Redis at REDIS_URL can’t be used: see the reason', { reason })
    return exit(2)
  })
  await Promise.race([reached, refusal, sleep(FIRST_CONNECTION_MS)])
}

async function listenOrExit(
  launch: Launch,
  { app }: Service,
  worker: WorkerRole | undefined,
): Promise<ListeningSocket> {
  const { adapter, config, log } = launch
  const { HOST, PORT, TLS_CERT: certFile, TLS_KEY: keyFile } = config
  const tls = certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined
  const fetch: ListenInit['fetch'] = (request, bindings) => app.fetch(request, bindings)
  try {
    return await openSocket(adapter.listen, {
      fetch,
      hostname: HOST,
      port: worker?.port ?? PORT,
      isShared: worker !== undefined,
      tls,
      http2: true,
      report: createReport(log),
    })
  } catch (error) {
    return await failToListen(launch, error)
  }
}

/** What a signal stops. */
interface SignalInit {
  readonly service: Service
  /** Undefined before the server listens. */
  socket(): ListeningSocket | undefined
  readonly launch: Launch
  readonly worker: WorkerRole | undefined
}

/** Stops at the first signal and ends the process at the second. Returns whether it is stopping. */
function stopOnSignals({ service, socket, launch, worker }: SignalInit): () => boolean {
  const { config, log, exit } = launch
  let stopping = false
  const report = worker ? log.debug : log.info
  onStopSignal(begin)
  // A signal may reach the first process, this one, or both.
  worker?.onStop(begin)
  return () => stopping

  function begin(signal: StopSignal): void {
    if (stopping) return
    stopping = true
    stop(signal).catch(async (error: unknown) => {
      log.fatal('stopping failed', { error })
      await exit(1)
    })
  }

  async function stop(signal: StopSignal): Promise<void> {
    report('stopping', { signal })
    const { retire, close } = service
    await stopServer(
      { retire, close, socket: socket() },
      { delayMs: drainDelayMs(config, signal), drainMs: config.DRAIN_SECONDS * 1_000 },
    )
    report('stopped')
    await exit(0)
  }
}
