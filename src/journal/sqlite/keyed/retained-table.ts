/** The retained events of a store: a row with the frame for each address and key. Without any, it costs nothing. */
import { positionOf } from '../../../core/cursor.ts'
import type { JournalEntry, JournalStats } from '../../journal.ts'
import type { KeyedPlace } from '../../keyed-places.ts'
import type { AddressTable } from '../address-table.ts'
import type { ObjectStorage } from '../object-storage.ts'
import { BATCH, inParts, KEYS, updateFormat } from '../schema.ts'
import { PLACE } from './keyed-table.ts'

/** The table of retained events. Changes belong into a transaction; after one that failed, call `load`. */
export interface RetainedTable {
  readonly size: JournalStats
  /** Loads the cached values from the storage. @param evictedBefore - how many were evicted since the start */
  load(evictedBefore: number): void
  /** Stores an event at these places, where none may be left, and evicts the oldest beyond the bound. */
  put(places: readonly KeyedPlace[], entry: JournalEntry): void
  /** Removes the events at these places. */
  remove(places: readonly KeyedPlace[]): void
  /** Removes the events of all other addresses. */
  keepOnly(isKept: (address: string) => boolean): void
  /** Iterates over the events of these addresses after a sequence, oldest first, each once; undefined if there are none at all. */
  after(addresses: readonly string[], sequence: number): Iterable<JournalEntry> | undefined
}

/** What the table needs. */
export interface RetainedTableInit {
  readonly storage: ObjectStorage
  readonly addresses: Pick<AddressTable, 'raise'>
  /** The bound of the bytes of all rows. */
  readonly maxBytes: number
  /** The epoch of the store now. */
  epoch(): string
}

const AFTER_RETAINED = `
  SELECT DISTINCT sequence FROM retained WHERE address IN ${KEYS} AND sequence > ?
  ORDER BY sequence LIMIT ${BATCH}`

const DELETE_AT = 'DELETE FROM retained WHERE address = ? RETURNING bytes'

/** The approximate size of a row beyond its frame. */
export const RETAINED_IN_SQLITE = { nameCopies: 2, overheadBytes: 80 } as const

const { nameCopies, overheadBytes } = RETAINED_IN_SQLITE
const encoder = new TextEncoder()

/** Opens the table, which `createTables` has created. */
export function openRetained({
  storage,
  addresses,
  maxBytes,
  epoch,
}: RetainedTableInit): RetainedTable {
  const { sql } = storage
  let events = 0
  let bytes = 0
  let evicted = 0
  return {
    get size() {
      return { events, bytes, maxBytes, evicted }
    },
    load,
    put,
    remove,
    keepOnly,
    after,
  }

  function load(evictedBefore: number): void {
    evicted = evictedBefore
    const [row] = run('SELECT count(*) AS events, sum(bytes) AS bytes FROM retained')
    events = Number(row?.events)
    bytes = Number(row?.bytes)
  }

  function put(places: readonly KeyedPlace[], { sequence, frame }: JournalEntry): void {
    const had = events > 0
    for (const { address, name } of places) {
      const names = nameCopies * encoder.encode(address + name).byteLength
      const size = frame.byteLength + names + overheadBytes
      run('INSERT INTO retained VALUES (?, ?, ?, ?, ?)', address, name, sequence, size, frame)
      events += 1
      bytes += size
    }
    evict()
    if (!had) updateFormat(storage)
  }

  function remove(places: readonly KeyedPlace[]): void {
    if (events === 0 || places.length === 0) return
    const query = `DELETE FROM retained WHERE (address, key) IN (SELECT ${PLACE} FROM json_each(?)) RETURNING bytes`
    for (const part of inParts(places)) {
      for (const row of run(query, JSON.stringify(part))) {
        events -= 1
        bytes -= Number(row.bytes)
      }
    }
    if (events === 0) updateFormat(storage)
  }

  /** Evicts the oldest events beyond the bound, which clients with an older cursor have missed. */
  function evict(): void {
    while (bytes > maxBytes) {
      const query = `SELECT rowid AS id, address, sequence, bytes FROM retained ORDER BY sequence LIMIT ${BATCH}`
      for (const row of run(query)) {
        if (bytes <= maxBytes) return
        run('DELETE FROM retained WHERE rowid = ?', Number(row.id))
        addresses.raise(String(row.address), Number(row.sequence))
        events -= 1
        evicted += 1
        bytes -= Number(row.bytes)
      }
    }
  }

  function keepOnly(isKept: (address: string) => boolean): void {
    if (events === 0) return
    for (const row of run('SELECT address, max(sequence) AS last FROM retained GROUP BY address')) {
      const address = String(row.address)
      if (isKept(address)) continue
      for (const { bytes: size } of run(DELETE_AT, address)) {
        events -= 1
        bytes -= Number(size)
      }
      // No new entry may have this sequence.
      addresses.raise(address, Number(row.last))
    }
    updateFormat(storage)
  }

  function after(all: readonly string[], sequence: number): Iterable<JournalEntry> | undefined {
    return events > 0 ? read(all, sequence) : undefined
  }

  function* read(all: readonly string[], sequence: number): Iterable<JournalEntry> {
    const list = JSON.stringify(all)
    let from = sequence
    for (let found = BATCH; found === BATCH; ) {
      const rows = run(AFTER_RETAINED, list, from)
      for (const row of rows) {
        from = Number(row.sequence)
        yield { ...positionOf(epoch(), from), frame: frameOf(from) }
      }
      found = rows.length
    }
  }

  function frameOf(sequence: number): Uint8Array {
    const [row] = run('SELECT frame FROM retained WHERE sequence = ? LIMIT 1', sequence)
    return new Uint8Array(row?.frame as ArrayBuffer)
  }

  function run(query: string, ...values: readonly (string | number | Uint8Array)[]): Row[] {
    return [...sql.exec(query, ...values)] as Row[]
  }
}

type Row = Readonly<Record<string, unknown>>
