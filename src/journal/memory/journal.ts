/** The journal in memory: fast, bounded, and lost when the process ends. */
import type { AddressKeys } from '../../core/address.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { newEpoch, type Position, positionOf } from '../../core/cursor.ts'
import { checkRange } from '../../core/errors.ts'
import { encodeFrame, type HubEvent } from '../../core/event.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import { CLOCK, COUNT } from '../../core/options/shared-kinds.ts'
import type {
  AppendResult,
  DeliveredEvent,
  Journal,
  JournalEntry,
  JournalHandler,
  ReplayBatch,
  RetainedBatch,
} from '../journal.ts'
import { checkRetained } from '../keyed-places.ts'
import type { Once } from '../once.ts'
import { readBatch, readRetained, readStart } from '../read-batch.ts'
import { createOnceResults, type OnceResult } from './once-results.ts'
import { createRetainingStore, RETAINED_IN_MEMORY } from './retaining-store.ts'

/** The bounds of the journal, and its clock. */
export interface MemoryJournalOptions {
  /** Events per address. @defaultValue `1_000` */
  readonly maxEvents?: number | undefined
  /** Milliseconds that an event is stored. @defaultValue `300_000` (5 minutes) */
  readonly maxAgeMs?: number | undefined
  /** Bytes of all events, including the overhead of storing them. @defaultValue `67_108_864` (64 MiB) */
  readonly maxBytes?: number | undefined
  /** Bytes of all retained events, including the overhead of storing them. @defaultValue `16_777_216` (16 MiB) */
  readonly maxRetainedBytes?: number | undefined
  /** The clock and its timers. @defaultValue the system clock */
  readonly clock?: Clock | undefined
}

const KINDS: Kinds<MemoryJournalOptions> = {
  maxEvents: COUNT,
  maxAgeMs: KIND.number,
  maxBytes: KIND.number,
  maxRetainedBytes: KIND.number,
  clock: CLOCK,
}

/** Creates an empty journal with an epoch of its own. @throws {HubError} `invalid-option` */
export function createMemoryJournal(options: MemoryJournalOptions = {}): Journal {
  checkOptions('createMemoryJournal', options, KINDS)
  const { maxEvents = 1_000, maxAgeMs = 300_000 } = options
  const { maxBytes = 67_108_864, maxRetainedBytes = 16_777_216 } = options
  const { clock = systemClock } = options
  checkRange('maxEvents', maxEvents, 0)
  checkRange('maxAgeMs', maxAgeMs, 0)
  checkRange('maxBytes', maxBytes, 0)
  checkRange('maxRetainedBytes', maxRetainedBytes, 0)
  const epoch = newEpoch(clock)
  const store = createRetainingStore({ maxEvents, maxAgeMs, maxBytes, maxRetainedBytes })
  const results = createOnceResults(clock)
  let sequence = 0
  let deliver: (event: DeliveredEvent) => void = () => {}

  return {
    get stats() {
      store.expire(clock.monotonic())
      return store.size
    },
    appendsOnce: true,
    append,
    read,
    retained,
    head,
    open,
    close,
  }

  function append(keys: AddressKeys, event: HubEvent, once?: Once): AppendResult {
    const known = once && results.find(once)
    if (known) return { ...resultOf(known), repeated: true }
    const next = positionOf(epoch, sequence + 1)
    const entry: JournalEntry = { ...next, frame: encodeFrame(event, next.id) }
    const size = { frameBytes: entry.frame.byteLength, ...RETAINED_IN_MEMORY }
    checkRetained(keys, event, size, maxRetainedBytes)
    sequence += 1
    store.append(keys, entry, clock.monotonic(), event)
    // Before it is delivered: a listener may publish.
    const result = once ? resultOf(results.add(once, sequence)) : entry
    deliver({ keys, frame: entry.frame, entry })
    return result
  }

  function resultOf({ sequence, connections }: OnceResult): AppendResult {
    return { connections, ...positionOf(epoch, sequence) }
  }

  function read(
    keys: readonly string[],
    cursor: string | undefined,
    maxBytes: number,
  ): ReplayBatch {
    if (cursor === undefined) return readStart(store, head(), { keys, maxBytes })
    store.expire(clock.monotonic())
    return readBatch(store, head(), { keys, cursor, maxBytes })
  }

  function retained(keys: readonly string[], after: number, maxBytes: number): RetainedBatch {
    return readRetained(store, keys, after, maxBytes)
  }

  function head(): Position {
    return positionOf(epoch, sequence)
  }

  function open(handler: JournalHandler): void {
    deliver = handler.deliver
  }

  function close(): void {
    deliver = () => {}
    store.clear()
    results.clear()
  }
}
