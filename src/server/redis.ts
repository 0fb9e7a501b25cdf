/** Opens the journal in Redis that the configuration describes, and logs the state of its connection. */
import type { Logger } from '@logtape/logtape'
import type { Journal } from '../journal/journal.ts'
import type { RedisObserver } from '../journal/redis/options.ts'
import { journalBounds } from './compose.ts'
import type { Config } from './config.ts'

/** A journal that several instances share. */
export interface SharedJournal {
  readonly journal: Journal
  /** Resolves once Redis is connected; or with the reason when this Redis can't be used at all. */
  readonly reached: Promise<string | undefined>
}

/**
 * Errors after which a retry can't succeed: Redis rejects the user or lacks a permission, a command or
 * the database; its INFO lacks its ids; the keys belong to another node; or the package is missing.
 */
const REFUSAL =
  /^(NOAUTH|WRONGPASS|NOPERM|FORMAT|MOVED|CROSSSLOT|ERR AUTH|ERR DB index|ERR SELECT is not allowed|ERR unknown command|The INFO of Redis|The Sentinels know no primary|Cannot find (package|module))\b/

/** Returns whether an error is permanent: every retry would fail. @param reason - the message of the error */
export function isFinal(reason: string): boolean {
  return REFUSAL.test(reason)
}

/** Opens the journal in Redis; undefined without `REDIS_URL`. It connects in the background. */
export async function openRedisJournal(
  config: Config,
  log: Logger,
): Promise<SharedJournal | undefined> {
  const { REDIS_URL, REDIS_PREFIX, REDIS_EVICTION } = config
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
    acceptEviction: REDIS_EVICTION === 'accept',
    observer: redisLogger(log, resolveReached),
  })
  return { journal, reached }
}

/** Logs when Redis connects and when the connection is lost; failed retries and further ignored messages only at `debug`. */
function redisLogger(log: Logger, onReached: (refusal?: string) => void): RedisObserver {
  let lost = false
  let ignored = false
  return {
    connected: (eviction) => {
      lost = false
      log.info('Redis connected')
      if (eviction)
        log.warn('Redis may evict the journal: set maxmemory-policy to noeviction', { eviction })
      onReached()
    },
    disconnected: ({ message }: Error) => {
      const line = { reason: message }
      if (lost) log.debug('Redis still unavailable', line)
      else
        log.error(
          'Redis unavailable: publishing returns 503 and streams wait until REDIS_URL is reachable',
          line,
        )
      lost = true
      if (isFinal(message)) onReached(message)
    },
    ignored: ({ message }: Error) => {
      const line = { reason: message }
      if (ignored) log.debug('message from Redis ignored', line)
      else
        log.warn(
          'message from Redis ignored: check that only instances of this hub use REDIS_PREFIX; more are logged at debug',
          line,
        )
      ignored = true
    },
  }
}
