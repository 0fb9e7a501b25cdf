/** The retained part of a stream: what it receives between `hub:ready` and the events that follow. */
import { epochOf, type Position, positionAt } from '../../core/cursor.ts'
import type { JournalEntry, ReplayBatch, RetainedBatch } from '../../journal/journal.ts'

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

/**
 * A stream without a cursor starts before the first event after the connect and reads from there: for
 * addresses whose subscription was confirmed later, more may have been stored without being delivered.
 * @param start - where the client's stream started that was cut before it had all that is retained. @defaultValue none was
 */
export function streamStart(
  batch: ReplayBatch,
  first: JournalEntry | undefined,
  start?: Position,
): ReplayBatch {
  if (start) return startAgain(batch, first, start)
  const from = Math.max((first?.sequence ?? Number.POSITIVE_INFINITY) - 1, batch.completeAfter ?? 0)
  const isEarlier = !batch.gap && from < batch.end.sequence
  const end = isEarlier ? positionAt(batch.end, from) : batch.end
  const retained = batch.retained && upTo(end, batch.retained)
  if (!isEarlier && retained === batch.retained) return batch
  return { ...batch, end, done: batch.done && !isEarlier, retained }
}

/** A stream that was cut before it had all that is retained starts once more where it did. */
function startAgain(
  batch: ReplayBatch,
  first: JournalEntry | undefined,
  start: Position,
): ReplayBatch {
  const { end, retained = NONE } = batch
  const isKnown = epochOf(start) === epochOf(end) && start.sequence <= end.sequence
  if (!isKnown) return { ...streamStart(batch, first), gap: 'epoch' }
  const rest = upTo(start, retained) ?? NONE
  return { ...batch, entries: [], end: start, done: false, retained: rest }
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
