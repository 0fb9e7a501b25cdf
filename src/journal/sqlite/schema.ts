/** The SQLite tables of a journal, and the number of their format. */
import { HubError } from '../../core/errors.ts'
import type { ObjectStorage } from './object-storage.ts'

/**
 * The highest format of the tables that this version knows. A version whose tables older versions would misread
 * writes a higher number, and older versions refuse the journal. Tables without a number have format 1.
 */
const MAX_FORMAT = 3

/** The format while an event is retained, while one for several addresses is stored, and otherwise. */
const WITH_RETAINED = 3
const WITH_RECIPIENTS = 2
const PLAIN = 1

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS head (
    id INTEGER PRIMARY KEY CHECK (id = 1), epoch TEXT NOT NULL,
    start INTEGER NOT NULL, eviction_floor INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS entries (
    sequence INTEGER PRIMARY KEY, key TEXT NOT NULL, at INTEGER NOT NULL,
    bytes INTEGER NOT NULL, frame BLOB NOT NULL
  );
  CREATE INDEX IF NOT EXISTS entries_by_key ON entries (key, sequence);
  CREATE TABLE IF NOT EXISTS addresses (
    key TEXT PRIMARY KEY, entries INTEGER NOT NULL, evicted_up_to INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS addresses_empty ON addresses (evicted_up_to) WHERE entries = 0;
  CREATE TABLE IF NOT EXISTS recipients (
    key TEXT NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (key, sequence)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS recipients_by_sequence ON recipients (sequence);
  CREATE TABLE IF NOT EXISTS keyed (
    sequence INTEGER NOT NULL, address TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (sequence, address)
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS keyed_by_key ON keyed (address, key);
  CREATE TABLE IF NOT EXISTS retained (
    address TEXT NOT NULL, key TEXT NOT NULL, sequence INTEGER NOT NULL,
    bytes INTEGER NOT NULL, frame BLOB NOT NULL, PRIMARY KEY (address, key)
  );
  CREATE INDEX IF NOT EXISTS retained_by_address ON retained (address, sequence);
  CREATE INDEX IF NOT EXISTS retained_by_sequence ON retained (sequence);
`

/** The keys are passed as one JSON value, so that the text of a statement never changes and is prepared once. */
export const KEYS = '(SELECT value FROM json_each(?))'

/** The maximum number of values that one statement is passed as JSON: a value may have two megabytes. */
const MAX_VALUES = 500

/** Splits a list into parts that fit into one value each. */
export function* inParts<T>(list: readonly T[]): Iterable<readonly T[]> {
  for (let at = 0; at < list.length; at += MAX_VALUES) yield list.slice(at, at + MAX_VALUES)
}

/** Entries read by one statement, and empty addresses that are dropped together. */
export const BATCH = 250

/** Selects the sequences of the first entries of some addresses after one. */
export const AFTER: string = `
  SELECT sequence FROM entries INDEXED BY entries_by_key
  WHERE key IN ${KEYS} AND sequence > ? ORDER BY sequence LIMIT ${BATCH}`

/** The same while there are entries with several addresses: UNION finds each once. */
export const AFTER_SEVERAL: string = `
  SELECT sequence FROM entries INDEXED BY entries_by_key WHERE key IN ${KEYS} AND sequence > ?
  UNION SELECT sequence FROM recipients WHERE key IN ${KEYS} AND sequence > ?
  ORDER BY sequence LIMIT ${BATCH}`

/** Selects the sequence of an entry of an address, counted from its oldest one. */
export const OLDEST: string = `
  SELECT sequence FROM entries WHERE key = ? UNION ALL SELECT sequence FROM recipients WHERE key = ?
  ORDER BY sequence LIMIT 1 OFFSET ?`

/**
 * Selects the highest sequence of any entry, stored or evicted. Addresses with entries are skipped:
 * their newest entry is newer than everything evicted from them.
 */
export const NEWEST: string = `
  SELECT max(start, eviction_floor,
    coalesce((SELECT max(sequence) FROM entries), 0),
    coalesce((SELECT max(sequence) FROM retained), 0),
    coalesce((SELECT max(evicted_up_to) FROM addresses WHERE entries = 0), 0)) AS newest
  FROM head`

/**
 * Creates the tables if they do not exist. Call it in a transaction.
 * @throws {HubError} `journal-unavailable` if the tables have a format that this version does not know
 */
export function createTables({ sql }: Pick<ObjectStorage, 'sql'>): void {
  sql.exec(
    'CREATE TABLE IF NOT EXISTS format (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL)',
  )
  sql.exec('INSERT INTO format VALUES (1, ?) ON CONFLICT DO NOTHING', PLAIN)
  const [row] = [...sql.exec('SELECT number FROM format')] as [{ readonly number: number }]
  if (row.number < PLAIN || row.number > MAX_FORMAT) {
    throw new HubError(
      'journal-unavailable',
      `The journal has format ${row.number}, but this version of the hub knows formats up to ${MAX_FORMAT}: deploy another version, or use an empty object.`,
    )
  }
  sql.exec(SCHEMA)
}

/** Refuses versions that would not find events for several addresses, or retained ones, for as long as such an event is stored. */
export function updateFormat({ sql }: Pick<ObjectStorage, 'sql'>): void {
  const number = `CASE WHEN EXISTS (SELECT 1 FROM retained) THEN ${WITH_RETAINED}
    WHEN EXISTS (SELECT 1 FROM recipients) THEN ${WITH_RECIPIENTS} ELSE ${PLAIN} END`
  sql.exec(`UPDATE format SET number = ${number} WHERE number <> ${number}`)
}
