/** From configuration to the journal that several instances share, where one is configured. */
import type { Logger } from '@logtape/logtape'
import type { Journal } from '../hub/journal.ts'
import { historyOf } from './compose.ts'
import type { Config } from './config.ts'

/** The journal in Redis; undefined where events live in memory. It is looked for in the background. */
export async function sharedJournal(config: Config, log: Logger): Promise<Journal | undefined> {
  const { REDIS_URL, REDIS_PREFIX } = config
  if (REDIS_URL === undefined) return undefined
  // Loaded only where it is used: the worker's bundle must never hold a client that needs sockets.
  const { createRedisJournal } = await import('../journal/redis.ts')
  return createRedisJournal({
    ...historyOf(config),
    url: REDIS_URL,
    prefix: REDIS_PREFIX,
    observer: observeWith(log),
  })
}

/** One line when Redis is reached, one when it is lost, and none for each try in between. */
function observeWith(log: Logger) {
  let away = false
  return {
    reached: () => {
      away = false
      log.info('journal reached')
    },
    lost: ({ message }: Error) => {
      const line = { reason: message }
      if (away) log.debug('journal still away', line)
      else log.error('journal away: publishing answers 503, streams wait', line)
      away = true
    },
  }
}
