/** Cursors: `<epoch>-<sequence>`, a place in one life of a journal. */
import type { Clock } from './clock.ts'

const CURSOR = /^([0-9a-z]+)-(\d{1,15})$/

/** A position in the journal: what clients keep as their cursor. */
export interface Position {
  /** `<epoch>-<sequence>`, as clients see it. */
  readonly id: string
  /** Grows with each event of one epoch, whatever its address. */
  readonly sequence: number
}

/** A cursor taken apart. */
export interface Cursor {
  readonly epoch: string
  readonly sequence: number
}

/** What a cursor says; undefined when it is none. */
export function parseCursor(text: string): Cursor | undefined {
  const [, epoch, digits] = CURSOR.exec(text) ?? []
  return epoch === undefined ? undefined : { epoch, sequence: Number(digits) }
}

/** The place of a sequence in an epoch. */
export function positionOf(epoch: string, sequence: number): Position {
  return { id: `${epoch}-${sequence}`, sequence }
}

/** The place of another sequence in the same epoch. */
export function positionAt({ id }: Position, sequence: number): Position {
  return positionOf(id.slice(0, id.lastIndexOf('-')), sequence)
}

/** The time and a little chance, so that two journals begun in the same millisecond differ. */
export function newEpoch(clock: Clock): string {
  const [chance = 0] = crypto.getRandomValues(new Uint16Array(1))
  return `${clock.now().toString(36)}${chance.toString(36).padStart(4, '0')}`
}
