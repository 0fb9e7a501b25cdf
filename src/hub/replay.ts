/** Replay: what a client missed comes from the journal, at the pace of its transport. */
import { positionAt } from '../core/cursor.ts'
import type { Journal, JournalEntry, ReplayBatch } from '../journal/journal.ts'
import type { Connection, Replay } from './connection.ts'
import type { HubMetrics } from './metrics.ts'
import { keysOf } from './registry.ts'

/** What replaying needs of the hub. */
export interface ReplaysInit {
  readonly journal: Journal
  /** Bytes that are read at a time, and bytes of live events that one read may hold back. */
  readonly maxBatchBytes: number
  readonly metrics: Pick<HubMetrics, 'replayedEvents'>
  send(connection: Connection, entry: JournalEntry): void
  /** Events were lost while the client was catching up. */
  onGap(connection: Connection, batch: ReplayBatch, cursor: string): void
  onError(connection: Connection, error: unknown): void
}

/** Moves connections from `opening` over `catching-up` to `live`. */
export interface Replays {
  /**
   * Reads from `cursor`, or only finds the end of the journal if there is none. `onFirst` gets the
   * first batch before its events are queued.
   */
  begin(
    connection: Connection,
    cursor: string | undefined,
    onFirst: (batch: ReplayBatch) => void,
  ): void
  /** Makes a live connection read from `cursor`. */
  rejoin(connection: Connection, cursor: string): void
  /** Live events that came during the current read may not be all there were: they are read again. */
  distrust(connection: Connection): void
  /** Holds a live event back from a connection that is catching up. */
  hold(connection: Connection, entry: JournalEntry): void
  /** Reads on, because the transport has taken everything so far. */
  resume(connection: Connection): void
}

/** Creates the replays of a hub. */
export function createReplays(init: ReplaysInit): Replays {
  const { journal, maxBatchBytes, metrics, send, onGap, onError } = init
  return { begin, rejoin, distrust, hold, resume }

  function begin(
    connection: Connection,
    cursor: string | undefined,
    onFirst: (batch: ReplayBatch) => void,
  ): void {
    const replay = newReplay(cursor)
    connection.replay = replay
    read(connection, replay, onFirst)
  }

  function rejoin(connection: Connection, cursor: string): void {
    connection.phase = 'catching-up'
    connection.replay = newReplay(cursor)
    resume(connection)
  }

  function distrust({ replay }: Connection): void {
    if (!replay) return
    replay.tail = []
    // Longer than any tail may be.
    replay.tailBytes = Number.POSITIVE_INFINITY
    replay.first = undefined
  }

  function hold({ replay }: Connection, entry: JournalEntry): void {
    // Between two reads it is enough that the journal has it.
    if (!replay?.reading) return
    replay.first ??= entry
    replay.tailBytes += entry.frame.byteLength
    if (replay.tailBytes <= maxBatchBytes) replay.tail.push(entry)
  }

  function resume(connection: Connection): void {
    const { replay } = connection
    if (!replay || replay.reading) return
    const { cursor = 'earliest' } = replay
    read(connection, replay, (batch) => {
      if (batch.gap) onGap(connection, batch, cursor)
    })
  }

  function read(
    connection: Connection,
    replay: Replay,
    before: (batch: ReplayBatch) => void,
  ): void {
    replay.reading = true
    const onBatch = (batch: ReplayBatch) => accept(connection, replay, batch, before)
    const failed = (error: unknown) => onError(connection, error)
    try {
      const batch = journal.read(keysOf(connection), replay.cursor, maxBatchBytes)
      if (batch instanceof Promise) batch.then(onBatch).catch(failed)
      else onBatch(batch)
    } catch (error) {
      failed(error)
    }
  }

  function accept(
    connection: Connection,
    replay: Replay,
    answer: ReplayBatch,
    before: (batch: ReplayBatch) => void,
  ): void {
    // The connection has left, or a newer replay has taken over.
    if (connection.replay !== replay) return
    const { tail, tailBytes, first } = replay
    const batch = replay.cursor === undefined ? startOf(answer, first) : answer
    // In another epoch the sequence may have started over.
    if (batch.gap === 'epoch') connection.position = 0
    before(batch)
    if (connection.phase === 'opening') connection.phase = 'catching-up'
    metrics.replayedEvents += batch.entries.length
    for (const entry of batch.entries) send(connection, entry)
    // Reading ends only here: a flush in the loop above must not start the next read.
    Object.assign(replay, newReplay(batch.end.id))
    // A tail that is too long to hold is read again, once the transport has taken this batch.
    if (!batch.done || tailBytes > maxBatchBytes) {
      if (connection.queuedBytes === 0) resume(connection)
      return
    }
    finish(connection)
    connection.position = Math.max(connection.position, batch.end.sequence)
    for (const entry of tail) send(connection, entry)
  }

  function finish(connection: Connection): void {
    connection.replay = undefined
    if (connection.phase === 'catching-up') connection.phase = 'live'
  }
}

function newReplay(cursor: string | undefined): Replay {
  return { cursor, reading: false, tail: [], tailBytes: 0, first: undefined }
}

/** Where a stream starts that only gets new events: before the first event that came after it connected. */
function startOf(batch: ReplayBatch, first: JournalEntry | undefined): ReplayBatch {
  if (!first || first.sequence > batch.end.sequence) return batch
  if (batch.gap || batch.entries.length > 0) return batch
  return { ...batch, end: positionAt(batch.end, first.sequence - 1) }
}
