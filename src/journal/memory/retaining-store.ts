/** An event store with two parts: the log, and the retained events, which do not age and have a bound of their own. */
import type { AddressKeys } from '../../core/address.ts'
import type { EventStore, JournalBounds, Keyed, RetainedSource } from '../event-store.ts'
import type { JournalEntry } from '../journal.ts'
import { mergeEntries } from '../merge-entries.ts'
import { createEventStore } from './store.ts'

/** The bounds of the log, and that of the retained events. */
export interface RetainingStoreBounds extends JournalBounds {
  /** Bytes of all retained events, including the overhead of storing them. */
  readonly maxRetainedBytes: number
}

/** The maximum size of a retained event at one address, beyond its frame: an entry, its address and its place in the index of keys. */
export const RETAINED_IN_MEMORY = { nameCopies: 4, overheadBytes: 1_052 } as const

/** Creates an empty store. */
export function createRetainingStore({
  maxRetainedBytes,
  ...bounds
}: RetainingStoreBounds): EventStore & RetainedSource {
  const log = createEventStore(bounds)
  const retained = createEventStore({
    maxEvents: Number.POSITIVE_INFINITY,
    maxAgeMs: Number.POSITIVE_INFINITY,
    maxBytes: maxRetainedBytes,
  })
  return {
    get size() {
      return { ...log.size, retained: retained.size }
    },
    append,
    supersede,
    expire: log.expire,
    readAfter,
    evictedAfter,
    retainedAfter,
    clear: () => {
      log.clear()
      retained.clear()
    },
  }

  function append(keys: AddressKeys, entry: JournalEntry, now: number, event?: Keyed): void {
    if (event?.key === undefined) {
      log.append(keys, entry, now)
      return
    }
    const [own, other] = event.retain ? [retained, log] : [log, retained]
    if (event.replace) other.supersede(keys, event.key)
    own.append(keys, entry, now, event)
  }

  function supersede(keys: AddressKeys, key: string): void {
    log.supersede(keys, key)
    retained.supersede(keys, key)
  }

  function readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry> {
    const entries = log.readAfter(keys, sequence)
    const kept = retainedAfter(keys, sequence)
    return kept ? mergeEntries(entries, kept) : entries
  }

  function retainedAfter(
    keys: readonly string[],
    sequence: number,
  ): Iterable<JournalEntry> | undefined {
    return retained.size.events > 0 ? retained.readAfter(keys, sequence) : undefined
  }

  function evictedAfter(keys: readonly string[], sequence: number): boolean {
    if (log.evictedAfter(keys, sequence)) return true
    return Boolean(retained.size.evicted) && retained.evictedAfter(keys, sequence)
  }
}
