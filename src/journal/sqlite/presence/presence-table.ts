/** A table of the clients that are online, and of those whose hook has not settled. */
import type { ObjectStorage } from '../object-storage.ts'

/** What is known about a client. */
export interface StoredClient {
  readonly client: string
  readonly isOnline: boolean
  /** When it came online or went offline, in milliseconds since 1970. */
  readonly at: number
  /** Whether the hook for this has settled. `stale`: another object may have reported the client since. */
  readonly isReported: boolean | 'stale'
}

/** A table with one row for each client that is online, or whose hook has not settled. */
export interface PresenceTable {
  /** Whether there is no row. */
  readonly isEmpty: boolean
  /** Lists all rows, those that changed first before the others. */
  list(): readonly StoredClient[]
  /** Stores the row of a client in place of the one before. */
  set(row: StoredClient): void
  delete(client: string): void
  /** Returns those of the clients that are online: at most 1,000, so that their names fit into one value. */
  onlineAmong(clients: readonly string[]): readonly string[]
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS presence (
    client TEXT PRIMARY KEY, online INTEGER NOT NULL, at INTEGER NOT NULL, reported INTEGER NOT NULL
  ) WITHOUT ROWID`

/** How the column `reported` stores that another object may have reported the client since. */
const STALE = 2

/** Opens the table, and creates it if it does not exist. */
export function openPresenceTable({ sql }: Pick<ObjectStorage, 'sql'>): PresenceTable {
  sql.exec(SCHEMA)
  return {
    get isEmpty() {
      return rowsOf('SELECT 1 FROM presence LIMIT 1').length === 0
    },
    list: () =>
      rowsOf('SELECT * FROM presence ORDER BY at').map(({ client, online, at, reported }) => ({
        client: String(client),
        isOnline: online === 1,
        at: Number(at),
        isReported: reported === STALE ? 'stale' : reported === 1,
      })),
    set: ({ client, isOnline, at, isReported }) => {
      const upsert = `INSERT INTO presence VALUES (?, ?, ?, ?) ON CONFLICT (client)
        DO UPDATE SET online = excluded.online, at = excluded.at, reported = excluded.reported`
      const reported = isReported === 'stale' ? STALE : Number(isReported)
      sql.exec(upsert, client, Number(isOnline), at, reported)
    },
    delete: (client) => void sql.exec('DELETE FROM presence WHERE client = ?', client),
    onlineAmong: (clients) => {
      const query =
        'SELECT client FROM presence WHERE online = 1 AND client IN (SELECT value FROM json_each(?))'
      return rowsOf(query, JSON.stringify(clients)).map(({ client }) => String(client))
    },
  }

  function rowsOf(
    query: string,
    ...values: readonly string[]
  ): Readonly<Record<string, unknown>>[] {
    return [...sql.exec(query, ...values)] as Readonly<Record<string, unknown>>[]
  }
}
