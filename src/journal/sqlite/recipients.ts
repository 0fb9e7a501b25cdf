/** The recipients of entries with several addresses: a row for each address, beside the one row that has the frame. */
import type { AddressTable } from './address-table.ts'
import type { ObjectStorage } from './object-storage.ts'
import { inParts, updateFormat } from './schema.ts'

/** The key of an entry that has several addresses. No address has this key. */
export const SEVERAL_KEY = ''

/** The table of recipients. Changes belong into a transaction; after one that failed, call `load`. */
export interface RecipientTable {
  /** Whether there may be any. */
  readonly any: boolean
  /** Loads the cached values from the storage. */
  load(): void
  add(keys: readonly string[], sequence: number): void
  /**
   * Removes the rows up to a sequence, of one address or of all, and records this for each address. Of one address,
   * removes and returns the entries that have no recipient left; those of all MUST have been removed before.
   */
  evict(last: number, ...key: readonly string[]): readonly { readonly bytes?: unknown }[]
  /** Lets older versions in again once there is no recipient. */
  trim(): void
}

/** Removes an entry that has no recipient left. */
export const DELETE_ORPHAN: string = `
  DELETE FROM entries WHERE sequence = ? AND NOT EXISTS
    (SELECT 1 FROM recipients WHERE recipients.sequence = entries.sequence)
  RETURNING bytes`

/** Opens the table. */
export function openRecipients(
  storage: Pick<ObjectStorage, 'sql'>,
  addresses: Pick<AddressTable, 'evict'>,
): RecipientTable {
  const { sql } = storage
  let any = false
  return {
    get any() {
      return any
    },
    load,
    add,
    evict,
    trim,
  }

  function load(): void {
    any = [...sql.exec('SELECT 1 FROM recipients LIMIT 1')].length > 0
  }

  function add(keys: readonly string[], sequence: number): void {
    const insert = 'INSERT INTO recipients SELECT value, ? FROM json_each(?)'
    for (const part of inParts(keys)) sql.exec(insert, sequence, JSON.stringify(part))
    if (!any) updateFormat(storage)
    any = true
  }

  function evict(last: number, ...key: readonly string[]): readonly object[] {
    if (!any) return []
    const index = key.length > 0 ? 'WHERE key = ? AND' : 'INDEXED BY recipients_by_sequence WHERE'
    const which = `recipients ${index} sequence <= ?`
    addresses.evict(which, ...key, last)
    const rows = [...sql.exec(`DELETE FROM ${which} RETURNING sequence`, ...key, last)]
    // Those of all addresses have gone with their entries.
    if (key.length === 0) return []
    return (rows as { readonly sequence: number }[]).flatMap(({ sequence }) => {
      return [...sql.exec(DELETE_ORPHAN, sequence)] as object[]
    })
  }

  function trim(): void {
    load()
    // Also where the last of them went before a restart.
    updateFormat(storage)
  }
}
