/** Closing: ends a stream with `hub:bye`, and aborts it if the client does not read that in time. */
import { EVERYONE } from '../core/address.ts'
import { MAX_TIMER_MS } from '../core/clock.ts'
import { type ByeReason, byeFrame } from '../core/control-events.ts'
import { checkRange, HubError } from '../core/errors.ts'
import { createInFlight } from '../core/in-flight.ts'
import { checkOptions, KIND, type Kinds } from '../core/options/option-kinds.ts'
import type { HubConnection } from './connections/connection.ts'
import type { Registry } from './connections/registry.ts'
import type { EndReason } from './hooks/hooks.ts'
import type { CloseOptions } from './hub-types.ts'
import { type HubMetrics, observe } from './metrics.ts'
import type { HubSettings } from './options.ts'

const CLOSE_KINDS: Kinds<CloseOptions> = { signal: KIND.signal }

/** Checks the arguments of `hub.close`. @throws {HubError} `invalid-option` */
export function checkClose(drainMs: number, options: CloseOptions): void {
  checkOptions('close', options, CLOSE_KINDS)
  checkRange('drainMs', drainMs, 0, MAX_TIMER_MS)
}

/** What closing needs of the hub. */
export interface ClosingInit {
  readonly settings: Pick<HubSettings, 'clock' | 'random' | 'retryMs'>
  readonly registry: Registry
  readonly metrics: Pick<HubMetrics, 'goodbyes' | 'endings' | 'lifetimeMs'>
}

/** Ends streams: one of them, all that are overdue, or all streams of the hub. */
export interface Closing {
  /** The number of streams that were sent `hub:bye` and have not ended yet. */
  readonly size: number
  /** Whether the hub is shutting down and refuses new streams. */
  readonly draining: boolean
  /** Sends `hub:bye` and closes the stream, unless it is closing already. @throws {HubError} `invalid-option` for an unknown reason */
  dismiss(connection: HubConnection, reason: ByeReason): void
  /** Removes a stream that has ended and returns why it ended. */
  finish(connection: HubConnection): EndReason
  /**
   * Aborts the streams that have not read their `hub:bye` in time. The time starts at the first call after it.
   * @param now - the time of a clock that stands still while the process does
   */
  abortOverdue(now: number): void
  /** Returns the frame of `hub:bye`. The frame counts as sent. */
  byeFrame(reason: ByeReason): Uint8Array
  /** Dismisses all streams at once, because of a shutdown: new ones may open. */
  endStreams(): void
  /**
   * Dismisses all streams over the first half of `drainMs` milliseconds. At the end of `drainMs`, aborts the rest,
   * unless they were dismissed within the last tenth of a second.
   */
  drain(drainMs: number): Promise<void>
  /** Ends a drain at once. */
  hurry(): void
}

/** Milliseconds that a stream may take to read its `hub:bye`. */
const GOODBYE_MS = 5_000

/** Milliseconds that a stream has for its `hub:bye` even if its drain ends at once: a transport that isn't busy takes less. */
const LAST_WRITES_MS = 100

/** The number of groups in which a drain dismisses its streams. */
const DRAIN_STEPS = 50

/** Creates the closing of a hub. */
export function createClosing({ settings, registry, metrics }: ClosingInit): Closing {
  const { clock, random, retryMs } = settings
  const leaving = new Map<HubConnection, { reason: ByeReason; deadline: number | undefined }>()
  const goodbyes = createInFlight(clock)
  let dismissedAt = 0
  let draining = false
  let hurried = false
  let takeStep: (() => void) | undefined

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
    byeFrame: countedByeFrame,
    endStreams,
    drain,
    hurry: () => {
      hurried = true
      takeStep?.()
    },
  }

  function dismiss(connection: HubConnection, reason: ByeReason): void {
    if (!Object.hasOwn(metrics.goodbyes, reason)) {
      throw new HubError('invalid-option', `hub:bye has no reason ${JSON.stringify(reason)}.`)
    }
    if (!connection.open) return
    registry.remove(connection)
    leaving.set(connection, { reason, deadline: undefined })
    goodbyes.began()
    dismissedAt = clock.monotonic()
    // A slow client reconnects and reads what it did not receive from the journal.
    if (reason === 'slow') connection.discard()
    connection.close(countedByeFrame(reason))
  }

  function finish(connection: HubConnection): EndReason {
    const reason = leaving.get(connection)?.reason ?? 'left'
    if (reason === 'left') registry.remove(connection)
    metrics.endings[reason] += 1
    observe(metrics.lifetimeMs, clock.monotonic() - connection.openedAt)
    if (leaving.delete(connection)) goodbyes.ended()
    return reason
  }

  function abortOverdue(now: number): void {
    for (const [connection, goodbye] of leaving) {
      goodbye.deadline ??= now + GOODBYE_MS
      if (now >= goodbye.deadline) connection.abort()
    }
  }

  function countedByeFrame(reason: ByeReason): Uint8Array {
    metrics.goodbyes[reason] += 1
    return byeFrame(reason, retryAfter(reason))
  }

  function retryAfter(reason: ByeReason): number {
    // Lifetimes end at random times, so these clients are spread out already and may reconnect at once.
    if (reason === 'lifetime') return random() * 250
    return retryMs * (1 + 2 * random())
  }

  function endStreams(): void {
    for (const connection of registry.at(EVERYONE)) dismiss(connection, 'shutdown')
  }

  async function drain(drainMs: number): Promise<void> {
    draining = true
    const open = [...registry.at(EVERYONE)]
    // Those that catch up come last: they have time for what was published before.
    open.sort((one, other) => Number(one.phase !== 'live') - Number(other.phase !== 'live'))
    await dismissAll(open, drainMs)
    endStreams()
    // In the next turn, they would be aborted.
    for (const connection of leaving.keys()) connection.flush()
    const waitMs = dismissedAt + LAST_WRITES_MS - clock.monotonic()
    if (waitMs > 0) await goodbyes.settled(waitMs)
    for (const connection of leaving.keys()) connection.abort()
  }

  /** Dismisses streams group by group, so that their clients do not reconnect all at once. */
  function dismissAll(open: readonly HubConnection[], drainMs: number): Promise<void> {
    return new Promise((resolve) => {
      const start = clock.monotonic()
      const groupSize = Math.ceil(open.length / DRAIN_STEPS)
      let next = 0
      const stop = clock.every(Math.max(1, drainMs / 2 / DRAIN_STEPS), step)
      takeStep = step
      step()

      function step(): void {
        for (const connection of open.slice(next, next + groupSize)) dismiss(connection, 'shutdown')
        next += groupSize
        const anyLeft = registry.at(EVERYONE).size + leaving.size > 0
        if (anyLeft && !hurried && clock.monotonic() - start < drainMs) return
        stop()
        takeStep = undefined
        resolve()
      }
    })
  }
}
