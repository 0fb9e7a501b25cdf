/** The journal in the SQLite storage of a Durable Object: it survives deployments and the eviction of the object from memory. */
import type { AddressKeys } from '../../core/address.ts'
import { type Clock, systemClock } from '../../core/clock.ts'
import { newEpoch, type Position, positionOf } from '../../core/cursor.ts'
import { checkRange } from '../../core/errors.ts'
import { encodeFrame, type HubEvent } from '../../core/event.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import type { Backplane, ControlResponses } from '../backplane.ts'
import type {
  AppendResult,
  Journal,
  JournalHandler,
  JournalStats,
  ReplayBatch,
} from '../journal.ts'
import type { Once } from '../once.ts'
import { readBatch } from '../read-batch.ts'
import { openExpiringTable } from './expiring-table.ts'
import { write } from './guarded-write.ts'
import type { ObjectStorage } from './object-storage.ts'
import { openOnceTable } from './once-table.ts'
import { stampEntries } from './stamp.ts'
import { openSqliteStore } from './store.ts'

/** The storage of the journal, its bounds and its clock. */
export interface SqliteJournalOptions {
  /** `state.storage` of a Durable Object whose class is among `new_sqlite_classes`. */
  readonly storage: ObjectStorage
  /** Events per address. @defaultValue `1_000` */
  readonly maxEvents?: number | undefined
  /** Milliseconds that an event is stored. @defaultValue `300_000` (5 minutes) */
  readonly maxAgeMs?: number | undefined
  /** Bytes of all events, including approximately the overhead of storing them. @defaultValue `67_108_864` (64 MiB) */
  readonly maxBytes?: number | undefined
  /** The hub's limit on the data of one event in bytes: SQLite must be able to store it as one value. @defaultValue `262_144` (256 KiB) */
  readonly maxEventBytes?: number | undefined
  /** The maximum number of empty addresses whose last evicted sequence is stored. @defaultValue `100_000` */
  readonly maxEmptyAddresses?: number | undefined
  /** What the first epoch of a new journal ends with: lower-case letters and digits. @defaultValue nothing */
  readonly epochSuffix?: string | undefined
  /** The clock. @defaultValue the system clock */
  readonly clock?: Clock | undefined
}

/** A control request that is stored for hubs that start later, such as a block. */
export interface StoredControlRequest {
  /** The request in JSON. */
  readonly text: string
  /** How many milliseconds it is still stored. */
  readonly remainingMs: number
}

/** A journal whose Durable Object prunes it when an alarm fires. */
export interface SqliteJournal extends Journal {
  readonly stats: JournalStats
  readonly backplane: Backplane
  /** Evicts what is too old, and sets the next alarm if anything is left. Call it from `alarm()`. */
  prune(): void
  /**
   * Starts a new epoch: every older cursor then leads to a reported gap. Stored events stay. The new
   * epoch is durable once the storage has synced.
   * @param epochSuffix - what the new epoch ends with: lower-case letters and digits
   * @throws {HubError} `journal-unavailable`
   */
  startEpoch(epochSuffix: string): void
  /**
   * Lists at most `limit` of the stored control requests, in a fixed order.
   * @param after - the text of the request after which the list starts; empty for the first ones
   */
  storedRequests(after: string, limit: number): readonly StoredControlRequest[]
}

/** The maximum size of a value in a Durable Object, minus a name and an id. https://developers.cloudflare.com/durable-objects/platform/limits/ */
const MAX_VALUE_BYTES = 2_000_000 - 4_096

/** The minimum number of milliseconds between two alarms. */
const MIN_PAUSE_MS = 1_000

/** The maximum number of alarms within `maxAgeMs`. */
const ALARMS_PER_AGE = 10

const USED_PREFIX = 'used:'
const REQUEST_PREFIX = 'request:'

const KINDS: Kinds<SqliteJournalOptions> = {
  storage: KIND.object,
  maxEvents: KIND.number,
  maxAgeMs: KIND.number,
  maxBytes: KIND.number,
  maxEventBytes: KIND.number,
  maxEmptyAddresses: KIND.number,
  epochSuffix: KIND.text,
  clock: KIND.object,
}

/**
 * Creates the journal of a Durable Object, or reopens it with the same epoch.
 * @throws {HubError} `invalid-option`; `journal-unavailable` if a version with another format has written it
 */
export function createSqliteJournal(options: SqliteJournalOptions): SqliteJournal {
  checkOptions('createSqliteJournal', options, KINDS)
  const { storage, clock = systemClock, maxEvents = 1_000, maxAgeMs = 300_000 } = options
  const { maxBytes = 67_108_864, maxEventBytes = 262_144, maxEmptyAddresses } = options
  checkRange('maxEvents', maxEvents, 0)
  checkRange('maxAgeMs', maxAgeMs, 0)
  checkRange('maxBytes', maxBytes, 0)
  checkRange('maxEventBytes', maxEventBytes, 1, MAX_VALUE_BYTES)
  const pauseMs = Math.max(MIN_PAUSE_MS, maxAgeMs / ALARMS_PER_AGE)
  const freshEpoch = newEpoch(clock) + (options.epochSuffix ?? '')
  const store = openSqliteStore({
    storage,
    maxEvents,
    maxAgeMs,
    maxBytes,
    maxEmptyAddresses,
    freshEpoch,
  })
  const expiring = openExpiringTable(storage)
  const results = openOnceTable(storage)
  let sequence = store.start
  let handler: JournalHandler | undefined
  /** The alarm set since the object was loaded. An earlier alarm may still be set, which is harmless. */
  let alarmAt = Number.POSITIVE_INFINITY

  return {
    get stats() {
      return store.size
    },
    appendsOnce: true,
    append,
    read,
    head,
    backplane: { request, useOnce },
    open,
    prune,
    startEpoch,
    storedRequests,
    close,
  }

  function append(keys: AddressKeys, event: HubEvent, once?: Once): AppendResult {
    const now = clock.now()
    const repeated = once && write(() => results.find(once, now))
    if (repeated) return repeated
    const next = positionOf(store.epoch, sequence + 1)
    const entry = { ...next, frame: encodeFrame({ ...event, id: next.id }) }
    const save = () => {
      store.append(keys, entry, now)
      return entry
    }
    const result = write(() => (once ? results.add(once, next, now, save) : save()))
    sequence = next.sequence
    scheduleEviction()
    if (once) scheduleAlarm(now + once.ttlMs)
    handler?.deliver({ keys, frame: entry.frame, entry })
    return result
  }

  function read(
    keys: readonly string[],
    cursor: string | undefined,
    maxBatchBytes: number,
  ): ReplayBatch {
    write(() => store.follow(keys, sequence))
    if (cursor === undefined) return { entries: [], end: head(), done: true }
    store.expire(clock.now())
    const batch = readBatch(store, head(), { keys, cursor, maxBytes: maxBatchBytes })
    return { ...batch, entries: stampEntries(batch.entries, store.epoch) }
  }

  function head(): Position {
    return positionOf(store.epoch, sequence)
  }

  function useOnce(name: string, ttlMs: number): boolean {
    const now = clock.now()
    const isFirst = write(() => {
      if (expiring.has(USED_PREFIX + name, now)) return false
      expiring.add(USED_PREFIX + name, now + ttlMs, now)
      return true
    })
    if (isFirst) scheduleAlarm(now + ttlMs)
    return isFirst
  }

  /** A single hub uses this journal. Stored requests are sent to it again when the object restarts. */
  async function request(body: unknown, keepMs: number): Promise<ControlResponses> {
    const now = clock.now()
    if (keepMs > 0) {
      write(() => expiring.add(REQUEST_PREFIX + JSON.stringify(body), now + keepMs, now))
      scheduleAlarm(now + keepMs)
    }
    return { responses: [handler?.respond(body, keepMs)], asked: 1 }
  }

  function open(hub: JournalHandler): void {
    handler = hub
    for (const { text, remainingMs } of storedRequests()) hub.respond(JSON.parse(text), remainingMs)
  }

  function storedRequests(after = '', limit?: number): StoredControlRequest[] {
    const now = clock.now()
    return expiring
      .list(REQUEST_PREFIX, now, REQUEST_PREFIX + after, limit)
      .map(({ name, expiresAt }) => ({
        text: name.slice(REQUEST_PREFIX.length),
        remainingMs: expiresAt - now,
      }))
  }

  function prune(): void {
    const now = clock.now()
    alarmAt = Number.POSITIVE_INFINITY
    store.expire(now)
    store.trimEvictions()
    scheduleEviction()
    for (const next of [expiring.prune(now), results.prune(now)]) {
      if (next !== undefined) scheduleAlarm(next)
    }
  }

  function startEpoch(suffix: string): void {
    write(() => store.startEpoch(newEpoch(clock) + suffix))
  }

  /** Sets an alarm for when the oldest event exceeds its age. */
  function scheduleEviction(): void {
    if (store.oldestAt !== undefined) scheduleAlarm(store.oldestAt + maxAgeMs + 1)
  }

  function scheduleAlarm(at: number): void {
    const now = clock.now()
    const due = Math.ceil(Math.max(at, now + pauseMs))
    if (due >= alarmAt && alarmAt > now) return
    alarmAt = due
    setAlarm(due).catch(() => {
      // The next event tries again.
      alarmAt = Number.POSITIVE_INFINITY
    })
  }

  /** An error at once is a rejection, too: the event is stored already. */
  async function setAlarm(at: number): Promise<void> {
    await storage.setAlarm(at)
  }

  function close(): void {
    handler = undefined
  }
}
