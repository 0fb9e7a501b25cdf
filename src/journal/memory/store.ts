/** Entries by address, in order, with the oldest given up when there are too many. */
import type { EventStore, JournalBounds } from '../event-store.ts'
import type { JournalEntry } from '../journal.ts'

/** A stored stands in two rows: the one of its address, and the one of all, by age. */
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
  /** The books from `first` on; the places before it are empty. */
  events: (StoredEvent | undefined)[]
  first: number
  /** The sequence of the last entry given up. */
  evictedUpTo: number
}

/** How far the reading of a log has come. */
interface LogReader {
  readonly events: AddressLog['events']
  next: number
}

/** What an entry costs beside its frame, as measured on V8: its objects and its buffer. */
const ENTRY_BYTES = 320

/** Addresses without an entry left of which it is remembered what they lost. */
const MAX_EMPTY_ADDRESSES = 100_000

/** Makes an empty shelf. */
export function createEventStore({ maxEvents, maxAgeMs, maxBytes }: JournalBounds): EventStore {
  const logs = new Map<string, AddressLog>()
  /** Addresses that lost all entries → the sequence of the last one, longest ago first. */
  const evictedUpTo = new Map<string, number>()
  /** Of an address that is in neither map, nothing behind this sequence was given up. */
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
    const heads = keys.flatMap((key) => {
      const log = logs.get(key)
      return log ? [{ events: log.events, next: firstAfter(log, sequence) }] : []
    })
    for (;;) {
      let best: LogReader | undefined
      for (const head of heads) {
        if (sequenceAt(head) < sequenceAt(best)) best = head
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

  /** Gives up the oldest entry of a log. The oldest of all is the first of its log, too. */
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
    // Half of the array is gone: copying the rest now costs one step for each entry, all told.
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

function sequenceAt(head: LogReader | undefined): number {
  return head?.events[head.next]?.entry.sequence ?? Number.POSITIVE_INFINITY
}

/** The place of the first stored behind a sequence, by halving. */
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
