/** The journal in the SQLite storage of a Durable Object: a deploy or an eviction loses nothing. */
import { type Clock, systemClock } from '../../core/clock.ts'
import { newEpoch, type Position, positionOf } from '../../core/cursor.ts'
import { checkRange, HubError } from '../../core/errors.ts'
import { encodeFrame, type HubEvent } from '../../core/event.ts'
import type { Journal, JournalEntry, JournalHandler, ReplayBatch } from '../journal.ts'
import { readBatch } from '../read-page.ts'
import { openExpiringTable } from './expiring-table.ts'
import { type ObjectStorage, openSqliteStore } from './store.ts'

/** Where the journal is, and how much it keeps. */
export interface SqliteJournalOptions {
  /** `state.storage` of a Durable Object whose class is among `new_sqlite_classes`. */
  readonly storage: ObjectStorage
  /** Events per address. @defaultValue `1_000` */
  readonly maxEvents?: number | undefined
  /** Milliseconds that an event is kept. @defaultValue `300_000` (5 minutes) */
  readonly maxAgeMs?: number | undefined
  /** Bytes of all events, with about what keeping them costs. @defaultValue `67_108_864` (64 MiB) */
  readonly maxBytes?: number | undefined
  /** Bytes of data that the hub lets an event carry: SQLite must take it as one value. @defaultValue `262_144` (256 KiB) */
  readonly maxEventBytes?: number | undefined
  /** Addresses without an event left of which it is remembered what they lost. @defaultValue `100_000` */
  readonly maxEmptyAddresses?: number | undefined
  /** What the first epoch of a new journal ends with: letters and digits. @defaultValue nothing */
  readonly epochSuffix?: string | undefined
  /** Time. @defaultValue the machine's */
  readonly clock?: Clock | undefined
}

/** A journal that its object wakes up to prune. */
export interface SqliteJournal extends Journal {
  /** Gives up what is too old, and asks to be woken for what is left. Call it from `alarm()`. */
  prune(): void
  /**
   * Starts a new epoch: every older cursor then leads to a reported gap. Stored events stay. The new
   * epoch is durable once the storage has synced.
   * @param epochSuffix - what the epoch ends with: letters and digits
   * @throws {HubError} `journal-unavailable`
   */
  startEpoch(epochSuffix: string): void
}

/** What a value in a Durable Object may have, less a name and an id. https://developers.cloudflare.com/durable-objects/platform/limits/ */
const MAX_VALUE_BYTES = 2_000_000 - 4_096

/** Milliseconds between two alarms, at least; and no more than this many alarms within the age of an event. */
const MIN_PAUSE_MS = 1_000
const ALARMS_PER_AGE = 10

const USED = 'used:'
const ASKED = 'asked:'

/** Makes the journal of an object, or finds it again: with the same epoch. @throws {HubError} `invalid-option` */
export function createSqliteJournal(options: SqliteJournalOptions): SqliteJournal {
  const { storage, maxEvents = 1_000, maxAgeMs = 300_000, maxBytes = 67_108_864 } = options
  const {
    maxEventBytes = 262_144,
    maxEmptyAddresses,
    epochSuffix = '',
    clock = systemClock,
  } = options
  checkRange('maxEvents', maxEvents, 0)
  checkRange('maxAgeMs', maxAgeMs, 0)
  checkRange('maxBytes', maxBytes, 0)
  checkRange('maxEventBytes', maxEventBytes, 1, MAX_VALUE_BYTES)
  const pauseMs = Math.max(MIN_PAUSE_MS, maxAgeMs / ALARMS_PER_AGE)
  const freshEpoch = newEpoch(clock) + epochSuffix
  const store = openSqliteStore({
    storage,
    maxEvents,
    maxAgeMs,
    maxBytes,
    maxEmptyAddresses,
    freshEpoch,
  })
  const expiring = openExpiringTable(storage)
  let sequence = store.start
  let handler: JournalHandler | undefined
  /** When this life of the object has asked to be woken. An older alarm may stand, and is as good. */
  let alarmAt = Number.POSITIVE_INFINITY

  return {
    get stats() {
      return store.size
    },
    append,
    read,
    head,
    backplane: { request, useOnce },
    open,
    prune,
    startEpoch,
    close,
  }

  function append(key: string, event: HubEvent): JournalEntry {
    const next = positionOf(store.epoch, sequence + 1)
    const entry = { ...next, frame: encodeFrame({ ...event, id: next.id }) }
    write(() => store.append(key, entry, clock.now()))
    sequence = next.sequence
    wakeForOldest()
    handler?.deliver({ key, frame: entry.frame, entry })
    return entry
  }

  function read(
    keys: readonly string[],
    cursor: string | undefined,
    maxPageBytes: number,
  ): ReplayBatch {
    if (cursor === undefined) return { entries: [], end: head(), done: true }
    store.expire(clock.now())
    return readBatch(store, head(), { keys, cursor, maxBytes: maxPageBytes })
  }

  function head(): Position {
    return positionOf(store.epoch, sequence)
  }

  function useOnce(name: string, ttlMs: number): boolean {
    const now = clock.now()
    if (expiring.has(USED + name, now)) return false
    write(() => expiring.add(USED + name, now + ttlMs, now))
    wake(now + ttlMs)
    return true
  }

  /** Nobody shares this journal, but the object's next life does: what is kept is put to it, too. */
  async function request(question: unknown, keepMs: number): Promise<readonly unknown[]> {
    const now = clock.now()
    if (keepMs > 0) {
      write(() => expiring.add(ASKED + JSON.stringify(question), now + keepMs, now))
      wake(now + keepMs)
    }
    return [handler?.respond(question, keepMs)]
  }

  function open(hub: JournalHandler): void {
    handler = hub
    const now = clock.now()
    for (const { name, end } of expiring.list(ASKED, now)) {
      hub.respond(JSON.parse(name.slice(ASKED.length)), end - now)
    }
  }

  function prune(): void {
    const now = clock.now()
    alarmAt = Number.POSITIVE_INFINITY
    store.expire(now)
    store.trimEvictions()
    const lapseAt = expiring.prune(now)
    wakeForOldest()
    if (lapseAt !== undefined) wake(lapseAt)
  }

  function startEpoch(next: string): void {
    write(() => store.startEpoch(newEpoch(clock) + next))
  }

  function wakeForOldest(): void {
    if (store.oldestAt !== undefined) wake(store.oldestAt + maxAgeMs + 1)
  }

  function wake(at: number): void {
    const now = clock.now()
    const due = Math.ceil(Math.max(at, now + pauseMs))
    if (due >= alarmAt && alarmAt > now) return
    alarmAt = due
    void storage.setAlarm(due)
  }

  function close(): void {
    handler = undefined
  }
}

/** @throws {HubError} `journal-unavailable` for what the storage throws */
function write(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (error instanceof HubError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new HubError('journal-unavailable', `The journal can’t store (${reason}). Try again.`)
  }
}
