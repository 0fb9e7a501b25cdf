/** The keyed entries of a store: a row for each entry with a key and each of its addresses. Without any, it costs nothing. */
import type { Keyed } from '../../event-store.ts'
import { type KeyedPlace, nameAt } from '../../keyed-places.ts'
import type { AddressTable } from '../address-table.ts'
import type { ObjectStorage } from '../object-storage.ts'
import { DELETE_ORPHAN } from '../recipients.ts'
import { inParts } from '../schema.ts'

/** The table of keyed entries. Changes belong into a transaction; after one that failed, call `load`. */
export interface KeyedTable {
  /** Loads the cached values from the storage. */
  load(): void
  add(places: readonly KeyedPlace[], sequence: number): void
  /** Removes the entries at these places. Returns those that have no address left. */
  supersede(places: readonly KeyedPlace[]): readonly Row[]
  /** Removes the rows up to a sequence, of one address or of all, whose entries MUST still be stored. */
  evict(last: number, ...address: readonly string[]): void
}

interface Row {
  readonly bytes?: unknown
}

/** The address and the name of a place, of which the name is in the column `key`. */
export const PLACE = `json_extract(value, '$.address'), json_extract(value, '$.name')`

/** The sequences of the entries with a key at an address. */
const WITH_KEY = '(SELECT sequence FROM keyed WHERE address = ? AND key = ?)'

/** The sequences of the entries of an address up to one. */
const UP_TO = `(SELECT sequence FROM entries WHERE key = ? AND sequence <= ?
  UNION ALL SELECT sequence FROM recipients WHERE key = ? AND sequence <= ?)`

/** Opens the table, which `createTables` has created. */
export function openKeyed(
  { sql }: Pick<ObjectStorage, 'sql'>,
  addresses: Pick<AddressTable, 'release'>,
): KeyedTable {
  let any = false
  return { load, add, supersede, evict }

  function load(): void {
    any = run('SELECT 1 FROM keyed LIMIT 1').length > 0
  }

  function add(places: readonly KeyedPlace[], sequence: number): void {
    if (places.length === 0) return
    for (const part of inParts(places)) {
      run(`INSERT INTO keyed SELECT ?, ${PLACE} FROM json_each(?)`, sequence, JSON.stringify(part))
    }
    any = true
  }

  function supersede(places: readonly KeyedPlace[]): readonly Row[] {
    return any ? places.flatMap(({ address, name }) => supersedeAt(address, name)) : []
  }

  function supersedeAt(address: string, key: string): readonly Row[] {
    const at = `key = ? AND sequence IN ${WITH_KEY}`
    const own = run(`DELETE FROM entries WHERE ${at} RETURNING bytes`, address, address, key)
    const shared = run(
      `DELETE FROM recipients WHERE ${at} RETURNING sequence`,
      address,
      address,
      key,
    ) as { readonly sequence: number }[]
    run('DELETE FROM keyed WHERE address = ? AND key = ?', address, key)
    if (own.length + shared.length > 0) addresses.release(address, own.length + shared.length)
    return [...own, ...shared.flatMap(({ sequence }) => run(DELETE_ORPHAN, sequence))]
  }

  function evict(last: number, ...address: readonly string[]): void {
    if (!any) return
    if (address.length === 0) {
      run('DELETE FROM keyed WHERE sequence <= ?', last)
      any = run('SELECT 1 FROM keyed LIMIT 1').length > 0
      return
    }
    const [key = ''] = address
    const which = `address = ? AND sequence IN ${UP_TO}`
    run(`DELETE FROM keyed WHERE ${which}`, key, key, last, key, last)
  }

  function run(query: string, ...values: readonly (string | number)[]): Row[] {
    return [...sql.exec(query, ...values)] as Row[]
  }
}

/** The places at which an event in the log is superseded. */
export function placesOf(keys: readonly string[], { key, topic }: Keyed): readonly KeyedPlace[] {
  if (key === undefined) return []
  return keys.flatMap((address) => {
    const name = nameAt(address, topic, key)
    return name === undefined ? [] : { address, name }
  })
}
