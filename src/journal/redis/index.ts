/** `hono-sse/redis`: a journal that several hubs share. */

export { createRedisJournal } from './journal.ts'
export type { RedisJournalOptions, RedisObserver } from './options.ts'
