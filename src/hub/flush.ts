/** The flush: once per turn of the event loop, everything that was queued leaves. */

import type { Clock } from '../core/clock.ts'
import type { Connection } from './connection.ts'
import { emptyQueue, type FrameQueue } from './frame-queue.ts'
import { type HubMetrics, observe } from './metrics.ts'

/** Connections flushed before other work gets its turn: some milliseconds of socket writes. */
const SLICE = 256

/** Queues connections for the flush. */
export interface Flusher {
  /** The empty queue of all connections. */
  readonly empty: FrameQueue
  schedule(connection: Connection): void
  /** An event was queued at `now`: how long it waits is observed, together with its batch. */
  eventQueued(now: number): void
}

/** Makes a flusher that holds no timer while nothing is queued. */
export function createFlusher(clock: Clock, { flushMs, delayMs }: HubMetrics): Flusher {
  const empty = emptyQueue()
  let waiting: Connection[] = []
  let leaving: Connection[] = []
  let next = 0
  let scheduled = false
  /** Events of the batch, and since when the first of them waits. */
  let waitingEvents = 0
  let waitingSince = 0
  let leavingEvents = 0
  let leavingSince = 0
  let flushingSince = 0

  return { empty, schedule, eventQueued }

  function schedule(connection: Connection): void {
    waiting.push(connection)
    if (scheduled) return
    scheduled = true
    clock.soon(flushSlice)
  }

  function eventQueued(now: number): void {
    // Where all transports are busy it leaves when they are ready, and with no batch.
    if (waiting.length === 0) return
    if (waitingEvents === 0) waitingSince = now
    waitingEvents += 1
  }

  function flushSlice(): void {
    if (next === leaving.length) takeWaiting()
    const end = Math.min(next + SLICE, leaving.length)
    while (next < end) leaving[next++]?.flush()
    if (next === leaving.length) measure()
    if (next < leaving.length || waiting.length > 0) clock.soon(flushSlice)
    else rest()
  }

  function rest(): void {
    scheduled = false
    leaving = []
    next = 0
    // The last links would keep the last frames alive for as long as nothing is published.
    empty.latest = undefined
  }

  function takeWaiting(): void {
    leaving = waiting
    waiting = []
    next = 0
    leavingEvents = waitingEvents
    leavingSince = waitingSince
    waitingEvents = 0
    flushingSince = clock.monotonic()
  }

  function measure(): void {
    const now = clock.monotonic()
    observe(flushMs, now - flushingSince)
    if (leavingEvents > 0) observe(delayMs, now - leavingSince, leavingEvents)
  }
}
