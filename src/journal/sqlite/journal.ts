/** The journal in the SQLite storage of a Durable Object: it survives deployments and the eviction of the object from memory. */
import type { AddressKeys } from '../../core/address.ts'
import { newEpoch, type Position, positionOf } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import { encodeFrame, type HubEvent } from '../../core/event.ts'
import type { Backplane, ControlResponses } from '../backplane.ts'
import type {
  AppendResult,
  Journal,
  JournalHandler,
  JournalStats,
  ReplayBatch,
  RetainedBatch,
} from '../journal.ts'
import { checkRetained } from '../keyed-places.ts'
import type { Once } from '../once.ts'
import { readBatch, readRetained, readStart } from '../read-batch.ts'
import { openExpiringTable } from './expiring-table.ts'
import { write } from './guarded-write.ts'
import { RETAINED_IN_SQLITE } from './keyed/retained-table.ts'
import { openOnceTable } from './once-table.ts'
import { resolveSqliteOptions, type SqliteJournalOptions } from './options.ts'
import { createStoredPresence, type StoredPresence } from './presence/stored-presence.ts'
import { stampEntries } from './stamp.ts'
import { openSqliteStore } from './store.ts'

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
  readonly backplane: Omit<Backplane, 'presence'> & {
    readonly presence: Pick<StoredPresence, 'follow'>
  }
  readonly retained: NonNullable<Journal['retained']>
  /**
   * Evicts what is too old, and sets the next alarm if anything is left. Call it from `alarm()`, and return what it returns: a
   * promise that resolves, after 15 seconds at most, when the hub has reported which clients are offline.
   */
  prune(): Promise<void>
  /**
   * Starts a new epoch: every older cursor then leads to a reported gap. Stored events stay. The new
   * epoch is durable once the storage has synced.
   * @param epochSuffix - what the new epoch ends with: lower-case letters and digits
   * @param isKept - whether what is retained for the address with this key stays, too. @defaultValue all of it stays
   * @throws {HubError} `journal-unavailable`
   */
  startEpoch(epochSuffix: string, isKept?: (key: string) => boolean): void
  /**
   * Lists at most `limit` of the stored control requests, in a fixed order.
   * @param after - the text of the request after which the list starts; empty for the first ones
   */
  storedRequests(after: string, limit: number): readonly StoredControlRequest[]
  /** Returns those of the clients, at most 1,000, that are online, if the hub has a hook that needs to know. */
  onlineAmong(clients: readonly string[]): readonly string[]
}

/** The minimum number of milliseconds between two alarms. */
const MIN_PAUSE_MS = 1_000

/** The maximum number of alarms within `maxAgeMs`. */
const ALARMS_PER_AGE = 10

/** The journal that was created last for each storage: an earlier one would give sequences twice, and read the events of its hub. */
const latest = new WeakMap<object, unknown>()

const USED_PREFIX = 'used:'
const REQUEST_PREFIX = 'request:'

/**
 * Creates the journal of a Durable Object, or reopens it with the same epoch.
 * @throws {HubError} `invalid-option`; `journal-unavailable` if a version with another format has written it
 */
export function createSqliteJournal(options: SqliteJournalOptions): SqliteJournal {
  const { clock, epochSuffix, ...init } = resolveSqliteOptions(options)
  const { storage, maxAgeMs } = init
  const pauseMs = Math.max(MIN_PAUSE_MS, maxAgeMs / ALARMS_PER_AGE)
  const store = openSqliteStore({ ...init, freshEpoch: newEpoch(clock) + epochSuffix })
  const expiring = openExpiringTable(storage)
  const results = openOnceTable(storage)
  const presence = createStoredPresence({ storage, wakeAt: (at) => scheduleAlarm(at, 0) })
  const own = {}
  latest.set(storage, own)
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
    retained,
    head,
    backplane: { request, useOnce, presence: { follow: presence.follow } },
    open,
    prune,
    startEpoch,
    storedRequests,
    onlineAmong: presence.onlineAmong,
    close,
  }

  /** @throws {HubError} `journal-unavailable` */
  function checkStorage(): void {
    if (latest.get(storage) !== own) throw new HubError('journal-unavailable', TAKEN)
  }

  function append(keys: AddressKeys, event: HubEvent, once?: Once): AppendResult {
    checkStorage()
    const now = clock.now()
    const repeated = once && write(() => results.find(once, now))
    if (repeated) return { ...repeated, repeated: true }
    const next = positionOf(store.epoch, sequence + 1)
    const entry = { ...next, frame: encodeFrame(event, next.id) }
    const size = { frameBytes: entry.frame.byteLength, ...RETAINED_IN_SQLITE }
    checkRetained(keys, event, size, init.maxRetainedBytes)
    const save = () => {
      store.append(keys, entry, now, event)
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
    checkStorage()
    write(() => store.follow(keys, sequence))
    if (cursor === undefined) return readStart(store, head(), { keys, maxBytes: maxBatchBytes })
    store.expire(clock.now())
    const batch = readBatch(store, head(), { keys, cursor, maxBytes: maxBatchBytes })
    return { ...batch, entries: stampEntries(batch.entries, store.epoch) }
  }

  function retained(keys: readonly string[], after: number, maxBatchBytes: number): RetainedBatch {
    checkStorage()
    return readRetained(store, keys, after, maxBatchBytes)
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

  function prune(): Promise<void> {
    const now = clock.now()
    alarmAt = Number.POSITIVE_INFINITY
    // Its alarm is most often the earliest: it comes first, as each that is set writes a row.
    const awake = presence.wake()
    store.expire(now)
    store.trimEvictions()
    scheduleEviction()
    for (const next of [expiring.prune(now), results.prune(now)]) {
      // If more have expired, others may use the object first.
      if (next !== undefined) scheduleAlarm(next, next <= now ? 0 : pauseMs)
    }
    return awake
  }

  function startEpoch(suffix: string, isKept: (key: string) => boolean = () => true): void {
    write(() => store.startEpoch(newEpoch(clock) + suffix, isKept))
  }

  /** Sets an alarm for when the oldest event exceeds its age. */
  function scheduleEviction(): void {
    if (store.oldestAt !== undefined) scheduleAlarm(store.oldestAt + maxAgeMs + 1)
  }

  function scheduleAlarm(at: number, minMs = pauseMs): void {
    const now = clock.now()
    const due = Math.ceil(Math.max(at, now + minMs))
    if (due >= alarmAt && alarmAt >= now) return
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

const TAKEN =
  'Another journal uses this storage: each needs an object of its own, as two hubs would receive each other’s events.'
