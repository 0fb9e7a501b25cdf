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
  readonly pendingReads: number
  /** Answers the oldest read with the events stored when it was requested, or with those stored now. */
  answer(state: 'at request' | 'at answer'): void
  /** Makes the oldest read fail. */
  fail(error: Error): void
  /** From now on, stored events are not delivered. */
  hold(): void
  /** Delivers the held events, and every later one. */
  release(): void
  /** Delivers every later event, and none of those held: they were stored before the hub listened. */
  drop(): void
}

interface PendingRead {
  readonly atRequest: ReplayBatch
  atAnswer(): ReplayBatch
  resolve(batch: ReplayBatch): void
  reject(error: Error): void
}

/** Creates a memory journal whose reads wait. */
export function createLateJournal(options: MemoryJournalOptions): LateJournal {
  const inner = createMemoryJournal(options)
  const reads: PendingRead[] = []
  const held: DeliveredEvent[] = []
  let hub: JournalHandler | undefined
  let holding = false
  let delivered: Position = inner.head()
  inner.open(recordingHandler([], { deliver: receive }))

  return {
    ...inner,
    append: async (keys, event) => inner.append(keys, event),
    backplane: {
      relay: async (keys, event) => {
        receive({ keys, frame: encodeFrame(event), after: inner.head().sequence })
        return {}
      },
      request: async (request) => ({ responses: [hub?.respond(request, 0)], asked: 1 }),
      useOnce: async () => true,
    },
    read: (keys, cursor, maxBytes) =>
      new Promise((resolve, reject) => {
        const start = delivered
        const atAnswer = () => readFrom(keys, cursor, start, maxBytes)
        reads.push({ atRequest: atAnswer(), atAnswer, resolve, reject })
      }),
    retained: async (...args) => atOnce(inner.retained?.(...args) ?? { entries: [], done: true }),
    head: () => delivered,
    open: (handler) => {
      hub = handler
    },
    get pendingReads() {
      return reads.length
    },
    answer: (state) => {
      const read = next()
      read.resolve(state === 'at request' ? read.atRequest : read.atAnswer())
    },
    fail: (error) => next().reject(error),
    hold: () => {
      holding = true
    },
    release: () => {
      holding = false
      for (const delivery of held.splice(0)) forward(delivery)
    },
    drop: () => {
      holding = false
      held.length = 0
    },
  }

  /** A client without a cursor gets the events that were not delivered yet when it connected. */
  function readFrom(
    keys: readonly string[],
    cursor: string | undefined,
    start: Position,
    maxBytes: number,
  ): ReplayBatch {
    const { retained } = atOnce(inner.read(keys, undefined, maxBytes))
    if (cursor === undefined && retained) return { entries: [], end: start, done: false, retained }
    return atOnce(inner.read(keys, cursor ?? start.id, maxBytes))
  }

  function next(): PendingRead {
    const read = reads.shift()
    if (!read) throw new Error('No read is pending.')
    return read
  }

  function receive(delivery: DeliveredEvent): void {
    if (holding) held.push(delivery)
    else forward(delivery)
  }

  function forward(delivery: DeliveredEvent): void {
    if (delivery.entry) delivered = delivery.entry
    hub?.deliver(delivery)
  }
}

function atOnce<T>(value: T | Promise<T>): T {
  if (value instanceof Promise)
    throw new Error('The memory journal returns its reads synchronously.')
  return value
}
