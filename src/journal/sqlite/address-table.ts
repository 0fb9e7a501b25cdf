/** The addresses of a store: how many entries each has, and the last sequence that was evicted from it. */
import { openFloorBlocks } from './floor-blocks.ts'
import type { ObjectStorage } from './object-storage.ts'
import { KEYS } from './schema.ts'

/** The addresses of a store. Changes belong into a transaction; after one that failed, call `load`. */
export interface AddressTable {
  /** Loads the cached values from the storage. */
  load(): void
  /** Counts an entry of an address. Returns how many the address has now. */
  add(key: string): number
  /** Counts entries of an address as gone, but not as evicted. */
  release(key: string, count: number): void
  /** Records that an event of an address was evicted that is no entry. */
  raise(key: string, sequence: number): void
  /** Counts entries as evicted. @param from - the part of a query after FROM that selects them */
  evict(from: string, ...values: readonly (string | number)[]): void
  /** Whether an entry of these addresses after this sequence was evicted. */
  evictedAfter(keys: readonly string[], sequence: number): boolean
  /** Keeps only floors of empty addresses that are too many. @param slack - how many may be too many. @defaultValue `0` */
  trim(slack?: number): void
}

/** Addresses in one statement. */
const BATCH = 250

/** Opens the table, and its floors. @param maxEmpty - how many empty addresses are stored */
export function openAddresses({ sql }: ObjectStorage, maxEmpty: number): AddressTable {
  const floors = openFloorBlocks({ sql })
  let empty = 0
  /** The highest sequence of any floor. */
  let evictionFloor = 0
  return { load, add, release, raise, evict, evictedAfter, trim }

  function load(): void {
    const query = `SELECT eviction_floor AS floor,
      (SELECT count(*) FROM addresses WHERE entries = 0) AS empty FROM head`
    const [row] = run(query) as [Row]
    empty = Number(row.empty)
    evictionFloor = Number(row.floor)
  }

  function add(key: string): number {
    const count = 'UPDATE addresses SET entries = entries + 1 WHERE key = ? RETURNING entries'
    const [row] = run(count, key)
    const entries = Number(row?.entries ?? 1)
    if (!row) run('INSERT INTO addresses VALUES (?, 1, ?)', key, floorOf(key))
    else if (entries === 1) empty -= 1
    return entries
  }

  function release(key: string, count: number): void {
    const update = 'UPDATE addresses SET entries = entries - ? WHERE key = ? RETURNING entries'
    const [row] = run(update, count, key)
    if (row && Number(row.entries) === 0) empty += 1
  }

  function raise(key: string, sequence: number): void {
    const query = `UPDATE addresses SET evicted_up_to = max(evicted_up_to, ?) WHERE key = ? RETURNING 1`
    if (run(query, sequence, key).length === 0) {
      run('INSERT INTO addresses VALUES (?, 0, ?)', key, Math.max(sequence, floorOf(key)))
      empty += 1
    }
    // It may be above the entries of its address: no new entry may have this sequence.
    const start = 'start = max(start, ?)'
    // No other version has started: the use of patterns goes on.
    run(`UPDATE patterns SET ${start} WHERE start = (SELECT start FROM head)`, sequence)
    run(`UPDATE head SET ${start}`, sequence)
  }

  function evict(from: string, ...values: readonly (string | number)[]): void {
    const query = `UPDATE addresses SET entries = entries - lost.count, evicted_up_to = max(evicted_up_to, lost.last)
      FROM (SELECT key, count(*) AS count, max(sequence) AS last FROM ${from} GROUP BY key) AS lost
      WHERE addresses.key = lost.key RETURNING entries`
    for (const row of run(query, ...values)) if (Number(row.entries) === 0) empty += 1
  }

  function evictedAfter(keys: readonly string[], sequence: number): boolean {
    const query = `SELECT key, evicted_up_to AS last FROM addresses WHERE key IN ${KEYS}`
    const known = new Map(run(query, JSON.stringify(keys)).map(({ key, last }) => [key, last]))
    return keys.some((key) => Number(known.get(key) ?? floorOf(key, sequence)) > sequence)
  }

  /** The floor of an address that is not stored; 0 if it is not above `least`. */
  function floorOf(key: string, least = 0): number {
    return evictionFloor > least ? floors.of(key) : 0
  }

  function trim(slack = 0): void {
    if (empty <= maxEmpty + slack) return
    for (let found = BATCH; found === BATCH; ) {
      const query = `SELECT key, evicted_up_to AS last FROM addresses
        WHERE entries = 0 ORDER BY evicted_up_to LIMIT ?`
      const oldest = run(query, Math.min(empty - maxEmpty, BATCH))
      for (const row of oldest) floors.raise(String(row.key), Number(row.last))
      // By their keys: others may have lost the same entry last.
      const keys = JSON.stringify(oldest.map(({ key }) => key))
      run(`DELETE FROM addresses WHERE entries = 0 AND key IN ${KEYS}`, keys)
      evictionFloor = Math.max(evictionFloor, Number(oldest.at(-1)?.last ?? 0))
      found = oldest.length
      empty -= found
    }
    run('UPDATE head SET eviction_floor = ?', evictionFloor)
  }

  function run(query: string, ...values: readonly (string | number)[]): Row[] {
    return [...sql.exec(query, ...values)] as Row[]
  }
}

type Row = Readonly<Record<string, unknown>>
