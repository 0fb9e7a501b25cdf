/**
 * Cursors have the form `<epoch>-<sequence>`: a position in one epoch of a journal. An `r` at the end says that the client
 * may lack some of what was retained there.
 */
import type { Clock } from './clock.ts'

const CURSOR = /^([0-9a-z]+)-(\d{1,15})$/

/** A position in the journal. Its id is the cursor of a client that has received everything up to it. */
export interface Position {
  /** `<epoch>-<sequence>`, the id that clients receive. */
  readonly id: string
  /** Increases with every event of an epoch, whatever its address. */
  readonly sequence: number
}

/** A parsed cursor. */
export interface Cursor {
  readonly epoch: string
  readonly sequence: number
}

/** Parses a cursor; undefined if the text is not one. */
export function parseCursor(text: string): Cursor | undefined {
  const [, epoch, digits] = CURSOR.exec(text) ?? []
  return epoch === undefined ? undefined : { epoch, sequence: Number(digits) }
}

/** Returns the cursor of a client whose stream starts at a position, and which has not received all that is retained there. */
export function partialCursor({ id }: Pick<Position, 'id'>): string {
  return `${id}r`
}

/** Returns the position in a cursor that `partialCursor` returned; undefined if it is none. */
export function partialStart(cursor: string): Position | undefined {
  const parsed = cursor.endsWith('r') ? parseCursor(cursor.slice(0, -1)) : undefined
  return parsed && positionOf(parsed.epoch, parsed.sequence)
}

/** Returns the position of a sequence in an epoch. */
export function positionOf(epoch: string, sequence: number): Position {
  return { id: `${epoch}-${sequence}`, sequence }
}

/** Returns the position of another sequence in the same epoch. */
export function positionAt(position: Position, sequence: number): Position {
  return positionOf(epochOf(position), sequence)
}

/** Returns the epoch of a position. */
export function epochOf({ id }: Position): string {
  return id.slice(0, id.lastIndexOf('-'))
}

/** Returns the time followed by 16 random bits, so that two journals created in the same millisecond differ. */
export function newEpoch(clock: Clock): string {
  const [random = 0] = crypto.getRandomValues(new Uint16Array(1))
  return `${clock.now().toString(36)}${random.toString(36).padStart(4, '0')}`
}
