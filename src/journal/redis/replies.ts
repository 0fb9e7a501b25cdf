/** Parses the messages and the script replies of Redis. */

import type { GapReason } from '../../core/control-events.ts'
import { type Cursor, type Position, parseCursor, positionOf } from '../../core/cursor.ts'
import type {
  AppendResult,
  JournalEntry,
  JournalStats,
  ReplayBatch,
  RetainedBatch,
} from '../journal.ts'
import { conflict, tooManyNames } from '../once.ts'
import { AFTER_LINE } from './scripts/buckets.ts'
import { CONFLICT, FULL, REPEATED } from './scripts/publish-once.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** `id: ` as bytes, and the maximum length of an id line. */
const ID = [105, 100, 58, 32]
const MAX_ID_BYTES = 64
const LINE_FEED = 10

const AFTER_BYTES = encoder.encode(AFTER_LINE)

/** Decodes a message that contains no frames. */
export function textOf(message: Uint8Array): string {
  return decoder.decode(message)
}

/** Returns the id that a frame starts with; undefined for an ephemeral event, which has none. */
export function idOf(frame: Uint8Array): string | undefined {
  if (ID.some((byte, index) => frame[index] !== byte)) return undefined
  const end = frame.subarray(0, MAX_ID_BYTES).indexOf(LINE_FEED)
  return decoder.decode(frame.subarray(ID.length, end))
}

/** Returns the frame of an event that is not stored, and after which stored event it was published, unless an older version did. */
export function ephemeralIn(message: Uint8Array): {
  readonly frame: Uint8Array
  readonly after?: number
} {
  if (AFTER_BYTES.some((byte, index) => message[index] !== byte)) return { frame: message }
  const end = message.indexOf(LINE_FEED)
  const after = Number(decoder.decode(message.subarray(AFTER_BYTES.length, end)))
  return { frame: message.subarray(end + 1), after }
}

/** Parses the id of an event, or the head of the journal. @throws if it is neither */
export function toCursor(id: string): Cursor {
  const cursor = parseCursor(id)
  if (!cursor) throw new Error('The id of an event can’t be parsed.')
  return cursor
}

/** Splits a message into its frames: what one call published at one address, in order. */
export function framesOf(message: Uint8Array): readonly Uint8Array[] {
  const frames: Uint8Array[] = []
  let from = 0
  for (let at = message.indexOf(LINE_FEED); at >= 0; at = message.indexOf(LINE_FEED, at + 1)) {
    if (message[at + 1] !== LINE_FEED) continue
    at += 1
    frames.push(message.subarray(from, at + 1))
    from = at + 1
  }
  return frames
}

/** Returns the error of a script. Redis before 7 puts the place in the script in front of a command's error. */
export function toScriptError(error: Error): Error {
  const [, message] = /@user_script: \d+: -?([A-Z]+ .*)/s.exec(error.message) ?? []
  return message === undefined ? error : new Error(message)
}

/**
 * Parses the result of an event in the reply of the script `PUBLISH_ONCE`.
 * @throws {HubError} `idempotency-conflict`, `at-capacity`
 */
export function toAppendResult(result: string): AppendResult {
  if (result === CONFLICT) throw conflict()
  if (result === FULL) throw tooManyNames()
  const [id = '', instances, connections, mark] = result.split(' ')
  const { sequence } = toCursor(id)
  const counts = { instances: Number(instances), connections: Number(connections) }
  return { id, sequence, ...counts, ...(mark === REPEATED && { repeated: true }) }
}

/** Parses the reply of the script `READ`. */
export function toReplayBatch(reply: unknown): ReplayBatch {
  const [epoch, end, gap, done, ...frames] = reply as [string, number, string, number, ...string[]]
  const entries = frames.map((frame) => toEntry(epoch, frame))
  const reason = gap === '' ? undefined : (gap as GapReason)
  return { entries, end: positionOf(epoch, end), done: done === 1, gap: reason }
}

/** Parses the reply of the script `READ` for retained events. */
export function toRetainedBatch(reply: unknown): RetainedBatch {
  const { entries, done } = toReplayBatch(reply)
  return { entries, done }
}

/** Parses the same reply for a stream that starts with them. */
export function toStart(reply: unknown): ReplayBatch {
  const { entries, end, done } = toReplayBatch(reply)
  const [, , completeAfter] = reply as readonly [string, number, number]
  const start: ReplayBatch = { entries: [], end, done: true, completeAfter }
  return entries.length > 0 ? { ...start, retained: { entries, done } } : start
}

/**
 * Parses the reply of the script `READ_EACH` for these keys: the entries up to `end` at each key whose
 * frames are complete. Empty if a new epoch has started since.
 */
export function toEntries(
  reply: unknown,
  keys: readonly string[],
  { id, sequence: last }: Position,
): Map<string, readonly JournalEntry[]> {
  const [epoch, , ...lists] = reply as [string, number, ...(string[] | number)[]]
  const entriesAt = new Map<string, readonly JournalEntry[]>()
  if (epoch !== parseCursor(id)?.epoch) return entriesAt
  for (const [index, key] of keys.entries()) {
    const frames = lists[index]
    if (!Array.isArray(frames)) continue
    const entries = frames.map((frame) => toEntry(epoch, frame))
    entriesAt.set(
      key,
      entries.filter(({ sequence }) => sequence <= last),
    )
  }
  return entriesAt
}

function toEntry(epoch: string, frame: string): JournalEntry {
  const end = frame.indexOf('\n')
  // The frame may be of an older epoch, but clients get cursors of the current one.
  const { id, sequence } = positionOf(epoch, Number(frame.slice(frame.indexOf('-') + 1, end)))
  return { id, sequence, frame: encoder.encode(`id: ${id}${frame.slice(end)}`) }
}

/** The size of the journal, and how many events any hub has evicted since this process read it for the first time. */
interface MeasuredSize {
  readonly events: number
  readonly bytes: number
  readonly evicted: number
  readonly retained: JournalStats
}

/**
 * Creates a parser of the replies of the script `KEEP_ALIVE`. Each stored event has a sequence, and at several addresses
 * further copies: what is gone was evicted.
 */
export function createSizeReader({
  maxRetainedBytes: maxBytes,
}: {
  readonly maxRetainedBytes: number
}): (reply: unknown) => MeasuredSize {
  const evicted = createGrowth()
  const retainedEvicted = createGrowth()
  return (reply) => {
    const [, sequence, events, bytes, copies, retained, retainedBytes, lost] = reply as Size
    return {
      events,
      bytes,
      evicted: evicted(sequence + copies - events),
      retained: {
        events: retained,
        bytes: retainedBytes,
        maxBytes,
        evicted: retainedEvicted(lost),
      },
    }
  }
}

type Size = readonly [string, number, number, number, number, number, number, number]

/** Adds up how much a number has grown. It falls if Redis has lost events or was flushed. */
function createGrowth(): (value: number) => number {
  let sum = 0
  let before: number | undefined
  return (value) => {
    sum += Math.max(0, value - (before ?? value))
    before = value
    return sum
  }
}

/** What a hub missed before a connection was opened. */
export interface MissedEvents {
  /** Where the journal ends. */
  readonly end: Position
  readonly epoch: string
  /** The keys at which events may have been missed. Empty if those are all. */
  readonly changed: readonly string[]
  /** Returns whether events at this key may have been missed. */
  affects(key: string): boolean
}

/** Parses the reply of the script `CATCH_UP`. */
export function toCatchUp(reply: unknown): MissedEvents {
  const [epoch, sequence, all, changed] = reply as [string, number, number, string[]]
  const keys = new Set(changed)
  return {
    end: positionOf(epoch, sequence),
    epoch,
    changed,
    affects: (key) => all === 1 || keys.has(key),
  }
}
