/** What memory and SQLite have in common: a bounded store of events by address. */
import type { JournalEntry } from './journal.ts'

/** What the shelf may hold. */
export interface JournalBounds {
  /** Entries per address. */
  readonly maxEvents: number
  /** Milliseconds. */
  readonly maxAgeMs: number
  /** Bytes of all frames, with what keeping them costs. */
  readonly maxBytes: number
}

/** A bounded store of entries. */
export interface EventStore {
  /** Entries, and their bytes with what keeping them costs. */
  readonly size: { readonly events: number; readonly bytes: number }
  append(key: string, entry: JournalEntry, now: number): void
  /** Gives up what is too old. */
  expire(now: number): void
  /** The entries of these addresses behind a sequence, oldest first. */
  readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry>
  /** Whether an entry of these addresses behind this sequence was given up. */
  evictedAfter(keys: readonly string[], sequence: number): boolean
  clear(): void
}
