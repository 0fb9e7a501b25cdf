/** The flush: once per turn of the event loop, everything that was queued leaves. */
import { type Chain, emptyChain } from './chain.ts'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'

/** Connections flushed before other work gets its turn: some milliseconds of socket writes. */
const SLICE = 256

/** Queues connections for the flush. */
export interface Flusher {
  /** The empty queue of all connections. */
  readonly empty: Chain
  schedule(connection: Connection): void
}

/** Makes a flusher that holds no timer while nothing is queued. */
export function createFlusher(clock: Clock): Flusher {
  const empty = emptyChain()
  let waiting: Connection[] = []
  let leaving: Connection[] = []
  let next = 0
  let scheduled = false

  return { empty, schedule }

  function schedule(connection: Connection): void {
    waiting.push(connection)
    if (scheduled) return
    scheduled = true
    clock.soon(flushSlice)
  }

  function flushSlice(): void {
    if (next === leaving.length) takeWaiting()
    const end = Math.min(next + SLICE, leaving.length)
    while (next < end) leaving[next++]?.flush()
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
  }
}
