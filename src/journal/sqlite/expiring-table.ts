/** A table of names that expire: used tickets, and control requests stored for the next start. */
import { HubError } from '../../core/errors.ts'
import type { ObjectStorage } from './object-storage.ts'

/** A bounded table of names that expire. All times are in milliseconds since 1970. */
export interface ExpiringTable {
  /** Adds a name or changes its expiry, without scanning the table. @throws {HubError} `at-capacity` if the table is full */
  add(name: string, expiresAt: number, now: number): void
  has(name: string, now: number): boolean
  /**
   * Lists the names with this prefix that have not expired, in a fixed order.
   * @param after - the name after which the list starts. @defaultValue the prefix
   * @param limit - the maximum number of names. @defaultValue no limit
   */
  list(
    prefix: string,
    now: number,
    after?: string,
    limit?: number,
  ): readonly { readonly name: string; readonly expiresAt: number }[]
  /** Deletes up to 500 expired names, and returns when the next one expires or has expired. */
  prune(now: number): number | undefined
}

/** Expired names that are deleted at once: 100,000 would take half a second. */
const BATCH = 500

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
    const update = 'UPDATE expiring SET expires_at = ? WHERE name = ? RETURNING 1'
    if (rowsOf(update, expiresAt, name).length > 0) return
    if (size >= max) {
      throw new HubError(
        'at-capacity',
        `The limit of ${max} used tickets and stored requests is reached. Try again later.`,
      )
    }
    sql.exec('INSERT INTO expiring VALUES (?, ?)', name, expiresAt)
    size += 1
  }

  function has(name: string, now: number): boolean {
    const query = 'SELECT 1 FROM expiring WHERE name = ? AND expires_at > ?'
    return rowsOf(query, name, now).length > 0
  }

  function list(prefix: string, now: number, after = prefix, limit = -1) {
    const query = `SELECT name, expires_at AS expiresAt FROM expiring
      WHERE name > ? AND name < ? AND expires_at > ? ORDER BY name LIMIT ?`
    return rowsOf(query, after, `${prefix}\u{10ffff}`, now, limit) as {
      name: string
      expiresAt: number
    }[]
  }

  function prune(now: number): number | undefined {
    const expired = 'SELECT name FROM expiring WHERE expires_at <= ? ORDER BY expires_at LIMIT ?'
    size -= rowsOf(`DELETE FROM expiring WHERE name IN (${expired}) RETURNING 1`, now, BATCH).length
    const query = 'SELECT min(expires_at) AS next FROM expiring'
    const [{ next }] = rowsOf(query) as [{ readonly next: number | null }]
    return next ?? undefined
  }

  function count(): number {
    const query = 'SELECT count(*) AS count FROM expiring'
    const [row] = rowsOf(query) as [{ readonly count: number }]
    return row.count
  }

  function rowsOf(query: string, ...values: readonly (string | number)[]): unknown[] {
    return [...sql.exec(query, ...values)]
  }
}
