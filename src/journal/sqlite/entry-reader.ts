/** Reads the entries of a store in order, a limited number at a time. */
import { positionOf } from '../../core/cursor.ts'
import type { JournalEntry } from '../journal.ts'
import type { ObjectStorage } from './object-storage.ts'
import type { RecipientTable } from './recipients.ts'
import { AFTER, AFTER_SEVERAL, BATCH } from './schema.ts'

/** Iterates over the entries of addresses after a sequence, oldest first, each once. */
export type EntryReader = (keys: readonly string[], sequence: number) => Iterable<JournalEntry>

/** Creates the reader. @param epoch - returns the epoch of the store */
export function createEntryReader(
  { sql }: Pick<ObjectStorage, 'sql'>,
  recipients: Pick<RecipientTable, 'any'>,
  epoch: () => string,
): EntryReader {
  return function* entriesAfter(keys, sequence) {
    const list = JSON.stringify(keys)
    let from = sequence
    for (let found = BATCH; found === BATCH; ) {
      const rows = recipients.any
        ? run(AFTER_SEVERAL, list, from, list, from)
        : run(AFTER, list, from)
      for (const row of rows) {
        from = Number(row.sequence)
        yield { ...positionOf(epoch(), from), frame: frameOf(from) }
      }
      found = rows.length
    }
  }

  function frameOf(sequence: number): Uint8Array {
    const [row] = run('SELECT frame FROM entries WHERE sequence = ?', sequence) as [Row]
    return new Uint8Array(row.frame as ArrayBuffer)
  }

  function run(query: string, ...values: readonly (string | number)[]): Row[] {
    return [...sql.exec(query, ...values)] as Row[]
  }
}

type Row = Readonly<Record<string, unknown>>
