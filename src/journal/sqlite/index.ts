/** `hono-sse/sqlite`: a journal in the SQLite storage of a Durable Object. */

export {
  createSqliteJournal,
  type SqliteJournal,
  type StoredControlRequest,
} from './journal.ts'
export type { ObjectStorage } from './object-storage.ts'
export type { SqliteJournalOptions } from './options.ts'
