/** Opens the journal in Redis that the configuration describes, and logs the state of its connection. */
import type { Journal } from '../journal/journal.ts'
import type { RedisObserver } from '../journal/redis/options.ts'
import { journalBounds } from './compose.ts'
import type { Config } from './config.ts'
import type { Logger } from './logger.ts'

/** A journal that several instances share. */
export interface SharedJournal {
  readonly journal: Journal
  /** Resolves once Redis is connected. */
  readonly reached: Promise<void>
  /** Resolves with the reason when Redis was never connected, and can't be used at all: see {@link isFinal}. */
  readonly refused: Promise<string>
}

/**
 * Errors after which a retry can't succeed: Redis rejects the user or lacks a permission, a command or
 * the database; its INFO lacks its ids; the keys belong to another node; or the package is missing.
 */
const REFUSAL =
  /^(NOAUTH|WRONGPASS|NOPERM|FORMAT|MOVED|CROSSSLOT|ERR AUTH|ERR DB index|ERR SELECT is not allowed|ERR unknown command|The INFO of Redis|The Sentinels know no primary|The package @redis\/client can’t be loaded)\b/

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
  const outcome: RedisOutcome = { onReached: () => {}, onRefused: () => {} }
  const reached = new Promise<void>((resolve) => {
    outcome.onReached = resolve
  })
  const refused = new Promise<string>((resolve) => {
    outcome.onRefused = resolve
  })
  const journal = createRedisJournal({
    ...journalBounds(config),
    url: REDIS_URL,
    prefix: REDIS_PREFIX,
    acceptEviction: REDIS_EVICTION === 'accept',
    observer: redisLogger(log, outcome),
  })
  return { journal, reached, refused }
}

/** What a server learns about its Redis. */
interface RedisOutcome {
  onReached: () => void
  /** Called only until Redis was connected once: later, streams are open, and an operator may mend it. */
  onRefused: (reason: string) => void
}

/** The maximum number of reasons that are logged during one outage: some name a port, which changes. */
const MAX_REASONS = 20

/** Logs when Redis connects, and each reason of an outage once; further retries and ignored messages only at `debug`. */
export function redisLogger(log: Logger, { onReached, onRefused }: RedisOutcome): RedisObserver {
  const reasons = new Set<string>()
  let reached = false
  let ignored = false
  return {
    connected: (eviction) => {
      reasons.clear()
      reached = true
      log.info('Redis connected')
      if (eviction)
        log.warn('Redis may evict the journal: set maxmemory-policy to noeviction', { eviction })
      onReached()
    },
    disconnected: ({ message }: Error) => {
      const line = { reason: message }
      if (reasons.has(message) || reasons.size >= MAX_REASONS)
        log.debug('Redis still unavailable', line)
      else
        log.error(
          'Redis unavailable: publishing returns 503 and streams wait until REDIS_URL is reachable',
          line,
        )
      if (reasons.size < MAX_REASONS) reasons.add(message)
      if (!reached && isFinal(message)) onRefused(message)
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
