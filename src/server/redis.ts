/** From configuration to the journal that several instances share, where one is configured. */
import type { Logger } from '@logtape/logtape'
import type { Journal } from '../journal/journal.ts'
import type { RedisObserver } from '../journal/redis/options.ts'
import { journalBounds } from './compose.ts'
import type { Config } from './config.ts'

/** A journal that other instances use, too. */
export interface SharedJournal {
  readonly journal: Journal
  /** Resolves when Redis has been reached for the first time; with a reason when it lets this user do nothing. */
  readonly reached: Promise<string | undefined>
}

/** How Redis says that user or password is wrong, or that the user lacks a right: waiting does not help. */
const REFUSAL = /^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH) /

/** The journal in Redis; undefined where events live in memory. It is looked for in the background. */
export async function openRedisJournal(
  config: Config,
  log: Logger,
): Promise<SharedJournal | undefined> {
  const { REDIS_URL, REDIS_PREFIX } = config
  if (REDIS_URL === undefined) return undefined
  // Loaded only where it is used: the worker's bundle must never hold a client that needs sockets.
  const { createRedisJournal } = await import('../journal/redis/journal.ts')
  let arrive: (refusal?: string) => void = () => {}
  const reached = new Promise<string | undefined>((resolve) => {
    arrive = resolve
  })
  const journal = createRedisJournal({
    ...journalBounds(config),
    url: REDIS_URL,
    prefix: REDIS_PREFIX,
    observer: redisLogger(log, arrive),
  })
  return { journal, reached }
}

/** One line when Redis is reached, one when it is lost, and none for each try in between. */
function redisLogger(log: Logger, arrive: (refusal?: string) => void): RedisObserver {
  let away = false
  return {
    connected: (eviction) => {
      away = false
      log.info('journal reached')
      if (eviction)
        log.warn('Redis may drop the journal: set maxmemory-policy noeviction', { eviction })
      arrive()
    },
    disconnected: ({ message }: Error) => {
      const line = { reason: message }
      if (away) log.debug('journal still away', line)
      else log.error('journal away: publishing answers 503, streams wait', line)
      away = true
      if (REFUSAL.test(message)) arrive(message)
    },
  }
}
