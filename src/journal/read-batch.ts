/** Reads a replay batch from an event store: what was missed since a cursor, and whether it is complete. */

import type { GapReason } from '../core/control-events.ts'
import { type Position, parseCursor } from '../core/cursor.ts'
import type { EventStore } from './event-store.ts'
import type { JournalEntry, ReplayBatch } from './journal.ts'

/** What to read. */
export interface ReadRequest {
  /** The keys of addresses. */
  readonly keys: readonly string[]
  /** A cursor, or `earliest` for everything that is stored. */
  readonly cursor: string
  /** The maximum size of the batch in bytes. A larger entry is returned as a batch of one. */
  readonly maxBytes: number
}

/** Reads a batch. @param head - the newest position, in the epoch of the store */
export function readBatch(
  store: Pick<EventStore, 'readAfter' | 'evictedAfter'>,
  head: Position,
  { keys, cursor, maxBytes }: ReadRequest,
): ReplayBatch {
  const start = locate(cursor, head)
  const entries: JournalEntry[] = []
  let bytes = 0
  let done = true
  for (const entry of store.readAfter(keys, start ?? 0)) {
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
    return store.evictedAfter(keys, start) ? 'evicted' : undefined
  }
}

/** Returns the sequence of a cursor; undefined if this epoch did not issue it. */
function locate(cursor: string, head: Position): number | undefined {
  const parsed = parseCursor(cursor)
  const sameEpoch = parsed?.epoch === parseCursor(head.id)?.epoch
  return parsed && sameEpoch && parsed.sequence <= head.sequence ? parsed.sequence : undefined
}
