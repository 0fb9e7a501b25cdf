/** The life of a server process: configuration, start, signals, a graceful end. */
import type { Hono } from 'hono'
import { type AccessMode, accessModeOf, exposureOf, OPEN_TO_ALL } from './access.ts'
import { compose, type RuntimeSupport } from './compose.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { openLog } from './log.ts'
import { openRedisJournal } from './redis.ts'

/** A socket that accepts requests. */
export interface Listener {
  /** The port that it really got. */
  readonly port: number
  /** Stops accepting, and resolves when what was open is closed. */
  stop(): Promise<void>
}

/** What differs from runtime to runtime. */
export interface ServerAdapter extends RuntimeSupport {
  /** Whether it can speak TLS itself. @defaultValue `false` */
  readonly tls?: boolean
  /** @throws when the port can't be had */
  listen(app: Hono, config: Config): Promise<Listener>
}

/** What there is to say of a server once it listens. */
export interface StartInfo {
  readonly url: string
  readonly accessMode: AccessMode
  readonly journal: 'memory' | 'redis'
}

/** How a server is started. */
export interface RunOptions {
  /** What configures it. @defaultValue `process.env` */
  readonly environment?: Readonly<Record<string, unknown>>
  /** Called once it listens. @defaultValue nothing is said beside the log */
  readonly onListening?: (facts: StartInfo) => void
}

/** The part of the drain that is left to requests still under way once all streams are over; 500 ms at the most. */
const LAST_REQUESTS = 0.1

/** Milliseconds that a server waits for its journal before it listens. */
const FIRST_REACH_MS = 8_000

/** Runs a server until SIGTERM or SIGINT; the second signal ends the process at once. */
export async function run(door: ServerAdapter, options: RunOptions = {}): Promise<void> {
  const { environment = process.env, onListening } = options
  const config = configOrExit(door, environment)
  const log = openLog(config.LOG_LEVEL)
  const accessMode = accessModeOf(config, exposureOf(config))
  if (accessMode === 'anonymous')
    log.warn('ALLOW_ANONYMOUS: anyone may listen as anyone and publish')
  if (config.JWKS_URL !== undefined && config.JWT_AUDIENCE === undefined) {
    log.warn(
      'without JWT_AUDIENCE every token of the issuer is taken, also one meant for another app',
    )
  }
  const shared = await openRedisJournal(config, log)
  const service = compose(config, accessMode, log, door, shared?.journal)
  // Who comes at once need not be sent away; who comes to a hub without its journal must be.
  const refusal = shared && (await Promise.race([shared.reached, sleep(FIRST_REACH_MS)]))
  if (refusal) {
    log.fatal('Redis refuses the user or the password of REDIS_URL', { reason: refusal })
    process.exit(2)
  }
  const listener = await door.listen(service.app, config).catch((error: unknown) => {
    log.fatal('cannot listen', { host: config.HOST, port: config.PORT, error })
    process.exit(1)
  })
  const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST
  const scheme = config.TLS_CERT === undefined ? 'http' : 'https'
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(signal === 'SIGTERM' ? 143 : 130)
      stopping = true
      void stop(signal)
    })
  }
  // Said last: whoever reads it may send a signal at once.
  const url = `${scheme}://${host}:${listener.port}`
  const journal = shared ? 'redis' : 'memory'
  log.info('listening', { url, journal })
  onListening?.({ url, accessMode, journal })

  async function stop(signal: string): Promise<void> {
    log.info('stopping', { signal })
    // The streams first, with the door still open: who comes now is told when to come back.
    const drainMs = config.DRAIN_SECONDS * 1_000
    const lastRequestsMs = Math.min(500, drainMs * LAST_REQUESTS)
    await service.close(drainMs - lastRequestsMs)
    const giveUp = new Promise<void>((resolve) => setTimeout(resolve, lastRequestsMs))
    await Promise.race([listener.stop(), giveUp])
    log.info('stopped')
    // A socket that nobody reads from is closed by this, on every runtime.
    process.exit(0)
  }
}

function sleep(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}

function configOrExit(
  { tls = false }: ServerAdapter,
  environment: Readonly<Record<string, unknown>>,
): Config {
  try {
    const config = readConfig(environment)
    if (config.TLS_CERT !== undefined && !tls) {
      throw new ConfigError('TLS_CERT is for the Node door: here, let a proxy in front speak TLS.')
    }
    if (accessModeOf(config, exposureOf(config)) !== 'refused') return config
    throw new ConfigError(`HOST=${config.HOST} is beyond this machine. ${OPEN_TO_ALL}`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(2)
  }
}
