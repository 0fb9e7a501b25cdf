/** Eviction floors in SQLite: those of one address are in one row, so that it costs one row to read or to write them. */
import { type EvictionFloors, hashesOf } from '../eviction-floors.ts'
import type { ObjectStorage } from './object-storage.ts'

/** Rows, each with floors of 8 bytes: 16 MB when all are in use. Both are powers of two. */
const BLOCKS = 8_192
const FLOORS_PER_BLOCK = 256

/** Floors of one address, as in memory. */
const PER_ADDRESS = 3

/** Opens the floors, and creates their table if it does not exist. */
export function openFloorBlocks({ sql }: Pick<ObjectStorage, 'sql'>): EvictionFloors {
  sql.exec('CREATE TABLE IF NOT EXISTS floors (block INTEGER PRIMARY KEY, floors BLOB NOT NULL)')
  return { raise, of }

  function raise(key: string, sequence: number): void {
    const { block, indexes } = placeOf(key)
    const floors = read(block) ?? new Float64Array(FLOORS_PER_BLOCK)
    for (const index of indexes) floors[index] = Math.max(floors[index] ?? 0, sequence)
    sql.exec(
      'INSERT INTO floors VALUES (?, ?) ON CONFLICT (block) DO UPDATE SET floors = excluded.floors',
      block,
      new Uint8Array(floors.buffer),
    )
  }

  function of(key: string): number {
    const { block, indexes } = placeOf(key)
    const floors = read(block)
    return Math.min(...indexes.map((index) => floors?.[index] ?? 0))
  }

  function read(block: number): Float64Array<ArrayBuffer> | undefined {
    const [row] = [...sql.exec('SELECT floors FROM floors WHERE block = ?', block)]
    return row ? new Float64Array((row as { floors: ArrayBuffer }).floors) : undefined
  }
}

function placeOf(key: string): { readonly block: number; readonly indexes: readonly number[] } {
  const [one, other] = hashesOf(key)
  const step = (other >>> 8) | 1
  const indexes = Array.from({ length: PER_ADDRESS }, (_, n) => {
    return (other + n * step) & (FLOORS_PER_BLOCK - 1)
  })
  return { block: one & (BLOCKS - 1), indexes }
}
