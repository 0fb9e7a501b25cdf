/** Where a connection is: its phase, and the progress of its replay. */
import type { Position } from '../../core/cursor.ts'
import type { Ephemerals } from '../../core/ephemerals.ts'
import type { JournalEntry } from '../../journal/journal.ts'
import type { RetainedPart } from '../retained/retained-part.ts'

/** The progress of a connection that is catching up. */
export interface Replay {
  cursor: string | undefined
  /** Where the client's stream started, if it has not received all that was retained there. */
  readonly start?: Position | undefined
  reading: boolean
  /** Live events that arrived during the current read. */
  heldEvents: JournalEntry[]
  heldBytes: number
  /** The first event that arrived during the current read, whether or not there was room to hold it. */
  firstEvent: JournalEntry | undefined
  readonly ephemerals: Ephemerals
  /** The retained events that it reads before those after its cursor. */
  retained?: RetainedPart | undefined
}

/**
 * The phase of a connection. `opening`: waits for `hub:ready`. `catching-up`: replays the journal.
 * `live`: receives events as they are published. `closing`: was sent `hub:bye`. `ended`: is over.
 */
export type Phase = 'opening' | 'catching-up' | 'live' | 'closing' | 'ended'
