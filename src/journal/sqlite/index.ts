/** `hono-sse/sqlite`: a journal in the SQLite storage of a Durable Object. */

export {
  createSqliteJournal,
  type SqliteJournal,
  type SqliteJournalOptions,
  type StoredControlRequest,
} from './journal.ts'
export type { ObjectStorage } from './object-storage.ts'
