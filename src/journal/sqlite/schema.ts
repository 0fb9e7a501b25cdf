/** The tables of a journal on disk. */

/** Makes the tables where there are none. */
export const SCHEMA: string = `
  CREATE TABLE IF NOT EXISTS head (
    id INTEGER PRIMARY KEY CHECK (id = 1), epoch TEXT NOT NULL,
    start INTEGER NOT NULL, forgotten INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS entries (
    sequence INTEGER PRIMARY KEY, key TEXT NOT NULL, at INTEGER NOT NULL,
    bytes INTEGER NOT NULL, frame BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS entries_by_key ON entries (key, sequence);
  CREATE TABLE IF NOT EXISTS addresses (
    key TEXT PRIMARY KEY, entries INTEGER NOT NULL, evicted INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS addresses_empty ON addresses (evicted) WHERE entries = 0;
`

/** The highest number that any entry is known by. Of an address with entries the newest of them is newer than all that it lost. */
export const NEWEST: string = `
  SELECT max(start, forgotten,
    coalesce((SELECT max(sequence) FROM entries), 0),
    coalesce((SELECT max(evicted) FROM addresses WHERE entries = 0), 0)) AS newest
  FROM head`
