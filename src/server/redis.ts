/** From configuration to the journal in Redis that several instances share. */
import type { Logger } from '@logtape/logtape'
import type { Journal } from '../journal/journal.ts'
import type { RedisObserver } from '../journal/redis/options.ts'
import { journalBounds } from './compose.ts'
import type { Config } from './config.ts'

/** A journal that several instances share. */
export interface SharedJournal {
  readonly journal: Journal
  /** Resolves once Redis is connected; or with the reason when Redis rejects the user or the password. */
  readonly reached: Promise<string | undefined>
}

/** Errors with which Redis rejects a user or password, or a user without permission. A retry can't succeed. */
const REFUSAL = /^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH) /

/** Opens the journal in Redis; undefined without `REDIS_URL`. It connects in the background. */
export async function openRedisJournal(
  config: Config,
  log: Logger,
): Promise<SharedJournal | undefined> {
  const { REDIS_URL, REDIS_PREFIX } = config
  if (REDIS_URL === undefined) return undefined
  // Loaded on demand: the bundle of the Worker must not contain a client that requires sockets.
  const { createRedisJournal } = await import('../journal/redis/journal.ts')
  let resolveReached: (refusal?: string) => void = () => {}
  const reached = new Promise<string | undefined>((resolve) => {
    resolveReached = resolve
  })
  const journal = createRedisJournal({
    ...journalBounds(config),
    url: REDIS_URL,
    prefix: REDIS_PREFIX,
    observer: redisLogger(log, resolveReached),
  })
  return { journal, reached }
}

/** Logs when Redis connects, and when the connection is lost; failed retries, and further ignored messages, only at `debug`. */
function redisLogger(log: Logger, onReached: (refusal?: string) => void): RedisObserver {
  let lost = false
  let ignored = false
  return {
    connected: (eviction) => {
      lost = false
      log.info('journal connected')
      if (eviction)
        log.warn('Redis may evict the journal: set maxmemory-policy to noeviction', { eviction })
      onReached()
    },
    disconnected: ({ message }: Error) => {
      const line = { reason: message }
      if (lost) log.debug('journal still unavailable', line)
      else log.error('journal unavailable: publishing answers 503, and streams wait', line)
      lost = true
      if (REFUSAL.test(message)) onReached(message)
    },
    ignored: ({ message }: Error) => {
      const line = { reason: message }
      if (ignored) log.debug('message from Redis ignored', line)
      else log.warn('message from Redis ignored; more are counted, and logged at debug', line)
      ignored = true
    },
  }
}
