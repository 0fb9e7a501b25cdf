/** A shelf in the SQLite storage of a Durable Object: it outlives the object's memory. */
import { positionOf } from '../../core/cursor.ts'
import type { EventStore, JournalBounds } from '../event-store.ts'
import type { JournalEntry } from '../journal.ts'
import { NEWEST, SCHEMA } from './schema.ts'

/** The part of a Durable Object's storage that the journal uses. */
export interface ObjectStorage {
  readonly sql: {
    exec(query: string, ...values: readonly (string | number | Uint8Array)[]): Iterable<unknown>
  }
  /** Takes all back that the work wrote, if it throws. */
  transactionSync<T>(work: () => T): T
  /** Wakes the object at this time, in milliseconds since 1970; one alarm takes the place of another. */
  setAlarm(at: number): Promise<void>
}

/** What the shelf needs. */
export interface SqliteStoreInit extends JournalBounds {
  readonly storage: ObjectStorage
  /** Addresses without an entry left of which it is remembered what they lost. @defaultValue `100_000` */
  readonly maxEmptyAddresses?: number | undefined
  /** What the epoch is called, if there is none yet. */
  readonly freshEpoch: string
}

/** A shelf with what a journal must find again. */
export interface SqliteStore extends Omit<EventStore, 'clear'> {
  readonly epoch: string
  /** No number up to this one was given to an entry that somebody may know, and may be given again. */
  readonly start: number
  /** When the oldest entry came, or earlier, in milliseconds since 1970; undefined without any. */
  readonly oldestAt: number | undefined
  /** Forgets what was lost by addresses beyond the bound, those that lost it first. */
  trimEvictions(): void
  /** Begins another epoch, for good. What is kept stays, and so does the count. */
  startEpoch(epoch: string): void
}

/** What an entry costs beside its frame and two keys, roughly: its columns, and its place in the index. */
const ENTRY_BYTES = 40

/**
 * Numbers that a new life of the object leaves out. Some of the last life may have been seen by
 * clients and not be stored: what is numbered anew must not be taken for those.
 */
const LIFE_STEP = 1_000_000

/** Entries whose numbers are looked up together, and evictions between two looks at what is remembered. */
const BATCH = 250

/** The list of keys is one value: so the text of a statement is always the same, and prepared once. */
const KEYS = '(SELECT value FROM json_each(?))'

const AFTER = `
  SELECT sequence FROM entries INDEXED BY entries_by_key
  WHERE key IN ${KEYS} AND sequence > ? ORDER BY sequence LIMIT ${BATCH}`

/** Opens the shelf, and makes it where there is none. */
export function openSqliteStore({
  storage,
  freshEpoch,
  maxEmptyAddresses = 100_000,
  ...bounds
}: SqliteStoreInit): SqliteStore {
  const { maxEvents, maxAgeMs, maxBytes } = bounds
  const encoder = new TextEncoder()
  const { start, ...head } = storage.transactionSync(begin)
  let epoch = head.epoch
  let evictionFloor = 0
  let events = 0
  let bytes = 0
  let oldestAt: number | undefined
  let untidy = 0
  load()

  return {
    get epoch() {
      return epoch
    },
    start,
    get size() {
      return { events, bytes }
    },
    get oldestAt() {
      return oldestAt
    },
    append,
    expire,
    readAfter,
    evictedAfter,
    trimEvictions,
    startEpoch,
  }

  function begin(): { readonly epoch: string; readonly start: number } {
    run(SCHEMA)
    const [head] = run('SELECT epoch FROM head')
    const next = head ? numberOf(NEWEST, 'newest') + LIFE_STEP : 0
    if (head) run('UPDATE head SET start = ?', next)
    else run('INSERT INTO head VALUES (1, ?, 0, 0)', freshEpoch)
    return { epoch: String(head?.epoch ?? freshEpoch), start: next }
  }

  /** What is known by heart, from the disk. */
  function load(): void {
    evictionFloor = numberOf('SELECT forgotten FROM head', 'forgotten')
    events = numberOf('SELECT count(*) AS events FROM entries', 'events')
    bytes = numberOf('SELECT sum(bytes) AS bytes FROM entries', 'bytes')
    const [oldest] = run('SELECT at FROM entries ORDER BY sequence LIMIT 1')
    oldestAt = oldest && Number(oldest.at)
  }

  function append(key: string, { sequence, frame }: JournalEntry, now: number): void {
    try {
      storage.transactionSync(() => {
        insert(key, sequence, frame, now)
        sweep(now)
        if (untidy > BATCH) trimEvictions()
      })
    } catch (error) {
      load()
      throw error
    }
  }

  function insert(key: string, sequence: number, frame: Uint8Array, now: number): void {
    const size = frame.byteLength + 2 * encoder.encode(key).byteLength + ENTRY_BYTES
    run('INSERT INTO entries VALUES (?, ?, ?, ?, ?)', sequence, key, now, size, frame)
    events += 1
    bytes += size
    oldestAt ??= now
    const [row] = run(
      `INSERT INTO addresses VALUES (?, 1, ?)
       ON CONFLICT (key) DO UPDATE SET entries = entries + 1 RETURNING entries`,
      key,
      evictionFloor,
    )
    const surplus = Number(row?.entries) - maxEvents
    if (surplus <= 0) return
    const last = `SELECT sequence FROM entries WHERE key = ? ORDER BY sequence LIMIT 1 OFFSET ?`
    evict(numberOf(last, 'sequence', key, surplus - 1), key)
  }

  function expire(now: number): void {
    if (isDue(now)) storage.transactionSync(() => sweep(now))
  }

  function isDue(now: number): boolean {
    return bytes > maxBytes || (oldestAt !== undefined && now - oldestAt > maxAgeMs)
  }

  /** Gives up the oldest of all, until the bounds are met. */
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

  /** Gives up the entries up to a sequence, of one address or of all, and marks what each lost. */
  function evict(last: number, ...key: readonly string[]): void {
    // Left alone, SQLite would walk through the whole index for the sake of GROUP BY.
    const which = `FROM entries ${key.length > 0 ? 'WHERE key = ? AND' : 'NOT INDEXED WHERE'} sequence <= ?`
    run(
      `UPDATE addresses SET entries = entries - lost.count, evicted = lost.last
       FROM (SELECT key, count(*) AS count, max(sequence) AS last ${which} GROUP BY key) AS lost
       WHERE addresses.key = lost.key`,
      ...key,
      last,
    )
    for (const row of run(`DELETE ${which} RETURNING bytes`, ...key, last)) {
      events -= 1
      bytes -= Number(row.bytes)
      untidy += 1
    }
    if (events === 0) oldestAt = undefined
  }

  function trimEvictions(): void {
    untidy = 0
    const surplus =
      numberOf('SELECT count(*) AS n FROM addresses WHERE entries = 0', 'n') - maxEmptyAddresses
    if (surplus <= 0) return
    const oldest = 'FROM addresses WHERE entries = 0 ORDER BY evicted LIMIT 1 OFFSET ?'
    evictionFloor = Math.max(
      evictionFloor,
      numberOf(`SELECT evicted ${oldest}`, 'evicted', surplus - 1),
    )
    run('DELETE FROM addresses WHERE entries = 0 AND evicted <= ?', evictionFloor)
    run('UPDATE head SET forgotten = ?', evictionFloor)
  }

  function startEpoch(next: string): void {
    run('UPDATE head SET epoch = ?', next)
    epoch = next
  }

  function* readAfter(keys: readonly string[], sequence: number): Iterable<JournalEntry> {
    const list = JSON.stringify(keys)
    for (let from = sequence, more = true; more; ) {
      const found = run(AFTER, list, from).map((row) => Number(row.sequence))
      for (const next of found) yield { ...positionOf(epoch, next), frame: frameOf(next) }
      more = found.length === BATCH
      from = found.at(-1) ?? from
    }
  }

  function frameOf(sequence: number): Uint8Array {
    const [row] = run('SELECT frame FROM entries WHERE sequence = ?', sequence)
    return new Uint8Array(row?.frame as ArrayBuffer)
  }

  function evictedAfter(keys: readonly string[], sequence: number): boolean {
    const wanted = [...new Set(keys)]
    const known = `SELECT count(*) AS count, max(evicted) AS evicted FROM addresses WHERE key IN ${KEYS}`
    const [row] = run(known, JSON.stringify(wanted))
    const lost = Number(row?.count) < wanted.length ? evictionFloor : 0
    return Math.max(lost, Number(row?.evicted ?? 0)) > sequence
  }

  function run(query: string, ...values: readonly (string | number | Uint8Array)[]): Row[] {
    return [...storage.sql.exec(query, ...values)] as Row[]
  }

  function numberOf(query: string, column: string, ...values: (string | number)[]): number {
    return Number(run(query, ...values)[0]?.[column] ?? 0)
  }
}

type Row = Readonly<Record<string, unknown>>
