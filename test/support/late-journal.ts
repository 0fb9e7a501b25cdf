/** A journal that behaves as one across a network: reads take time, and deliveries may lag. */

import type { Position } from '../../src/core/cursor.ts'
import { encodeFrame } from '../../src/core/event.ts'
import type {
  DeliveredEvent,
  Journal,
  JournalHandler,
  ReplayBatch,
} from '../../src/journal/journal.ts'
import { createMemoryJournal, type MemoryJournalOptions } from '../../src/journal/memory/journal.ts'
import { recordingHandler } from './journal-handler.ts'

/** A journal whose reads wait until the test answers them. */
export interface LateJournal extends Journal {
  /** The number of reads not answered yet. */
  readonly asked: number
  /** Answers the oldest read with the events at the time of the call, or with those stored now. */
  answer(as: 'asked' | 'now'): void
  /** Makes the oldest read fail. */
  refuse(error: Error): void
  /** From now on, stored events are not delivered. */
  hold(): void
  /** Delivers the held events, and every later one. */
  release(): void
}

interface Reading {
  readonly asked: ReplayBatch
  now(): ReplayBatch
  resolve(page: ReplayBatch): void
  reject(error: Error): void
}

/** Creates a memory journal whose reads wait. */
export function createLateJournal(options: MemoryJournalOptions): LateJournal {
  const inner = createMemoryJournal(options)
  const readings: Reading[] = []
  const held: DeliveredEvent[] = []
  let hub: JournalHandler | undefined
  let holding = false
  let delivered: Position = inner.head()
  inner.open(recordingHandler([], { deliver: receive }))

  return {
    ...inner,
    append: async (key, event) => inner.append(key, event),
    backplane: {
      relay: async (key, event) => {
        receive({ key, frame: encodeFrame(event) })
        return {}
      },
      request: async (request) => ({ responses: [hub?.respond(request, 0)], asked: 1 }),
      useOnce: async () => true,
    },
    // A client without a cursor gets the events that were not delivered yet when it connected.
    read: (keys, cursor = delivered.id, maxBytes) =>
      new Promise((resolve, reject) => {
        const now = () => atOnce(inner.read(keys, cursor, maxBytes))
        readings.push({ asked: now(), now, resolve, reject })
      }),
    head: () => delivered,
    open: (handler) => {
      hub = handler
    },
    get asked() {
      return readings.length
    },
    answer: (as) => {
      const reading = next()
      reading.resolve(as === 'asked' ? reading.asked : reading.now())
    },
    refuse: (error) => next().reject(error),
    hold: () => {
      holding = true
    },
    release: () => {
      holding = false
      for (const delivery of held.splice(0)) pass(delivery)
    },
  }

  function next(): Reading {
    const reading = readings.shift()
    if (!reading) throw new Error('Nobody has asked for a reading.')
    return reading
  }

  function receive(delivery: DeliveredEvent): void {
    if (holding) held.push(delivery)
    else pass(delivery)
  }

  function pass(delivery: DeliveredEvent): void {
    if (delivery.entry) delivered = delivery.entry
    hub?.deliver(delivery)
  }
}

function atOnce<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error('A journal in memory answers at once.')
  return value
}
