/** Catching up: what a returning client missed comes from the journal, at the pace of its transport. */

import { positionAt } from '../core/cursor.ts'
import type { Journal, JournalEntry, ReplayBatch } from '../journal/journal.ts'
import type { Connection } from './connection.ts'
import type { HubMetrics } from './metrics.ts'
import { keysOf } from './registry.ts'

/** What replaying needs of the hub. */
export interface ReplayInit {
  readonly journal: Journal
  /** Bytes that are read at a time, and bytes of live events that may wait for one reading. */
  readonly maxPageBytes: number
  readonly tally: Pick<HubMetrics, 'replayedEvents'>
  send(connection: Connection, entry: JournalEntry): void
  /** Tells of a gap that opened while the client was catching up. */
  gap(connection: Connection, page: ReplayBatch, cursor: string): void
  failed(connection: Connection, error: unknown): void
}

/** Connections that are still catching up. */
export interface Replays {
  /**
   * Reads from `cursor`, or from now on if there is none. `opening` gets the first page, before
   * its events are queued.
   */
  begin(
    connection: Connection,
    cursor: string | undefined,
    opening: (page: ReplayBatch) => void,
  ): void
  /** Reads from `cursor` for a connection that has had its opening. */
  rejoin(connection: Connection, cursor: string): void
  /** What came while the journal was being read may not be all that did: it is read again. */
  distrust(): void
  /** True when the connection will find the entry in the journal, so that it must not get it now. */
  holds(connection: Connection, entry: JournalEntry): boolean
  /** Whether the connection has had its opening. */
  isOpen(connection: Connection): boolean
  /** Whether the connection is still catching up. */
  has(connection: Connection): boolean
  /** Whether the connection, which has had its opening, waits for the journal. */
  isReading(connection: Connection): boolean
  /** Goes on, as the transport has taken all so far. */
  resume(connection: Connection): void
  forget(connection: Connection): void
}

interface Replay {
  opened: boolean
  cursor: string | undefined
  reading: boolean
  /** Live events that came while the journal was being read. */
  tail: JournalEntry[]
  tailBytes: number
  /** The first of them, kept or not. */
  first: JournalEntry | undefined
}

/** Makes the book of those who are catching up. */
export function createReplays(init: ReplayInit): Replays {
  const { journal, maxPageBytes, tally, send, gap, failed } = init
  const replays = new Map<Connection, Replay>()

  return {
    begin,
    rejoin,
    distrust,
    holds,
    isOpen: (connection) => replays.get(connection)?.opened ?? true,
    has: (connection) => replays.has(connection),
    isReading,
    resume,
    forget: (connection) => void replays.delete(connection),
  }

  function begin(
    connection: Connection,
    cursor: string | undefined,
    opening: (page: ReplayBatch) => void,
  ): void {
    const replay = newReplay(cursor)
    replays.set(connection, replay)
    read(connection, replay, opening)
  }

  function rejoin(connection: Connection, cursor: string): void {
    replays.set(connection, { ...newReplay(cursor), opened: true })
    resume(connection)
  }

  function distrust(): void {
    // As long as no tail can be.
    for (const replay of replays.values()) {
      Object.assign(replay, { tail: [], tailBytes: Number.POSITIVE_INFINITY, first: undefined })
    }
  }

  function isReading(connection: Connection): boolean {
    const replay = replays.get(connection)
    return replay?.opened === true && replay.reading
  }

  function resume(connection: Connection): void {
    const replay = replays.get(connection)
    if (!replay || replay.reading) return
    const { cursor = 'earliest' } = replay
    read(connection, replay, (page) => {
      if (page.gap) gap(connection, page, cursor)
    })
  }

  function holds(connection: Connection, entry: JournalEntry): boolean {
    const replay = replays.size === 0 ? undefined : replays.get(connection)
    if (!replay) return false
    // Between two readings it is enough that the journal has it.
    if (!replay.reading) return true
    replay.first ??= entry
    replay.tailBytes += entry.frame.byteLength
    if (replay.tailBytes <= maxPageBytes) replay.tail.push(entry)
    return true
  }

  function read(connection: Connection, replay: Replay, before: (page: ReplayBatch) => void): void {
    replay.reading = true
    const onPage = (page: ReplayBatch) => take(connection, replay, page, before)
    const onError = (error: unknown) => failed(connection, error)
    try {
      const page = journal.read(keysOf(connection), replay.cursor, maxPageBytes)
      if (page instanceof Promise) page.then(onPage).catch(onError)
      else onPage(page)
    } catch (error) {
      onError(error)
    }
  }

  function take(
    connection: Connection,
    replay: Replay,
    answer: ReplayBatch,
    before: (page: ReplayBatch) => void,
  ): void {
    if (replays.get(connection) !== replay) return
    const { tail, tailBytes } = replay
    const page = replay.cursor === undefined ? startOf(answer, replay.first) : answer
    // In another epoch the count may have begun again.
    if (page.gap === 'epoch') connection.position = 0
    before(page)
    replay.opened = true
    tally.replayedEvents += page.entries.length
    for (const entry of page.entries) send(connection, entry)
    // Reading ends only here: a flush in the loop above must not begin the next page.
    Object.assign(replay, newReplay(page.end.id), { opened: true })
    // A tail too long to be kept is read again instead, once the transport has taken this page.
    if (!page.done || tailBytes > maxPageBytes) {
      if (connection.queuedBytes === 0) resume(connection)
      return
    }
    replays.delete(connection)
    connection.position = Math.max(connection.position, page.end.sequence)
    for (const entry of tail) send(connection, entry)
  }
}

function newReplay(cursor: string | undefined): Replay {
  return { cursor, opened: false, reading: false, tail: [], tailBytes: 0, first: undefined }
}

/** Where a stream begins that wants only what is new: before the first event that it was there for. */
function startOf(page: ReplayBatch, first: JournalEntry | undefined): ReplayBatch {
  if (!first || first.sequence > page.end.sequence) return page
  if (page.gap || page.entries.length > 0) return page
  return { ...page, end: positionAt(page.end, first.sequence - 1) }
}
