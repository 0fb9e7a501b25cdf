/** The order of cursors: which of two positions in a journal comes later. */
import { parseCursor } from '../../core/cursor.ts'

/**
 * Whether a tab at the cursor `mine` has everything up to `other`. Cursors of two epochs can't be
 * compared: it has not.
 */
export function hasReached(mine: string | undefined, other: string | undefined): boolean {
  if (mine === other) return true
  const [one, two] = [parseCursor(mine ?? ''), parseCursor(other ?? '')]
  return one !== undefined && one.epoch === two?.epoch && one.sequence >= two.sequence
}
