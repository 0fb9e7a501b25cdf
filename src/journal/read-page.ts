/** Reading from a shelf: what was missed since a cursor, and whether that is all. */

import type { GapReason } from '../core/control-events.ts'
import { type Position, parseCursor } from '../core/cursor.ts'
import type { EventStore } from './event-store.ts'
import type { JournalEntry, ReplayBatch } from './journal.ts'

/** What is to be read. */
export interface ReadRequest {
  /** The keys of addresses. */
  readonly keys: readonly string[]
  /** `earliest` for all that is kept. */
  readonly cursor: string
  /** Bytes of a page; one entry it has at least. */
  readonly maxBytes: number
}

/** Reads a page. @param head - the newest place, in the epoch of the shelf */
export function readBatch(
  shelf: Pick<EventStore, 'readAfter' | 'evictedAfter'>,
  head: Position,
  { keys, cursor, maxBytes }: ReadRequest,
): ReplayBatch {
  const start = locate(cursor, head)
  const entries: JournalEntry[] = []
  let bytes = 0
  let done = true
  for (const entry of shelf.readAfter(keys, start ?? 0)) {
    if (bytes > 0 && bytes + entry.frame.byteLength > maxBytes) {
      done = false
      break
    }
    entries.push(entry)
    bytes += entry.frame.byteLength
  }
  const end = (done ? undefined : entries.at(-1)) ?? head
  return { entries, end, done, gap: gapOf() }

  function gapOf(): GapReason | undefined {
    if (cursor === 'earliest') return undefined
    if (start === undefined) return 'epoch'
    return shelf.evictedAfter(keys, start) ? 'evicted' : undefined
  }
}

/** The sequence that a cursor stands for; undefined when it is not of this life of the journal. */
function locate(cursor: string, head: Position): number | undefined {
  const place = parseCursor(cursor)
  const fits = place?.epoch === parseCursor(head.id)?.epoch
  return place && fits && place.sequence <= head.sequence ? place.sequence : undefined
}
