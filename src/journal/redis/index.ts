/** `hono-sse/redis`: a journal in Redis or Valkey that several hubs share. */

export { createRedisJournal } from './journal.ts'
export type { RedisJournalOptions, RedisObserver } from './options.ts'
