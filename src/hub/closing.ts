/** How streams end: a goodbye, some time to take it, and the cut for those who don't. */
import type { Clock } from '../core/clock.ts'
import { type ByeReason, byeFrame } from '../core/control-events.ts'
import type { Connection } from './connection.ts'
import type { HubMetrics } from './metrics.ts'
import type { EndReason } from './options.ts'

/** What saying goodbye needs to know. */
export interface ClosingInit {
  readonly clock: Clock
  readonly retryMs: number
  readonly tally: HubMetrics
  random(): number
}

/** Streams that said goodbye and are not over yet. */
export interface Closing {
  readonly size: number
  /** Says goodbye to a stream that is no longer registered. */
  dismiss(connection: Connection, reason: ByeReason): void
  /** Forgets a stream that is over; says why it is. */
  finish(connection: Connection): EndReason
  /** Cuts off those who had time enough to take their goodbye. */
  abortOverdue(): void
  abortAll(): void
  /** The frame that says goodbye. */
  farewell(reason: ByeReason): Uint8Array
}

/** Milliseconds that a stream may take for its goodbye. */
const GOODBYE_MS = 5_000

/** Makes an empty set of leaving streams. */
export function createClosing({ clock, retryMs, tally, random }: ClosingInit): Closing {
  const leaving = new Map<Connection, { reason: ByeReason; deadline: number }>()

  return {
    get size() {
      return leaving.size
    },
    dismiss,
    finish,
    abortOverdue,
    abortAll,
    farewell,
  }

  function dismiss(connection: Connection, reason: ByeReason): void {
    leaving.set(connection, { reason, deadline: clock.now() + GOODBYE_MS })
    // A reader who is too slow finds in the journal what it did not take.
    if (reason === 'slow') connection.discard()
    connection.close(farewell(reason))
  }

  function finish(connection: Connection): EndReason {
    const reason = leaving.get(connection)?.reason ?? 'left'
    leaving.delete(connection)
    if (reason === 'left') tally.departures += 1
    return reason
  }

  function abortOverdue(): void {
    const now = clock.now()
    for (const [connection, { deadline }] of leaving) if (now >= deadline) connection.abort()
  }

  function abortAll(): void {
    for (const connection of leaving.keys()) connection.abort()
  }

  function farewell(reason: ByeReason): Uint8Array {
    tally.goodbyes[reason] += 1
    return byeFrame(reason, retryAfter(reason))
  }

  function retryAfter(reason: ByeReason): number {
    // Lives end at random moments: those clients need not be spread out, and may resume at once.
    if (reason === 'lifetime') return random() * 250
    return retryMs * (1 + 2 * random())
  }
}
