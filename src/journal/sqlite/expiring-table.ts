/** Names that count for a while, on disk: tickets that are used, questions that are kept. */
import { HubError } from '../../core/errors.ts'
import type { ObjectStorage } from './store.ts'

/** A bounded table of names that lapse. All times are in milliseconds since 1970. */
export interface ExpiringTable {
  /** Adds a name, or gives it another end. @throws {HubError} `at-capacity`: forgetting one would be worse. */
  add(name: string, end: number, now: number): void
  has(name: string, now: number): boolean
  /** The names with this prefix that have not lapsed, and their ends. */
  list(prefix: string, now: number): readonly { readonly name: string; readonly end: number }[]
  /** Deletes what has lapsed; returns when the next will. */
  prune(now: number): number | undefined
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS lapsing (name TEXT PRIMARY KEY, end INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS lapsing_by_end ON lapsing (end);
`

/** Opens the table of at most `max` names. */
export function openExpiringTable(
  { sql }: Pick<ObjectStorage, 'sql'>,
  max = 100_000,
): ExpiringTable {
  sql.exec(SCHEMA)
  let size = count()
  return { add, has, list, prune }

  function add(name: string, end: number, now: number): void {
    if (size >= max) prune(now)
    if (size >= max) {
      throw new HubError('at-capacity', `${max} names are remembered for now: no more can be.`)
    }
    sql.exec('INSERT OR REPLACE INTO lapsing VALUES (?, ?)', name, end)
    size += 1
  }

  function has(name: string, now: number): boolean {
    return [...sql.exec('SELECT 1 FROM lapsing WHERE name = ? AND end > ?', name, now)].length > 0
  }

  function list(prefix: string, now: number) {
    const query = 'SELECT name, end FROM lapsing WHERE name >= ? AND name < ? AND end > ?'
    const rows = sql.exec(query, prefix, `${prefix}\u{10ffff}`, now)
    return [...rows] as { name: string; end: number }[]
  }

  function prune(now: number): number | undefined {
    sql.exec('DELETE FROM lapsing WHERE end <= ?', now)
    size = count()
    const [next] = [...sql.exec('SELECT min(end) AS end FROM lapsing')] as { end: number | null }[]
    return next?.end ?? undefined
  }

  function count(): number {
    const [row] = [...sql.exec('SELECT count(*) AS count FROM lapsing')] as { count: number }[]
    return row?.count ?? 0
  }
}
