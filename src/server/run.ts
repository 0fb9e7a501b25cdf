/** The life of a server process: configuration, start, signals, a graceful end. */
import type { Hono } from 'hono'
import { compose, type Runtime } from './compose.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { openLog } from './log.ts'
import { OPEN_TO_ALL, reachOf, stanceOf } from './rights.ts'
import { sharedJournal } from './sharing.ts'

/** A socket that accepts requests. */
export interface Listener {
  /** The port that it really got. */
  readonly port: number
  /** Stops accepting, and resolves when what was open is closed; `force` closes that at once. */
  stop(how: 'gently' | 'force'): Promise<void>
}

/** What differs from runtime to runtime. */
export interface Door extends Runtime {
  /** @throws when the port can't be had */
  listen(app: Hono, config: Config): Promise<Listener>
}

/** Milliseconds for requests that are still under way once all streams are over. */
const LAST_REQUESTS_MS = 500

/** Runs a server until SIGTERM or SIGINT; the second signal ends the process at once. */
export async function run(door: Door): Promise<void> {
  const config = configOrExit()
  const log = openLog(config.LOG_LEVEL)
  const stance = stanceOf(config, reachOf(config))
  if (stance === 'anonymous') log.warn('ALLOW_ANONYMOUS: anyone may listen as anyone and publish')
  const journal = await sharedJournal(config, log)
  const service = compose(config, stance, log, door, journal)
  const listener = await door.listen(service.app, config).catch((error: unknown) => {
    log.fatal('cannot listen', { host: config.HOST, port: config.PORT, error })
    process.exit(1)
  })
  const host = config.HOST.includes(':') ? `[${config.HOST}]` : config.HOST
  log.info('listening', {
    url: `http://${host}:${listener.port}`,
    journal: journal ? 'redis' : 'memory',
  })
  let stopping = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(signal === 'SIGTERM' ? 143 : 130)
      stopping = true
      void stop(signal)
    })
  }

  async function stop(signal: string): Promise<void> {
    log.info('stopping', { signal })
    // The streams first, with the door still open: who comes now is told when to come back.
    await service.close()
    const timer = setTimeout(() => void listener.stop('force'), LAST_REQUESTS_MS)
    await listener.stop('gently')
    clearTimeout(timer)
    log.info('stopped')
    process.exit(0)
  }
}

function configOrExit(): Config {
  try {
    const config = readConfig(process.env)
    if (stanceOf(config, reachOf(config)) !== 'refused') return config
    throw new ConfigError(`HOST=${config.HOST} is beyond this machine. ${OPEN_TO_ALL}`)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    console.error(error.message)
    process.exit(2)
  }
}
