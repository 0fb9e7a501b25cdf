/** Rewrites the ids of stored frames that were published in an earlier epoch. */
import type { JournalEntry } from '../journal.ts'

const encoder = new TextEncoder()
const LINE_FEED = 10

/**
 * Returns the entries with the ids that they have in this epoch. A client that stored the id of an
 * earlier one would receive a gap, and the same events, each time it reconnects.
 */
export function stampEntries(
  entries: readonly JournalEntry[],
  epoch: string,
): readonly JournalEntry[] {
  const start = encoder.encode(`id: ${epoch}-`)
  const isCurrent = ({ frame }: JournalEntry) => start.every((byte, i) => frame[i] === byte)
  return entries.every(isCurrent) ? entries : entries.map(stamp)
}

function stamp(entry: JournalEntry): JournalEntry {
  const line = encoder.encode(`id: ${entry.id}`)
  const rest = entry.frame.subarray(entry.frame.indexOf(LINE_FEED))
  const frame = new Uint8Array(line.byteLength + rest.byteLength)
  frame.set(line)
  frame.set(rest, line.byteLength)
  return { ...entry, frame }
}
