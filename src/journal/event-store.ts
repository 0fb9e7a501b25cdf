/** A bounded store of events by address: the interface that memory and SQLite share. */
import type { AddressKeys } from '../core/address.ts'
import type { HubEvent } from '../core/event.ts'
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

/** The key of an event, what it does to earlier ones with the same key, and its topic. */
export type Keyed = Pick<HubEvent, 'key' | 'replace' | 'retain' | 'topic'>

/** A bounded store of journal entries. */
export interface EventStore {
  /** The number of entries, their bytes including the overhead of storing them, and how many were evicted. */
  readonly size: JournalStats
  /**
   * Stores an entry at each of these addresses.
   * @param event - the event of the entry, for its key. @defaultValue it has none
   */
  append(keys: AddressKeys, entry: JournalEntry, now: number, event?: Keyed): void
  /** Removes the entries that an event with this key supersedes at these addresses. They are not lost, so that this is no eviction. */
  supersede(keys: AddressKeys, key: string): void
  /** Evicts entries that are too old. */
  expire(now: number): void
  /** Iterates over the entries of these addresses after a sequence, oldest first, each once. */
  readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry>
  /** Returns whether an entry of these addresses after this sequence was evicted. */
  evictedAfter(keys: readonly string[], sequence: number): boolean
  clear(): void
}

/** The retained events of a store. */
export interface RetainedSource {
  /** Iterates over the retained entries of these addresses after a sequence, oldest first; undefined if the store has none at all. */
  retainedAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry> | undefined
}
