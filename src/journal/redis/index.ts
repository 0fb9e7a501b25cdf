/** `hono-sse/redis`: a journal that several hubs share. */

export { createRedisJournal } from './journal.ts'
export type { LinkObserver, RedisJournalOptions } from './options.ts'
