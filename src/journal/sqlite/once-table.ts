/** A table of the results of events that were appended once, by name, until they expire. */
import type { Position } from '../../core/cursor.ts'
import type { AppendResult } from '../journal.ts'
import { conflict, MAX_NAMES, type Once, tooManyNames } from '../once.ts'
import type { ObjectStorage } from './object-storage.ts'

/** A bounded table of results. All times are in milliseconds since 1970. */
export interface OnceTable {
  /**
   * Returns the result of an earlier call with this name; undefined if there is none, and room for one.
   * @throws {HubError} `idempotency-conflict` if that call appended another event; `at-capacity` if too many names are stored
   */
  find(once: Once, now: number): AppendResult | undefined
  /** Stores a name that was not found and its result in one transaction with what `work` stores. Returns the result. */
  add(once: Once, position: Position, now: number, work: () => void): AppendResult
  /** Deletes up to 500 expired names, and returns when the next one expires or has expired. */
  prune(now: number): number | undefined
}

/** Expired names that are deleted at once: 100,000 would take half a second. */
const BATCH = 500

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS once (
    name TEXT PRIMARY KEY, digest TEXT NOT NULL, id TEXT NOT NULL, sequence INTEGER NOT NULL,
    connections INTEGER NOT NULL, expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS once_by_time ON once (expires_at);
`

/** Opens the table of at most `max` names. */
export function openOnceTable(storage: ObjectStorage, max: number = MAX_NAMES): OnceTable {
  const { sql } = storage
  sql.exec(SCHEMA)
  let size = Number(rowsOf('SELECT count(*) AS size FROM once')[0]?.size)
  return { find, add, prune }

  function find({ name, digest }: Once, now: number): AppendResult | undefined {
    const [row] = rowsOf('SELECT * FROM once WHERE name = ? AND expires_at > ?', name, now)
    if (row && row.digest !== digest) throw conflict()
    if (row) return resultOf(row)
    if (size >= max) prune(now)
    if (size >= max) throw tooManyNames(max)
    return undefined
  }

  function add(once: Once, position: Position, now: number, work: () => void): AppendResult {
    const { name, digest, ttlMs, connections } = once
    const { id, sequence } = position
    const replaced = storage.transactionSync(() => {
      // One that has expired may still be there.
      const expired = rowsOf('DELETE FROM once WHERE name = ? RETURNING 1', name)
      const insert = 'INSERT INTO once VALUES (?, ?, ?, ?, ?, ?)'
      sql.exec(insert, name, digest, id, sequence, connections, now + ttlMs)
      work()
      return expired.length
    })
    size += 1 - replaced
    return { id, sequence, connections }
  }

  function prune(now: number): number | undefined {
    const expired = 'SELECT name FROM once WHERE expires_at <= ? ORDER BY expires_at LIMIT ?'
    size -= rowsOf(`DELETE FROM once WHERE name IN (${expired}) RETURNING 1`, now, BATCH).length
    const [row] = rowsOf('SELECT min(expires_at) AS next FROM once')
    return row?.next === null ? undefined : Number(row?.next)
  }

  function rowsOf(query: string, ...values: readonly (string | number)[]): Row[] {
    return [...sql.exec(query, ...values)] as Row[]
  }
}

type Row = Readonly<Record<string, unknown>>

function resultOf({ id, sequence, connections }: Row): AppendResult {
  return { id: String(id), sequence: Number(sequence), connections: Number(connections) }
}
