/** Runs a server process: reads its configuration, starts it, and shuts it down gracefully at a signal. */
import { isatty } from 'node:tty'
import type { Logger } from '@logtape/logtape'
import type { Hono } from 'hono'
import { type AccessMode, accessModeOf, CONFIGURE_ACCESS, exposureOf } from './access.ts'
import { compose, type RuntimeSupport, type Service } from './compose.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { droppedLine, openLog } from './log.ts'
import { createLogQueue, type LogQueue, type WriteLog } from './log-queue.ts'
import { openRedisJournal, type SharedJournal } from './redis.ts'
import { createReport, type Report } from './report.ts'
import { writeStdout } from './stdout.ts'

/**
 * What a runtime must provide to run the server. An adapter for another runtime is an object of this
 * type, and an entry point that passes it to {@link run}. `src/adapters/deno/adapter.ts` is the
 * shortest example.
 */
export interface ServerAdapter extends RuntimeSupport {
  /**
   * Whether `listen` serves TLS with the files in `TLS_CERT` and `TLS_KEY`. Without it, the server
   * refuses to start when they are set.
   * @defaultValue `false`
   */
  readonly tls?: boolean
  /**
   * Listens on `config.HOST` and `config.PORT`, passes every request to `app.fetch`, and resolves
   * once connections are accepted. Streams are quiet for up to `HEARTBEAT_SECONDS` and last for an
   * hour or more: turn off any timeout of the runtime that would cut them. When a client disconnects,
   * the stream's `onAbort` listeners must run, also while nothing is being written.
   * `report` logs what happens while it listens, such as a connection that can't be accepted.
   * @throws when the port is taken, or the certificate can't be used
   */
  listen(app: Hono, config: Config, report: Report): Promise<Listener>
  /**
   * Writes to standard output without blocking the event loop.
   * @defaultValue Node's `fs.write`, which Bun also has
   */
  readonly writeLog?: WriteLog
}

/** A socket that accepts connections. */
export interface Listener {
  /** The port that it listens on, also when `PORT` is 0. */
  readonly port: number
  /** Stops accepting connections. Resolves when the open ones have closed. */
  stop(): Promise<void>
}

/** Options of {@link run}. */
export interface RunOptions {
  /** The variables that configure the server. @defaultValue `process.env` */
  readonly environment?: Readonly<Record<string, unknown>>
  /** Called once the server listens. @defaultValue the log line `listening` alone */
  readonly onListening?: (info: StartInfo) => void
}

/** What a server reports once it listens. */
export interface StartInfo {
  readonly url: string
  readonly accessMode: AccessMode
  readonly journal: 'memory' | 'redis'
}

/**
 * Runs a server until SIGTERM, SIGINT or SIGHUP, then drains it and exits. A second signal ends the process
 * at once. Exits with 2 if the configuration can't be used, and with 1 if the server can't listen.
 */
export async function run(adapter: ServerAdapter, options: RunOptions = {}): Promise<void> {
  const { environment = process.env, onListening } = options
  const config = readConfigOrExit(adapter, environment)
  const output = createLogQueue(adapter.writeLog ?? writeStdout, droppedLine)
  const log = openLog(config.LOG_LEVEL, output)
  const exit = exitAfter(output)
  const accessMode = accessModeOf(config, exposureOf(config))
  warnOfRisks(config, accessMode, log)
  const shared = await openRedisJournal(config, log)
  const service = compose({ config, accessMode, log, runtime: adapter, journal: shared?.journal })
  let listener: Listener | undefined
  const stopping = stopOnSignals({ service, listener: () => listener, config, log, exit })
  if (shared) await firstConnection(shared, log, exit)
  if (stopping()) return
  listener = await listenOrExit(adapter, service, config, log, exit)
  if (stopping()) return
  // Logged last, because a reader of this line may send a signal at once.
  const url = urlOf(config, listener)
  const journal = shared ? 'redis' : 'memory'
  log.info('listening', { url, journal })
  onListening?.({ url, accessMode, journal })
}

function readConfigOrExit(
  { tls = false }: ServerAdapter,
  environment: Readonly<Record<string, unknown>>,
): Config {
  try {
    const config = readConfig(environment)
    if (config.TLS_CERT !== undefined && !tls) {
      throw new ConfigError(
        'TLS_CERT and TLS_KEY require Node: unset them, and terminate TLS in a reverse proxy.',
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
async function firstConnection({ reached }: SharedJournal, log: Logger, exit: Exit): Promise<void> {
  const refusal = await Promise.race([reached, sleep(FIRST_CONNECTION_MS)])
  if (refusal === undefined) return
  log.fatal('the Redis at REDIS_URL can’t be used: see the reason', { reason: refusal })
  await exit(2)
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}

async function listenOrExit(
  adapter: ServerAdapter,
  { app }: Service,
  config: Config,
  log: Logger,
  exit: Exit,
): Promise<Listener> {
  try {
    return await adapter.listen(app, config, createReport(log))
  } catch (error) {
    log.fatal('can’t listen: check HOST, PORT, TLS_CERT and TLS_KEY', {
      host: config.HOST,
      port: config.PORT,
      error,
    })
    return await exit(1)
  }
}

/** Ends the process once the log is written. */
type Exit = (code: number) => Promise<never>

/** Milliseconds to wait until the last log lines are written. */
const LAST_LINES_MS = 500

function exitAfter(output: LogQueue): Exit {
  return async (code) => {
    await Promise.race([output.flush(), sleep(LAST_LINES_MS)])
    // On every runtime, this closes the sockets that nobody reads from.
    process.exit(code)
  }
}

function urlOf({ HOST, TLS_CERT }: Config, { port }: Listener): string {
  const scheme = TLS_CERT === undefined ? 'http' : 'https'
  return `${scheme}://${HOST.includes(':') ? `[${HOST}]` : HOST}:${port}`
}

/** The share of the drain that is reserved for other requests once all streams have ended; 500 ms at most. */
const LAST_REQUESTS = 0.1

/** What a signal stops. */
interface Stoppable {
  readonly service: Service
  /** Undefined before the server listens. */
  listener(): Listener | undefined
  readonly config: Config
  readonly log: Logger
  readonly exit: Exit
}

/** Seconds in which most load balancers probe an instance twice. */
const DRAIN_DELAY_SECONDS = 5

function drainDelayMs(config: Config): number {
  const standard = isatty(0) ? 0 : DRAIN_DELAY_SECONDS
  return (config.DRAIN_DELAY_SECONDS ?? standard) * 1_000
}

/** Signals and their numbers: a shell reports 128 plus the number as the exit code. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const

/** Stops at the first signal and ends the process at the second. Returns whether it is stopping. */
function stopOnSignals({ service, listener, config, log, exit }: Stoppable): () => boolean {
  let stopping = false
  for (const [signal, number] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (stopping) process.exit(128 + number)
      stopping = true
      stop(signal).catch(async (error: unknown) => {
        log.fatal('stopping failed', { error })
        await exit(1)
      })
    })
  }
  return () => stopping

  async function stop(signal: string): Promise<void> {
    log.info('stopping', { signal })
    // A load balancer needs a probe or two to notice that it should use other instances.
    if (signal === 'SIGTERM' && listener()) {
      service.retire()
      await sleep(drainDelayMs(config))
    }
    // The socket stays open while the streams end: new connections still learn when to reconnect.
    const drainMs = config.DRAIN_SECONDS * 1_000
    const lastRequestsMs = Math.min(500, drainMs * LAST_REQUESTS)
    await service.close(drainMs - lastRequestsMs)
    await Promise.race([listener()?.stop(), sleep(lastRequestsMs)])
    log.info('stopped')
    await exit(0)
  }
}
