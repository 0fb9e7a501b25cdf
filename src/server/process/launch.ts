/** What a process has at its start, whether it serves, or starts others that do. */
import { isatty } from 'node:tty'
import type { AccessMode } from '../access.ts'
import type { Config } from '../config.ts'
import type { Logger } from '../logger.ts'
import { showBanner } from '../terminal/banner.ts'
import { listenFailure } from '../terminal/listen-failure.ts'
import type { Exit } from './end-process.ts'
import type { ServerAdapter } from './server-adapter.ts'

/** The start of a process. */
export interface Launch {
  readonly adapter: ServerAdapter
  readonly config: Config
  readonly accessMode: AccessMode
  readonly log: Logger
  readonly exit: Exit
  /** Whether to show the banner. */
  readonly banner: boolean
}

/** Says that the server listens. Must be called last, because a reader of the line may send a signal at once. */
export function announce({ config, accessMode, banner, log }: Launch, port: number): void {
  const url = urlOf(config, port)
  const journal = config.REDIS_URL === undefined ? 'memory' : 'redis'
  if (banner) showBanner({ url, page: config.PAGE === 'on', accessMode, journal })
  // On a terminal, the banner has said it.
  if (!(banner && isatty(1))) log.info('listening', { url, journal })
}

function urlOf({ HOST, TLS_CERT }: Config, port: number): string {
  const scheme = TLS_CERT === undefined ? 'http' : 'https'
  return `${scheme}://${HOST.includes(':') ? `[${HOST}]` : HOST}:${port}`
}

/** Logs why the server can't listen, and ends the process. */
export async function failToListen({ config, log, exit }: Launch, error: unknown): Promise<never> {
  const where = { host: config.HOST, port: config.PORT }
  const known = listenFailure(error)
  if (known) log.fatal(known, where)
  else log.fatal('can’t listen: check HOST, PORT, TLS_CERT and TLS_KEY', { ...where, error })
  return await exit(1)
}

/** Seconds in which most load balancers probe an instance twice. */
const DRAIN_DELAY_SECONDS = 5

/** Milliseconds that a server continues after a signal. */
export function drainDelayMs(config: Config, signal: string): number {
  if (signal !== 'SIGTERM') return 0
  const standard = isatty(0) ? 0 : DRAIN_DELAY_SECONDS
  return (config.DRAIN_DELAY_SECONDS ?? standard) * 1_000
}
