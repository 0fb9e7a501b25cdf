/** An event store in the SQLite storage of a Durable Object: it outlives the object's memory. */
import type { AddressKeys } from '../../core/address.ts'
import type { EventStore, JournalBounds, Keyed, RetainedSource } from '../event-store.ts'
import type { JournalEntry } from '../journal.ts'
import { keyedPlaces } from '../keyed-places.ts'
import { mergeEntries } from '../merge-entries.ts'
import { openAddresses } from './address-table.ts'
import { createEntryReader } from './entry-reader.ts'
import { entrySize } from './keyed/entry-size.ts'
import { openKeyed, placesOf } from './keyed/keyed-table.ts'
import { openRetained } from './keyed/retained-table.ts'
import type { ObjectStorage } from './object-storage.ts'
import { openPatternUse, type PatternUse } from './pattern-use.ts'
import { openRecipients, SEVERAL_KEY } from './recipients.ts'
import { BATCH, createTables, NEWEST, OLDEST } from './schema.ts'

/** What the store needs. */
export interface SqliteStoreInit extends JournalBounds {
  readonly storage: ObjectStorage
  /** Bytes of all retained events. @defaultValue `16_777_216` */
  readonly maxRetainedBytes?: number | undefined
  /** The maximum number of empty addresses whose last evicted sequence is stored. @defaultValue `100_000` */
  readonly maxEmptyAddresses?: number | undefined
  /** The epoch of a new store. */
  readonly freshEpoch: string
}

/** An event store that also persists the state of its journal. */
export interface SqliteStore
  extends Omit<EventStore, 'clear' | 'supersede'>,
    RetainedSource,
    Pick<PatternUse, 'follow'> {
  readonly epoch: string
  /** Sequences up to this one are used or reserved: new entries MUST have higher ones. */
  readonly start: number
  /** When the oldest entry was stored, or an earlier time, in milliseconds since 1970; undefined if the store is empty. */
  readonly oldestAt: number | undefined
  /** Drops eviction records of empty addresses beyond `maxEmptyAddresses`, the oldest first. */
  trimEvictions(): void
  /** Starts a new epoch. Entries stay, and sequences continue. @param isKept - of which addresses retained events stay */
  startEpoch(epoch: string, isKept: (key: string) => boolean): void
}

/**
 * Sequences skipped when the object restarts. Clients may have received events that were not stored
 * before the restart: a new event must not reuse their sequences.
 */
const RESTART_SKIP = 1_000_000

/**
 * Opens the store, and creates it if it does not exist.
 * @throws {HubError} `journal-unavailable` if its format is unknown
 */
export function openSqliteStore({
  storage,
  freshEpoch,
  maxEmptyAddresses = 100_000,
  maxRetainedBytes = 16_777_216,
  ...bounds
}: SqliteStoreInit): SqliteStore {
  const { maxEvents, maxAgeMs, maxBytes } = bounds
  const { start, patterns, ...head } = storage.transactionSync(begin)
  let epoch = head.epoch
  let events = 0
  let bytes = 0
  let evicted = 0
  let oldestAt: number | undefined
  const addresses = openAddresses(storage, maxEmptyAddresses)
  const recipients = openRecipients(storage, addresses)
  const keyed = openKeyed(storage, addresses)
  const retained = openRetained({
    storage,
    addresses,
    maxBytes: maxRetainedBytes,
    epoch: () => epoch,
  })
  const entriesAfter = createEntryReader(storage, recipients, () => epoch)
  load()

  return {
    get epoch() {
      return epoch
    },
    start,
    get size() {
      return { events, bytes, maxBytes, evicted, retained: retained.size }
    },
    get oldestAt() {
      return oldestAt
    },
    append,
    expire,
    readAfter: (keys, sequence) => {
      const kept = retained.after(keys, sequence)
      const entries = entriesAfter(keys, sequence)
      return kept ? mergeEntries(entries, kept) : entries
    },
    retainedAfter: retained.after,
    evictedAfter: (keys, sequence) =>
      patterns.lacks(keys, sequence) || addresses.evictedAfter(keys, sequence),
    follow: patterns.follow,
    trimEvictions,
    startEpoch,
  }

  function begin() {
    createTables(storage)
    const [head] = run('SELECT epoch, start FROM head')
    const next = head ? numberOf(NEWEST, 'newest') + RESTART_SKIP : 0
    if (head) run('UPDATE head SET start = ?', next)
    else run('INSERT INTO head VALUES (1, ?, 0, 0)', freshEpoch)
    const patterns = openPatternUse(storage, Number(head?.start ?? -1), next)
    return { epoch: String(head?.epoch ?? freshEpoch), start: next, patterns }
  }

  /** Loads the cached values from the storage. */
  function load(retainedEvicted = 0): void {
    addresses.load()
    recipients.load()
    keyed.load()
    retained.load(retainedEvicted)
    events = numberOf('SELECT count(*) AS events FROM entries', 'events')
    bytes = numberOf('SELECT sum(bytes) AS bytes FROM entries', 'bytes')
    const [oldest] = run('SELECT at FROM entries ORDER BY sequence LIMIT 1')
    oldestAt = oldest && Number(oldest.at)
  }

  function append(keys: AddressKeys, entry: JournalEntry, now: number, event: Keyed = {}): void {
    atomically(() => {
      const { key = '', replace, retain } = event
      const places = replace || retain ? keyedPlaces(keys, key) : []
      discount(keyed.supersede(places))
      retained.remove(places)
      // At all patterns, as one may be followed later.
      if (retain) retained.put(places, entry)
      else insert(patterns.stored(keys), entry, now, event)
      sweep(now)
      addresses.trim(BATCH)
    })
  }

  function insert(keys: AddressKeys, entry: JournalEntry, now: number, event: Keyed): void {
    const { sequence, frame } = entry
    const all = typeof keys === 'string' ? [keys] : keys
    const [key = ''] = typeof keys === 'string' ? all : [SEVERAL_KEY]
    const places = placesOf(all, event)
    const size = entrySize(frame, all, places)
    run('INSERT INTO entries VALUES (?, ?, ?, ?, ?)', sequence, key, now, size, frame)
    if (all === keys) recipients.add(all, sequence)
    keyed.add(places, sequence)
    events += 1
    bytes += size
    oldestAt ??= now
    for (const one of all) {
      const surplus = addresses.add(one) - maxEvents
      if (surplus > 0) evict(numberOf(OLDEST, 'sequence', one, one, surplus - 1), one)
    }
  }

  function expire(now: number): void {
    if (isDue(now)) atomically(() => sweep(now))
  }

  function isDue(now: number): boolean {
    return bytes > maxBytes || now - (oldestAt ?? now) > maxAgeMs
  }

  /** Evicts the oldest entries of the store until the bounds are met. */
  function sweep(now: number): void {
    while (isDue(now)) {
      let last: number | undefined
      let left = bytes
      oldestAt = undefined
      for (const row of run(
        `SELECT sequence, at, bytes FROM entries ORDER BY sequence LIMIT ${BATCH}`,
      )) {
        oldestAt = Number(row.at)
        if (left <= maxBytes && now - oldestAt <= maxAgeMs) break
        left -= Number(row.bytes)
        last = Number(row.sequence)
      }
      if (last === undefined) return
      evict(last)
    }
  }

  /** Evicts the entries up to a sequence, of one address or of all, and records this for each address. */
  function evict(last: number, ...key: readonly string[]): void {
    // Without NOT INDEXED, SQLite would scan the whole index to satisfy GROUP BY.
    keyed.evict(last, ...key)
    const which = `entries ${key.length > 0 ? 'WHERE key = ? AND' : 'NOT INDEXED WHERE'} sequence <= ?`
    addresses.evict(which, ...key, last)
    countEvicted(run(`DELETE FROM ${which} RETURNING bytes`, ...key, last))
    countEvicted(recipients.evict(last, ...key))
    if (events === 0) oldestAt = undefined
  }

  function countEvicted(rows: readonly Sized[]): void {
    evicted += rows.length
    discount(rows)
  }

  function discount(rows: readonly Sized[]): void {
    events -= rows.length
    for (const row of rows) bytes -= Number(row.bytes)
  }

  function trimEvictions(): void {
    atomically(() => {
      addresses.trim()
      recipients.trim()
    })
  }

  /** Runs `work` in a transaction. The cached values follow it when it is rolled back. */
  function atomically(work: () => void): void {
    const before = { evicted, retained: retained.size.evicted }
    try {
      storage.transactionSync(work)
    } catch (error) {
      evicted = before.evicted
      load(before.retained)
      throw error
    }
  }

  function startEpoch(next: string, isKept: (key: string) => boolean): void {
    atomically(() => {
      retained.keepOnly(isKept)
      run('UPDATE head SET epoch = ?', next)
    })
    epoch = next
  }

  function run(query: string, ...values: readonly (string | number | Uint8Array)[]): Row[] {
    return [...storage.sql.exec(query, ...values)] as Row[]
  }

  function numberOf(query: string, column: string, ...values: (string | number)[]): number {
    const [row] = run(query, ...values) as [Row]
    return Number(row[column])
  }
}

/** A row of an entry that was removed. */
type Sized = { readonly bytes?: unknown }

type Row = Readonly<Record<string, unknown>>
