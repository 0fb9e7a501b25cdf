/** An event store in memory: one log per address. Beyond its bounds, it evicts the oldest entries. */
import type { AddressKeys } from '../../core/address.ts'
import type { EventStore, JournalBounds, Keyed } from '../event-store.ts'
import { createEvictionFloors } from '../eviction-floors.ts'
import type { JournalEntry } from '../journal.ts'
import { keyedPlaces, nameAt } from '../keyed-places.ts'
import {
  type AddressLog,
  dropFirst,
  dropSuperseded,
  isStored,
  type LogReader,
  lengthOf,
  newAddressLog,
  readerAfter,
  type StoredEvent,
  sequenceAt,
} from './address-log.ts'
import { createKeyedEntries } from './keyed-entries.ts'

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
  const keyed = createKeyedEntries<StoredEvent>()

  return {
    get size() {
      return { events, bytes: bytes + keyed.bytes, maxBytes, evicted }
    },
    append,
    supersede,
    expire,
    readAfter,
    evictedAfter,
    clear,
  }

  function append(keys: AddressKeys, entry: JournalEntry, now: number, event?: Keyed): void {
    if (event?.key !== undefined) addKeyed(keys, entry, now, event, event.key)
    else if (typeof keys === 'string') add(keys, entry, now)
    else for (const key of keys) add(key, entry, now)
    while (oldest && bytes + keyed.bytes > maxBytes) evictOldest(oldest.log)
    expire(now)
  }

  function addKeyed(
    keys: AddressKeys,
    entry: JournalEntry,
    now: number,
    { replace, retain, topic }: Keyed,
    eventKey: string,
  ): void {
    const places = replace || retain ? keyedPlaces(keys, eventKey) : []
    if (replace) for (const { address, name } of places) supersedeAt(address, name)
    if (retain) for (const { address, name } of places) add(address, entry, now, name)
    else for (const key of [keys].flat()) add(key, entry, now, nameAt(key, topic, eventKey))
  }

  /** @param name - by which the entry is superseded. @defaultValue it is not */
  function add(key: string, entry: JournalEntry, now: number, name?: string): void {
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
    if (log && log.events.length > 0) log.events.push(stored)
    else stored.log.events = [stored]
    events += 1
    bytes += bytesOf(stored)
    if (name !== undefined) keyed.add(key, name, stored)
    if (lengthOf(stored.log) > maxEvents) evictOldest(stored.log)
  }

  function supersede(keys: AddressKeys, key: string): void {
    for (const { address, name } of keyedPlaces(keys, key)) {
      supersedeAt(address, name)
      const log = logs.get(address)
      if (log && lengthOf(log) === 0) retire(log)
    }
  }

  function supersedeAt(address: string, name: string): void {
    for (const stored of keyed.take(address, name)) {
      discount(stored)
      dropSuperseded(stored)
    }
  }

  function expire(now: number): void {
    while (oldest && now - oldest.at > maxAgeMs) evictOldest(oldest.log)
  }

  function* readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry> {
    const readers = keys.flatMap((key) => {
      const log = logs.get(key)
      return log ? [readerAfter(log, sequence)] : []
    })
    for (let last = sequence; ; ) {
      let best: LogReader | undefined
      for (const reader of readers) {
        if (sequenceAt(reader) < sequenceAt(best)) best = reader
      }
      const stored = best?.events[best.next]
      if (!best || !stored) return
      best.next += 1
      if (!isStored(stored)) continue
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
    keyed.clear()
    evictedUpTo.clear()
    emptyAddresses = evictedUpTo.entries()
    emptyBytes = 0
    oldest = undefined
    newest = undefined
    events = 0
    bytes = 0
  }

  function newLog(key: string): AddressLog {
    const log = newAddressLog(key, lastEvicted(key))
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
    log.evictedUpTo = stored.entry.sequence
    evicted += 1
    discount(stored)
    if (keyed.bytes > 0) keyed.remove(stored)
    dropFirst(log)
    if (log.first === log.events.length) retire(log)
  }

  /** Takes an entry out of the list of all events. */
  function discount(stored: StoredEvent): void {
    events -= 1
    bytes -= bytesOf(stored)
    unlink(stored)
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
    if (last === 0) return
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
