/** An event store in memory: a log per address, and the oldest entries evicted beyond the bounds. */
import type { EventStore, JournalBounds } from '../event-store.ts'
import type { JournalEntry } from '../journal.ts'

/** A stored event. It is in two lists: the log of its address, and a linked list of all events by age. */
interface StoredEvent {
  readonly entry: JournalEntry
  readonly log: AddressLog
  readonly bytes: number
  readonly at: number
  older: StoredEvent | undefined
  newer: StoredEvent | undefined
}

interface AddressLog {
  readonly key: string
  /** The events, oldest first, from index `first` on. The elements before it are undefined. */
  events: (StoredEvent | undefined)[]
  first: number
  /** The sequence of the last evicted entry. */
  evictedUpTo: number
}

/** A position in the log of one address. */
interface LogReader {
  readonly events: AddressLog['events']
  next: number
}

/** The overhead of an entry besides its frame, as measured on V8: its objects and its buffer. */
const ENTRY_BYTES = 320

/** How many empty addresses the store remembers the last evicted sequence for. */
const MAX_EMPTY_ADDRESSES = 100_000

/** Creates an empty store. */
export function createEventStore({ maxEvents, maxAgeMs, maxBytes }: JournalBounds): EventStore {
  const logs = new Map<string, AddressLog>()
  /** The last evicted sequence of each empty address; the address that became empty first comes first. */
  const evictedUpTo = new Map<string, number>()
  /** For an address in neither map, no entry after this sequence was evicted. */
  let evictionFloor = 0
  let events = 0
  let bytes = 0
  let oldest: StoredEvent | undefined
  let newest: StoredEvent | undefined

  return {
    get size() {
      return { events, bytes }
    },
    append,
    expire,
    readAfter,
    evictedAfter,
    clear,
  }

  function append(key: string, entry: JournalEntry, now: number): void {
    const log = logs.get(key) ?? newLog(key)
    const size = entry.frame.byteLength + ENTRY_BYTES
    const stored: StoredEvent = {
      entry,
      log,
      bytes: size,
      at: now,
      older: newest,
      newer: undefined,
    }
    if (newest) newest.newer = stored
    else oldest = stored
    newest = stored
    log.events.push(stored)
    events += 1
    bytes += size
    if (log.events.length - log.first > maxEvents) evictOldest(log)
    while (oldest && bytes > maxBytes) evictOldest(oldest.log)
    expire(now)
  }

  function expire(now: number): void {
    while (oldest && now - oldest.at > maxAgeMs) evictOldest(oldest.log)
  }

  function* readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry> {
    const readers = keys.flatMap((key) => {
      const log = logs.get(key)
      return log ? [{ events: log.events, next: firstAfter(log, sequence) }] : []
    })
    for (;;) {
      let best: LogReader | undefined
      for (const reader of readers) {
        if (sequenceAt(reader) < sequenceAt(best)) best = reader
      }
      const stored = best?.events[best.next]
      if (!best || !stored) return
      best.next += 1
      yield stored.entry
    }
  }

  function evictedAfter(keys: readonly string[], sequence: number): boolean {
    return keys.some((key) => {
      const evicted = logs.get(key)?.evictedUpTo ?? evictedUpTo.get(key) ?? evictionFloor
      return evicted > sequence
    })
  }

  function clear(): void {
    logs.clear()
    evictedUpTo.clear()
    oldest = undefined
    newest = undefined
    events = 0
    bytes = 0
  }

  function newLog(key: string): AddressLog {
    const log: AddressLog = {
      key,
      events: [],
      first: 0,
      evictedUpTo: evictedUpTo.get(key) ?? evictionFloor,
    }
    evictedUpTo.delete(key)
    logs.set(key, log)
    return log
  }

  /** Evicts the oldest entry of a log. The oldest entry of the store is always the first of its log. */
  function evictOldest(log: AddressLog): void {
    const stored = log.events[log.first]
    if (!stored) return
    log.events[log.first] = undefined
    log.first += 1
    log.evictedUpTo = stored.entry.sequence
    events -= 1
    bytes -= stored.bytes
    unlink(stored)
    if (log.first === log.events.length) retire(log)
    // More than half of the array is empty: copying the rest now takes amortized constant time per entry.
    else if (log.first * 2 > log.events.length) {
      log.events = log.events.slice(log.first)
      log.first = 0
    }
  }

  function unlink(stored: StoredEvent): void {
    if (stored.older) stored.older.newer = stored.newer
    else oldest = stored.newer
    if (stored.newer) stored.newer.older = stored.older
    else newest = stored.older
  }

  function retire(log: AddressLog): void {
    logs.delete(log.key)
    evictedUpTo.set(log.key, log.evictedUpTo)
    if (evictedUpTo.size <= MAX_EMPTY_ADDRESSES) return
    const [first] = evictedUpTo
    if (!first) return
    evictedUpTo.delete(first[0])
    evictionFloor = Math.max(evictionFloor, first[1])
  }
}

function sequenceAt(reader: LogReader | undefined): number {
  return reader?.events[reader.next]?.entry.sequence ?? Number.POSITIVE_INFINITY
}

/** Returns the index of the first event after a sequence, by binary search. */
function firstAfter({ events, first }: AddressLog, sequence: number): number {
  let low = first
  let high = events.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((events[middle]?.entry.sequence ?? 0) > sequence) high = middle
    else low = middle + 1
  }
  return low
}
