/** A table of names that expire: used tickets, and control requests stored for the next start. */
import { HubError } from '../../core/errors.ts'
import type { ObjectStorage } from './store.ts'

/** A bounded table of names that expire. All times are in milliseconds since 1970. */
export interface ExpiringTable {
  /** Adds a name, or changes its expiry. @throws {HubError} `at-capacity`: dropping another name would be worse. */
  add(name: string, expiresAt: number, now: number): void
  has(name: string, now: number): boolean
  /** Lists the names with this prefix that have not expired. */
  list(
    prefix: string,
    now: number,
  ): readonly { readonly name: string; readonly expiresAt: number }[]
  /** Deletes the expired names and returns when the next one expires. */
  prune(now: number): number | undefined
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS expiring (
    name TEXT PRIMARY KEY, expires_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS expiring_by_time ON expiring (expires_at);
`

/** Opens the table of at most `max` names. */
export function openExpiringTable(
  { sql }: Pick<ObjectStorage, 'sql'>,
  max = 100_000,
): ExpiringTable {
  sql.exec(SCHEMA)
  let size = count()
  return { add, has, list, prune }

  function add(name: string, expiresAt: number, now: number): void {
    if (size >= max) prune(now)
    if (size >= max) {
      throw new HubError('at-capacity', `The limit of ${max} names is reached. Try again later.`)
    }
    sql.exec('INSERT OR REPLACE INTO expiring VALUES (?, ?)', name, expiresAt)
    size += 1
  }

  function has(name: string, now: number): boolean {
    const query = 'SELECT 1 FROM expiring WHERE name = ? AND expires_at > ?'
    return [...sql.exec(query, name, now)].length > 0
  }

  function list(prefix: string, now: number) {
    const query = `SELECT name, expires_at AS expiresAt FROM expiring
      WHERE name >= ? AND name < ? AND expires_at > ?`
    const rows = sql.exec(query, prefix, `${prefix}\u{10ffff}`, now)
    return [...rows] as { name: string; expiresAt: number }[]
  }

  function prune(now: number): number | undefined {
    sql.exec('DELETE FROM expiring WHERE expires_at <= ?', now)
    size = count()
    const rows = [...sql.exec('SELECT min(expires_at) AS next FROM expiring')]
    const [row] = rows as { next: number | null }[]
    return row?.next ?? undefined
  }

  function count(): number {
    const [row] = [...sql.exec('SELECT count(*) AS count FROM expiring')] as { count: number }[]
    return row?.count ?? 0
  }
}
