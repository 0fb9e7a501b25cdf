/** The retained part of a stream: what it receives between `hub:ready` and the events that follow. */
import type { Position } from '../../core/cursor.ts'
import type { RetainedBatch } from '../../journal/journal.ts'

/** What is left of the retained events that a stream starts with. */
export interface RetainedPart {
  /** Where the stream starts: what was published after it is replayed. */
  readonly start: Position
  /** The sequence of the last one that it has received. */
  readonly after: number
}

/** An empty batch. */
export const NONE: RetainedBatch = { entries: [], done: true }

/** Returns a batch without what was published after a position; undefined if nothing is left. */
export function upTo({ sequence }: Position, batch: RetainedBatch): RetainedBatch | undefined {
  const entries = batch.entries.filter((entry) => entry.sequence <= sequence)
  if (entries.length === batch.entries.length) return batch
  return entries.length > 0 ? { entries, done: true } : undefined
}

const LINE_FEED = 10

/** Streams that start at the same time share the bytes, as they share frames. */
const shared = new WeakMap<Uint8Array, Uint8Array>()

/** Returns a frame without its id, which would move the cursor of a client back. */
export function withoutId(frame: Uint8Array): Uint8Array {
  const known = shared.get(frame)
  if (known) return known
  const rest = frame.subarray(frame.indexOf(LINE_FEED) + 1)
  shared.set(frame, rest)
  return rest
}
