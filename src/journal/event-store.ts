/** What memory and SQLite have in common: a bounded store of events by address. */
import type { Entry } from './journal.ts'

/** What the shelf may hold. */
export interface ShelfBounds {
  /** Entries per address. */
  readonly maxEvents: number
  /** Milliseconds. */
  readonly maxAgeMs: number
  /** Bytes of all frames, with what keeping them costs. */
  readonly maxBytes: number
}

/** A bounded store of entries. */
export interface Shelf {
  /** Entries, and their bytes with what keeping them costs. */
  readonly size: { readonly events: number; readonly bytes: number }
  put(key: string, entry: Entry, now: number): void
  /** Gives up what is too old. */
  expire(now: number): void
  /** The entries of these addresses behind a sequence, oldest first. */
  after(keys: readonly string[], sequence: number): Iterable<Entry>
  /** Whether an entry of these addresses behind this sequence was given up. */
  evictedAfter(keys: readonly string[], sequence: number): boolean
  clear(): void
}
