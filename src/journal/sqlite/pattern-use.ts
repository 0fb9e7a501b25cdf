/**
 * The use of patterns: a store has events for topics at the patterns that cover them from when a pattern is read for the first
 * time, and not from times when a version ran that did not know them.
 */
import { type AddressKeys, isPatternKey } from '../../core/address.ts'
import type { ObjectStorage } from './object-storage.ts'

/** The use of patterns in one store. */
export interface PatternUse {
  /** Must be called before the keys are read. From the first pattern on, events are stored at patterns. @param newest - the sequence of the newest event */
  follow(keys: readonly string[], newest: number): void
  /** The keys at which an event is stored. */
  stored(keys: AddressKeys): AddressKeys
  /** Whether events after this sequence may be missing at these keys. */
  lacks(keys: readonly string[], sequence: number): boolean
}

/**
 * Opens the use of patterns. Call it in a transaction.
 * @param before - what `head.start` was before this start; it is another one if another version has started since
 * @param start - what `head.start` is now
 */
export function openPatternUse(
  { sql }: Pick<ObjectStorage, 'sql'>,
  before: number,
  start: number,
): PatternUse {
  sql.exec(
    'CREATE TABLE IF NOT EXISTS patterns (id INTEGER PRIMARY KEY CHECK (id = 1), start INTEGER NOT NULL, since INTEGER NOT NULL)',
  )
  const update = 'UPDATE patterns SET since = iif(start = ?, since, ?), start = ? RETURNING since'
  const [row] = [...sql.exec(update, before, start, start)] as { readonly since: number }[]
  let since = row?.since
  return { follow, stored, lacks }

  function follow(keys: readonly string[], newest: number): void {
    if (since !== undefined || !keys.some(isPatternKey)) return
    sql.exec('INSERT INTO patterns SELECT 1, start, ? FROM head', newest)
    since = newest
  }

  function stored(keys: AddressKeys): AddressKeys {
    if (since !== undefined || typeof keys === 'string') return keys
    const own = keys.filter((key) => !isPatternKey(key))
    return own.length === 1 ? (own[0] ?? own) : own
  }

  function lacks(keys: readonly string[], sequence: number): boolean {
    return since !== undefined && since > sequence && keys.some(isPatternKey)
  }
}
