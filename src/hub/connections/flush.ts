/** The flush: once per turn of the event loop, writes what is queued to the transports. */

import type { Clock } from '../../core/clock.ts'
import { type HubMetrics, observe } from '../metrics.ts'
import type { HubConnection } from './connection.ts'
import { emptyQueue, type FrameQueue } from './frame-queue.ts'

/** Connections flushed before the event loop continues: a few milliseconds of socket writes. */
const SLICE = 256

/** Flushes connections. */
export interface Flusher {
  /** The empty queue that all connections share. */
  readonly empty: FrameQueue
  /** The connections whose transport has not accepted their last write yet. */
  readonly busy: Set<HubConnection>
  /** Adds a connection to the next flush. */
  schedule(connection: HubConnection): void
  /** Records that an event was queued at `now`, to measure its delay together with its batch. */
  eventQueued(now: number): void
  /** Returns all connections that have something queued, among others. */
  backlog(): Set<HubConnection>
  /** Resolves in a later turn, when everything that is queued now has been written or waits for its transport. */
  flushed(): Promise<void>
}

/** Creates a flusher. It holds no timer while nothing is queued. */
export function createFlusher(clock: Clock, { flushMs, delayMs }: HubMetrics): Flusher {
  const empty = emptyQueue()
  const busy = new Set<HubConnection>()
  let waiting: HubConnection[] = []
  let flushing: HubConnection[] = []
  let next = 0
  let scheduled = false
  /** The number of events in the next batch, and when the first of them was queued. */
  let waitingEvents = 0
  let waitingQueuedAt = 0
  let flushingEvents = 0
  let flushingQueuedAt = 0
  let flushStartedAt = 0
  /** Who waits for the next batch, and for the one that is being flushed. */
  let waitingCalls: (() => void)[] = []
  let flushingCalls: (() => void)[] = []

  return { empty, busy, schedule, eventQueued, backlog, flushed }

  function flushed(): Promise<void> {
    return new Promise((resolve) => {
      if (scheduled) waitingCalls.push(resolve)
      else clock.soon(resolve)
    })
  }

  function schedule(connection: HubConnection): void {
    waiting.push(connection)
    if (scheduled) return
    scheduled = true
    clock.soon(flushSlice)
  }

  function eventQueued(now: number): void {
    // If all transports are busy, the event is written when they are ready, outside of any batch.
    if (waiting.length === 0) return
    if (waitingEvents === 0) waitingQueuedAt = now
    waitingEvents += 1
  }

  function backlog(): Set<HubConnection> {
    return new Set([...busy, ...flushing.slice(next), ...waiting])
  }

  function flushSlice(): void {
    if (next === flushing.length) takeWaiting()
    const end = Math.min(next + SLICE, flushing.length)
    while (next < end) flushing[next++]?.flush()
    if (next === flushing.length) ended()
    if (next < flushing.length || waiting.length > 0) clock.soon(flushSlice)
    else stop()
  }

  function stop(): void {
    scheduled = false
    flushing = []
    next = 0
    for (const resolve of waitingCalls.splice(0)) resolve()
    // Otherwise the latest node would keep the last frames in memory until the next event.
    empty.latest = undefined
  }

  function takeWaiting(): void {
    flushing = waiting
    waiting = []
    flushingCalls = waitingCalls
    waitingCalls = []
    next = 0
    flushingEvents = waitingEvents
    flushingQueuedAt = waitingQueuedAt
    waitingEvents = 0
    flushStartedAt = clock.monotonic()
  }

  function ended(): void {
    const now = clock.monotonic()
    for (const resolve of flushingCalls.splice(0)) resolve()
    observe(flushMs, now - flushStartedAt)
    if (flushingEvents > 0) observe(delayMs, now - flushingQueuedAt, flushingEvents)
  }
}
