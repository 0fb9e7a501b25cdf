/** The order of cursors: which of two positions in a journal comes later, and where a message belongs. */
import { parseCursor } from '../../core/cursor.ts'
import type { ChainMessage } from './tab-messages.ts'

/**
 * Whether a tab at the cursor `mine` has everything up to `other`. Cursors of two epochs can't be
 * compared: it has not.
 */
export function hasReached(mine: string | undefined, other: string | undefined): boolean {
  if (mine === other) return true
  const [one, two] = [parseCursor(mine ?? ''), parseCursor(other ?? '')]
  return one !== undefined && one.epoch === two?.epoch && one.sequence >= two.sequence
}

/** Whether a message continues where a tab is. A gap concerns only tabs that are where it starts. */
export function isNext(cursor: string | undefined, { prev, gap }: ChainMessage): boolean {
  return gap ? prev === cursor : hasReached(cursor, prev)
}

/** Whether a tab has a message already: a new leader started at an older cursor. */
export function isKnown(cursor: string | undefined, message: ChainMessage): boolean {
  const { id, gap } = message
  return id !== undefined && hasReached(cursor, id) && !(gap && isNext(cursor, message))
}
