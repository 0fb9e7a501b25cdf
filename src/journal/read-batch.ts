/** Reads batches from an event store: what was missed since a cursor, and whether it is complete; and what is retained. */

import type { GapReason } from '../core/control-events.ts'
import { type Position, parseCursor } from '../core/cursor.ts'
import type { EventStore, RetainedSource } from './event-store.ts'
import type { JournalEntry, ReplayBatch, RetainedBatch } from './journal.ts'

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
  const { entries, done } = take(store.readAfter(keys, start ?? 0), maxBytes)
  const end = (done ? undefined : entries.at(-1)) ?? head
  return { entries, end, done, gap: gapOf() }

  function gapOf(): GapReason | undefined {
    if (cursor === 'earliest') return undefined
    if (start === undefined) return 'epoch'
    return store.evictedAfter(keys, start) ? 'evicted' : undefined
  }
}

/** Returns what a stream without a cursor starts with: the first retained events, if there are any. */
export function readStart(
  store: RetainedSource,
  head: Position,
  { keys, maxBytes }: Pick<ReadRequest, 'keys' | 'maxBytes'>,
): ReplayBatch {
  const start: ReplayBatch = { entries: [], end: head, done: true }
  const retained = readRetained(store, keys, 0, maxBytes)
  return retained.entries.length > 0 ? { ...start, retained } : start
}

/** Reads a batch of the retained events after a sequence. */
export function readRetained(
  store: RetainedSource,
  keys: readonly string[],
  after: number,
  maxBytes: number,
): RetainedBatch {
  return take(store.retainedAfter(keys, after) ?? [], maxBytes)
}

/** The first entries, at least one if there is one, and whether there are more. */
function take(all: Iterable<JournalEntry>, maxBytes: number): RetainedBatch {
  const entries: JournalEntry[] = []
  let bytes = 0
  for (const entry of all) {
    if (bytes > 0 && bytes + entry.frame.byteLength > maxBytes) return { entries, done: false }
    entries.push(entry)
    bytes += entry.frame.byteLength
  }
  return { entries, done: true }
}

/** Returns the sequence of a cursor; undefined if this epoch did not issue it. */
function locate(cursor: string, head: Position): number | undefined {
  const parsed = parseCursor(cursor)
  const sameEpoch = parsed?.epoch === parseCursor(head.id)?.epoch
  return parsed && sameEpoch && parsed.sequence <= head.sequence ? parsed.sequence : undefined
}
