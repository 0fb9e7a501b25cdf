/** An event store in the SQLite storage of a Durable Object: it outlives the object's memory. */
import type { AddressKeys } from '../../core/address.ts'
import { positionOf } from '../../core/cursor.ts'
import type { EventStore, JournalBounds } from '../event-store.ts'
import type { JournalEntry } from '../journal.ts'
import { openAddresses } from './address-table.ts'
import type { ObjectStorage } from './object-storage.ts'
import { openPatternUse, type PatternUse } from './pattern-use.ts'
import { openRecipients, SEVERAL_KEY } from './recipients.ts'
import { createTables, KEYS, NEWEST } from './schema.ts'

/** What the store needs. */
export interface SqliteStoreInit extends JournalBounds {
  readonly storage: ObjectStorage
  /** The maximum number of empty addresses whose last evicted sequence is stored. @defaultValue `100_000` */
  readonly maxEmptyAddresses?: number | undefined
  /** The epoch of a new store. */
  readonly freshEpoch: string
}

/** An event store that also persists the state of its journal. */
export interface SqliteStore extends Omit<EventStore, 'clear'>, Pick<PatternUse, 'follow'> {
  readonly epoch: string
  /** Sequences up to this one are used or reserved: new entries MUST have higher ones. */
  readonly start: number
  /** When the oldest entry was stored, or an earlier time, in milliseconds since 1970; undefined if the store is empty. */
  readonly oldestAt: number | undefined
  /** Drops eviction records of empty addresses beyond `maxEmptyAddresses`, the oldest first. */
  trimEvictions(): void
  /** Starts a new epoch. Entries stay, and sequences continue. */
  startEpoch(epoch: string): void
}

/** The approximate overhead of an entry at one address, beyond its frame and two copies of the key: its columns and its index entry. */
const ENTRY_BYTES = 40

/**
 * Sequences skipped when the object restarts. Clients may have received events that were not stored
 * before the restart: a new event must not reuse their sequences.
 */
const RESTART_SKIP = 1_000_000

/** Entries read by one statement, and empty addresses that are dropped together. */
const BATCH = 250

const AFTER = `
  SELECT sequence FROM entries INDEXED BY entries_by_key
  WHERE key IN ${KEYS} AND sequence > ? ORDER BY sequence LIMIT ${BATCH}`

/** The same while there are entries with several addresses: UNION finds each once. */
const AFTER_SEVERAL = `
  SELECT sequence FROM entries INDEXED BY entries_by_key WHERE key IN ${KEYS} AND sequence > ?
  UNION SELECT sequence FROM recipients WHERE key IN ${KEYS} AND sequence > ?
  ORDER BY sequence LIMIT ${BATCH}`

const OLDEST = `
  SELECT sequence FROM entries WHERE key = ? UNION ALL SELECT sequence FROM recipients WHERE key = ?
  ORDER BY sequence LIMIT 1 OFFSET ?`

/**
 * Opens the store, and creates it if it does not exist.
 * @throws {HubError} `journal-unavailable` if its format is unknown
 */
export function openSqliteStore({
  storage,
  freshEpoch,
  maxEmptyAddresses = 100_000,
  ...bounds
}: SqliteStoreInit): SqliteStore {
  const { maxEvents, maxAgeMs, maxBytes } = bounds
  const encoder = new TextEncoder()
  const { start, patterns, ...head } = storage.transactionSync(begin)
  let epoch = head.epoch
  let events = 0
  let bytes = 0
  let evicted = 0
  let oldestAt: number | undefined
  const addresses = openAddresses(storage, maxEmptyAddresses)
  const recipients = openRecipients(storage, addresses)
  load()

  return {
    get epoch() {
      return epoch
    },
    start,
    get size() {
      return { events, bytes, maxBytes, evicted }
    },
    get oldestAt() {
      return oldestAt
    },
    append,
    expire,
    readAfter,
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
  function load(): void {
    addresses.load()
    recipients.load()
    events = numberOf('SELECT count(*) AS events FROM entries', 'events')
    bytes = numberOf('SELECT sum(bytes) AS bytes FROM entries', 'bytes')
    const [oldest] = run('SELECT at FROM entries ORDER BY sequence LIMIT 1')
    oldestAt = oldest && Number(oldest.at)
  }

  function append(keys: AddressKeys, { sequence, frame }: JournalEntry, now: number): void {
    atomically(() => {
      insert(patterns.stored(keys), sequence, frame, now)
      sweep(now)
      addresses.trim(BATCH)
    })
  }

  function insert(keys: AddressKeys, sequence: number, frame: Uint8Array, now: number): void {
    const all = typeof keys === 'string' ? [keys] : keys
    const [key = ''] = typeof keys === 'string' ? all : [SEVERAL_KEY]
    const size = all.reduce((sum, one) => sum + costOf(one), frame.byteLength)
    run('INSERT INTO entries VALUES (?, ?, ?, ?, ?)', sequence, key, now, size, frame)
    if (all === keys) recipients.add(all, sequence)
    events += 1
    bytes += size
    oldestAt ??= now
    for (const one of all) {
      const surplus = addresses.add(one) - maxEvents
      if (surplus > 0) evict(numberOf(OLDEST, 'sequence', one, one, surplus - 1), one)
    }
  }

  function costOf(key: string): number {
    return 2 * encoder.encode(key).byteLength + ENTRY_BYTES
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
    const which = `entries ${key.length > 0 ? 'WHERE key = ? AND' : 'NOT INDEXED WHERE'} sequence <= ?`
    addresses.evict(which, ...key, last)
    countEvicted(run(`DELETE FROM ${which} RETURNING bytes`, ...key, last))
    countEvicted(recipients.evict(last, ...key))
    if (events === 0) oldestAt = undefined
  }

  function countEvicted(rows: readonly { readonly bytes?: unknown }[]): void {
    for (const row of rows) {
      events -= 1
      evicted += 1
      bytes -= Number(row.bytes)
    }
  }

  function trimEvictions(): void {
    atomically(() => {
      addresses.trim()
      recipients.trim()
    })
  }

  /** Runs `work` in a transaction. The cached values follow it when it is rolled back. */
  function atomically(work: () => void): void {
    const before = evicted
    try {
      storage.transactionSync(work)
    } catch (error) {
      evicted = before
      load()
      throw error
    }
  }

  function startEpoch(next: string): void {
    run('UPDATE head SET epoch = ?', next)
    epoch = next
  }

  function* readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry> {
    const list = JSON.stringify(keys)
    let from = sequence
    for (let found = BATCH; found === BATCH; ) {
      const rows = recipients.any
        ? run(AFTER_SEVERAL, list, from, list, from)
        : run(AFTER, list, from)
      for (const row of rows) {
        from = Number(row.sequence)
        yield { ...positionOf(epoch, from), frame: frameOf(from) }
      }
      found = rows.length
    }
  }

  function frameOf(sequence: number): Uint8Array {
    const [row] = run('SELECT frame FROM entries WHERE sequence = ?', sequence) as [Row]
    return new Uint8Array(row.frame as ArrayBuffer)
  }

  function run(query: string, ...values: readonly (string | number | Uint8Array)[]): Row[] {
    return [...storage.sql.exec(query, ...values)] as Row[]
  }

  function numberOf(query: string, column: string, ...values: (string | number)[]): number {
    const [row] = run(query, ...values) as [Row]
    return Number(row[column])
  }
}

type Row = Readonly<Record<string, unknown>>
