/** Closing: a stream ends with a goodbye, some time to read it, and a cut-off for those who don't. */
import { EVERYONE } from '../core/address.ts'
import { type ByeReason, byeFrame } from '../core/control-events.ts'
import type { Connection } from './connection.ts'
import type { HubMetrics } from './metrics.ts'
import type { EndReason, HubSettings } from './options.ts'
import type { Registry } from './registry.ts'

/** What closing needs of the hub. */
export interface ClosingInit {
  readonly settings: Pick<HubSettings, 'clock' | 'random' | 'retryMs'>
  readonly registry: Registry
  readonly metrics: Pick<HubMetrics, 'goodbyes' | 'departures'>
}

/** Ends streams: one of them, all that are overdue, or the whole hub. */
export interface Closing {
  /** How many streams were sent a goodbye and are not over yet. */
  readonly size: number
  /** Whether the hub is shutting down: no stream is opened any more. */
  readonly draining: boolean
  /** Sends a goodbye and closes the stream, unless that has been done. */
  dismiss(connection: Connection, reason: ByeReason): void
  /** Forgets a stream that is over, and says why it ended. */
  finish(connection: Connection): EndReason
  /** Cuts off the streams that have not taken their goodbye in time. */
  abortOverdue(): void
  /** The frame that says goodbye. It counts as sent. */
  byeFrame(reason: ByeReason): Uint8Array
  /** Sends all streams away over the first half of `drainMs` milliseconds; then cuts off those that are left. */
  drain(drainMs: number): Promise<void>
}

/** Milliseconds that a stream may take to read its goodbye. */
const GOODBYE_MS = 5_000

/** Portions in which a drain sends its streams away. */
const DRAIN_STEPS = 50

/** Creates the closing of a hub. */
export function createClosing({ settings, registry, metrics }: ClosingInit): Closing {
  const { clock, random, retryMs } = settings
  const leaving = new Map<Connection, { reason: ByeReason; deadline: number }>()
  let draining = false

  return {
    get size() {
      return leaving.size
    },
    get draining() {
      return draining
    },
    dismiss,
    finish,
    abortOverdue,
    byeFrame: sayBye,
    drain,
  }

  function dismiss(connection: Connection, reason: ByeReason): void {
    if (!connection.open) return
    registry.remove(connection)
    leaving.set(connection, { reason, deadline: clock.monotonic() + GOODBYE_MS })
    // A reader that is too slow finds in the journal what it did not take.
    if (reason === 'slow') connection.discard()
    connection.close(sayBye(reason))
  }

  function finish(connection: Connection): EndReason {
    const reason = leaving.get(connection)?.reason ?? 'left'
    if (reason === 'left') {
      registry.remove(connection)
      metrics.departures += 1
    }
    leaving.delete(connection)
    return reason
  }

  function abortOverdue(): void {
    const now = clock.monotonic()
    for (const [connection, { deadline }] of leaving) if (now >= deadline) connection.abort()
  }

  function sayBye(reason: ByeReason): Uint8Array {
    metrics.goodbyes[reason] += 1
    return byeFrame(reason, retryAfter(reason))
  }

  function retryAfter(reason: ByeReason): number {
    // Lifetimes end at random times: those clients are spread out already and may resume at once.
    if (reason === 'lifetime') return random() * 250
    return retryMs * (1 + 2 * random())
  }

  async function drain(drainMs: number): Promise<void> {
    draining = true
    await dismissAll([...registry.at(EVERYONE)], drainMs)
    for (const connection of registry.at(EVERYONE)) dismiss(connection, 'shutdown')
    for (const connection of leaving.keys()) connection.abort()
  }

  /** Streams end one after another, so that their clients don't come back all at once. */
  function dismissAll(open: readonly Connection[], drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const start = clock.monotonic()
      const portion = Math.ceil(open.length / DRAIN_STEPS)
      let next = 0
      const stop = clock.every(Math.max(1, drainMs / 2 / DRAIN_STEPS), step)
      step()

      function step(): void {
        for (const connection of open.slice(next, next + portion)) dismiss(connection, 'shutdown')
        next += portion
        const busy = registry.at(EVERYONE).size + leaving.size > 0
        if (busy && clock.monotonic() - start < drainMs) return
        stop()
        resolve()
      }
    })
  }
}
