/** `hono-sse/sqlite`: a journal in the SQLite storage of a Durable Object. */

export {
  createSqliteJournal,
  type SqliteJournal,
  type SqliteJournalOptions,
} from './journal.ts'
export type { ObjectStorage } from './object-storage.ts'
