/** The order of cursors: which of two positions in a journal comes later, and where a message belongs. */
import type { LeaderMessage } from './tab-messages.ts'

/** A step, and the cursor where it starts. */
type ChainStep = Pick<LeaderMessage, 'prev' | 'id' | 'gap'>

/**
 * Whether a tab at the cursor `mine` has everything up to `other`. Cursors of two epochs can't be
 * compared: it has not.
 */
export function hasReached(mine = '', other = ''): boolean {
  const [epoch, sequence] = mine.split('-')
  const [otherEpoch, otherSequence] = other.split('-')
  return mine === other || (epoch === otherEpoch && Number(sequence) >= Number(otherSequence))
}

/** Whether a tab at a cursor has not received all that is retained: another one at the same cursor may have more of it. */
export function isPartial(cursor: string | undefined): boolean {
  return !cursor || cursor.endsWith('r')
}

/** Whether a message continues where a tab is. A gap concerns only tabs that are where it starts. */
export function isNext(cursor: string | undefined, { prev, gap }: ChainStep): boolean {
  return gap ? prev === cursor : hasReached(cursor, prev)
}

/** Whether a tab has a message already: a new leader started at an older cursor. */
export function isKnown(cursor: string | undefined, message: ChainStep): boolean {
  const { id, gap } = message
  return id !== undefined && hasReached(cursor, id) && !(gap && isNext(cursor, message))
}
