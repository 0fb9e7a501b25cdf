/** Merges the entries of two lists, each of which is in order, and which have none in common. */
import type { JournalEntry } from './journal.ts'

/** Iterates over the entries of both lists in order. */
export function* mergeEntries(
  one: Iterable<JournalEntry>,
  other: Iterable<JournalEntry>,
): Iterable<JournalEntry> {
  const rest = other[Symbol.iterator]()
  let next = rest.next()
  for (const entry of one) {
    for (; !next.done && next.value.sequence < entry.sequence; next = rest.next()) yield next.value
    yield entry
  }
  for (; !next.done; next = rest.next()) yield next.value
}
