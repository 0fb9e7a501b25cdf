/** A bounded store of events by address: the interface that memory and SQLite share. */
import type { AddressKeys } from '../core/address.ts'
import type { JournalEntry, JournalStats } from './journal.ts'

/** The bounds of an event store. */
export interface JournalBounds {
  /** Entries per address. */
  readonly maxEvents: number
  /** Milliseconds that an entry is stored. */
  readonly maxAgeMs: number
  /** Bytes of all frames, including the overhead of storing them. */
  readonly maxBytes: number
}

/** A bounded store of journal entries. */
export interface EventStore {
  /** The number of entries, their bytes including the overhead of storing them, and how many were evicted. */
  readonly size: JournalStats
  /** Stores an entry at each of these addresses. */
  append(keys: AddressKeys, entry: JournalEntry, now: number): void
  /** Evicts entries that are too old. */
  expire(now: number): void
  /** Iterates over the entries of these addresses after a sequence, oldest first, each once. */
  readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry>
  /** Returns whether an entry of these addresses after this sequence was evicted. */
  evictedAfter(keys: readonly string[], sequence: number): boolean
  clear(): void
}
