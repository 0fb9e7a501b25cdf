/** `hono-sse/sqlite`: a journal on the disk of a Durable Object. */
export type { ObjectStorage } from '../journal/disk.ts'
export {
  createSqliteJournal,
  type SqliteJournal,
  type SqliteJournalOptions,
} from '../journal/sqlite.ts'
