/** `hono-sse/redis`: a journal that several hubs share. */
export type { LinkObserver, RedisJournalOptions } from '../journal/options.ts'
export { createRedisJournal } from '../journal/redis.ts'
