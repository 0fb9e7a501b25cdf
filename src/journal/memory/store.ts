/** An event store in memory: one log per address. Beyond its bounds, it evicts the oldest entries. */
import type { AddressKeys } from '../../core/address.ts'
import type { EventStore, JournalBounds } from '../event-store.ts'
import { createEvictionFloors } from '../eviction-floors.ts'
import type { JournalEntry } from '../journal.ts'

/**
 * An event stored at one address. It is in two lists: the log of its address, and a linked list of all events
 * by age, in which those of several addresses that share an entry are neighbours.
 */
interface StoredEvent {
  readonly entry: JournalEntry
  readonly log: AddressLog
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

/** The overhead of an entry beyond its frame, as measured on V8: its objects and its buffer. Less at further addresses. */
const ENTRY_BYTES = 320

/** The overhead of an address beyond its name, as measured on V8: its log, and its place in the map. */
const ADDRESS_BYTES = 280

/** The overhead of an empty address, for which only the last evicted sequence is stored. */
const EMPTY_ADDRESS_BYTES = 100

/** The maximum number of empty addresses whose last evicted sequence is stored, within an eighth of `maxBytes`. */
const MAX_EMPTY_ADDRESSES = 100_000

/** The floors of all other empty addresses take up to another eighth of `maxBytes`, and at most 8 MB. */
const MIN_FLOORS = 2 ** 10
const MAX_FLOORS = 2 ** 21

/** Creates an empty store. */
export function createEventStore({ maxEvents, maxAgeMs, maxBytes }: JournalBounds): EventStore {
  const logs = new Map<string, AddressLog>()
  /** The last evicted sequence of each empty address; the address that became empty first comes first. */
  const evictedUpTo = new Map<string, number>()
  /** Iterates over the empty addresses to forget: a new iterator would skip all forgotten ones each time. */
  let emptyAddresses = evictedUpTo.entries()
  let emptyBytes = 0
  /** For addresses in neither map. */
  const floors = createEvictionFloors(floorsWithin(maxBytes / 8))
  let events = 0
  let bytes = 0
  let evicted = 0
  let oldest: StoredEvent | undefined
  let newest: StoredEvent | undefined

  return {
    get size() {
      return { events, bytes, maxBytes, evicted }
    },
    append,
    expire,
    readAfter,
    evictedAfter,
    clear,
  }

  function append(keys: AddressKeys, entry: JournalEntry, now: number): void {
    if (typeof keys === 'string') add(keys, entry, now)
    else for (const key of keys) add(key, entry, now)
    while (oldest && bytes > maxBytes) evictOldest(oldest.log)
    expire(now)
  }

  function add(key: string, entry: JournalEntry, now: number): void {
    const log = logs.get(key)
    const stored: StoredEvent = {
      entry,
      log: log ?? newLog(key),
      at: now,
      older: newest,
      newer: undefined,
    }
    if (newest) newest.newer = stored
    else oldest = stored
    newest = stored
    // An array that starts with one element takes no space for more, unlike an empty one after a push.
    if (log) log.events.push(stored)
    else stored.log.events = [stored]
    events += 1
    bytes += bytesOf(stored)
    if (stored.log.events.length - stored.log.first > maxEvents) evictOldest(stored.log)
  }

  function expire(now: number): void {
    while (oldest && now - oldest.at > maxAgeMs) evictOldest(oldest.log)
  }

  function* readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry> {
    const readers = keys.flatMap((key) => {
      const log = logs.get(key)
      return log ? [{ events: log.events, next: firstAfter(log, sequence) }] : []
    })
    for (let last = sequence; ; ) {
      let best: LogReader | undefined
      for (const reader of readers) {
        if (sequenceAt(reader) < sequenceAt(best)) best = reader
      }
      const stored = best?.events[best.next]
      if (!best || !stored) return
      best.next += 1
      // Another of these addresses may have the same entry.
      if (stored.entry.sequence > last) yield stored.entry
      last = stored.entry.sequence
    }
  }

  function evictedAfter(keys: readonly string[], sequence: number): boolean {
    return keys.some((key) => {
      return (logs.get(key)?.evictedUpTo ?? lastEvicted(key)) > sequence
    })
  }

  function clear(): void {
    logs.clear()
    evictedUpTo.clear()
    emptyAddresses = evictedUpTo.entries()
    emptyBytes = 0
    oldest = undefined
    newest = undefined
    events = 0
    bytes = 0
  }

  function newLog(key: string): AddressLog {
    const log: AddressLog = { key, events: [], first: 0, evictedUpTo: lastEvicted(key) }
    if (evictedUpTo.delete(key)) emptyBytes -= sizeOf(key) + EMPTY_ADDRESS_BYTES
    logs.set(key, log)
    bytes += sizeOf(key) + ADDRESS_BYTES
    return log
  }

  function lastEvicted(key: string): number {
    return evictedUpTo.get(key) ?? floors.of(key)
  }

  /** Evicts the oldest entry of a log. The oldest entry of the store is always the first of its log. */
  function evictOldest(log: AddressLog): void {
    const stored = log.events[log.first]
    if (!stored) return
    log.events[log.first] = undefined
    log.first += 1
    log.evictedUpTo = stored.entry.sequence
    events -= 1
    evicted += 1
    bytes -= bytesOf(stored)
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

  function retire({ key, evictedUpTo: last }: AddressLog): void {
    logs.delete(key)
    bytes -= sizeOf(key) + ADDRESS_BYTES
    evictedUpTo.set(key, last)
    emptyBytes += sizeOf(key) + EMPTY_ADDRESS_BYTES
    while (evictedUpTo.size > MAX_EMPTY_ADDRESSES || emptyBytes > maxBytes / 8) forgetFirst()
  }

  function forgetFirst(): void {
    const { value } = emptyAddresses.next()
    if (!value) return
    const [key, sequence] = value
    evictedUpTo.delete(key)
    emptyBytes -= sizeOf(key) + EMPTY_ADDRESS_BYTES
    floors.raise(key, sequence)
  }
}

/** The bytes that an event adds to the list of all events, or takes from it: its frame counts once, however many share it. */
function bytesOf({ entry, older, newer }: StoredEvent): number {
  const isShared = older?.entry === entry || newer?.entry === entry
  return isShared ? ENTRY_BYTES : ENTRY_BYTES + entry.frame.byteLength
}

/** The maximum size of a key, with two bytes per character. */
function sizeOf(key: string): number {
  return 2 * key.length
}

function floorsWithin(bytes: number): number {
  const count = 2 ** Math.floor(Math.log2(Math.max(bytes, 1) / Float32Array.BYTES_PER_ELEMENT))
  return Math.min(MAX_FLOORS, Math.max(MIN_FLOORS, count))
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
