/** A journal as one across a network is: answers come later, and deliveries may lag behind. */

import type { Position } from '../../src/core/cursor.ts'
import { encodeFrame } from '../../src/core/event.ts'
import type { Delivery, Journal, JournalHandler, ReplayBatch } from '../../src/journal/journal.ts'
import { createMemoryJournal, type MemoryJournalOptions } from '../../src/journal/memory/journal.ts'
import { recordingHandler } from './journal-handler.ts'

/** A journal whose every answer waits for the test. */
export interface LateJournal extends Journal {
  /** Readings that were asked for and not answered yet. */
  readonly asked: number
  /** Answers the oldest reading with what was there when it was asked for, or with what is there now. */
  answer(as: 'asked' | 'now'): void
  /** Lets the oldest reading fail. */
  refuse(error: Error): void
  /** From now on, what is stored is not delivered. */
  hold(): void
  /** Delivers what was held, and all that comes. */
  release(): void
}

interface Reading {
  readonly asked: ReplayBatch
  now(): ReplayBatch
  resolve(page: ReplayBatch): void
  reject(error: Error): void
}

/** Makes a journal in memory that takes its time. */
export function createLateJournal(options: MemoryJournalOptions): LateJournal {
  const inner = createMemoryJournal(options)
  const readings: Reading[] = []
  const held: Delivery[] = []
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
      request: async (request) => [hub?.respond(request, 0)],
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

  function receive(delivery: Delivery): void {
    if (holding) held.push(delivery)
    else pass(delivery)
  }

  function pass(delivery: Delivery): void {
    if (delivery.entry) delivered = delivery.entry
    hub?.deliver(delivery)
  }
}

function atOnce<T>(value: T | Promise<T>): T {
  if (value instanceof Promise) throw new Error('A journal in memory answers at once.')
  return value
}
