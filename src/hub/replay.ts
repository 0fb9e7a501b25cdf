/** Replay: sends a client what it missed from the journal, as fast as its transport accepts it. */
import { type Position, partialStart } from '../core/cursor.ts'
import { Ephemerals } from '../core/ephemerals.ts'
import type {
  Awaitable,
  Journal,
  JournalEntry,
  ReplayBatch,
  RetainedBatch,
} from '../journal/journal.ts'
import type { HubConnection } from './connections/connection.ts'
import type { Replay } from './connections/connection-state.ts'
import type { HubMetrics } from './metrics.ts'
import { NONE, type RetainedPart, streamStart, upTo, withoutId } from './retained/retained-part.ts'

/** What replaying needs of the hub. */
export interface ReplaysInit {
  readonly journal: Journal
  /** The maximum size of one batch, and of the live events held during one read. */
  readonly maxBatchBytes: number
  readonly metrics: Pick<HubMetrics, 'replayedEvents'>
  send(connection: HubConnection, entry: JournalEntry): void
  sendFrame(connection: HubConnection, frame: Uint8Array): void
  /** Reports the gap of a batch, if it has one: events were lost while the client was catching up. */
  sendGap(connection: HubConnection, batch: ReplayBatch, cursor: string): void
  /** Moves the client's cursor to where its stream starts: it has received all that is retained. */
  sendStart(connection: HubConnection, start: Position): void
  onError(connection: HubConnection, error: unknown): void
}

/** Moves connections from `opening` through `catching-up` to `live`. */
export interface Replays {
  /**
   * Reads from `cursor`, or only finds the end of the journal if there is none. Calls `onFirst` with
   * the first batch before its events are queued.
   */
  begin(
    connection: HubConnection,
    cursor: string | undefined,
    onFirst: (batch: ReplayBatch) => void,
  ): void
  /** Makes a live connection catch up from `cursor`. */
  restart(connection: HubConnection, cursor: string): void
  /** Discards the events held during the current read, which may be incomplete, and reads them again. */
  discardHeld(connection: HubConnection): void
  /** Holds a live event for a connection that is catching up. */
  hold(connection: HubConnection, entry: JournalEntry): void
  /** Holds an ephemeral event until the client has received the stored events up to the sequence `after`. */
  holdEphemeral(connection: HubConnection, frame: Uint8Array, after: number): void
  /** Reads the next batch, because the transport has accepted everything so far. */
  resume(connection: HubConnection): void
}

/** Creates the replays of a hub. */
export function createReplays(init: ReplaysInit): Replays {
  const { journal, maxBatchBytes, metrics, send, sendFrame, sendGap, sendStart, onError } = init
  return { begin, restart, discardHeld, hold, holdEphemeral, resume }

  function begin(
    connection: HubConnection,
    cursor: string | undefined,
    onFirst: (batch: ReplayBatch) => void,
  ): void {
    const start = cursor === undefined ? undefined : partialStart(cursor)
    const replay = start ? { ...newReplay(undefined), start } : newReplay(cursor)
    connection.replay = replay
    read(connection, replay, onFirst)
  }

  function restart(connection: HubConnection, cursor: string): void {
    connection.phase = 'catching-up'
    connection.replay = newReplay(cursor)
    resume(connection)
  }

  function discardHeld({ replay }: HubConnection): void {
    if (!replay) return
    replay.heldEvents = []
    // More than the limit, so that the events are read again.
    replay.heldBytes = Number.POSITIVE_INFINITY
    replay.firstEvent = undefined
  }

  function hold({ replay }: HubConnection, entry: JournalEntry): void {
    // Between two reads nothing is held: the next read returns the event.
    if (!replay?.reading) return
    replay.firstEvent ??= entry
    replay.heldBytes += entry.frame.byteLength
    if (replay.heldBytes <= maxBatchBytes) replay.heldEvents.push(entry)
  }

  function holdEphemeral({ replay }: HubConnection, frame: Uint8Array, after: number): void {
    replay?.ephemerals.hold(frame, after, maxBatchBytes)
  }

  /** Sends stored events, and before each of them the ephemeral ones that were published before it. */
  function sendInOrder(
    connection: HubConnection,
    { ephemerals }: Replay,
    entries: readonly JournalEntry[],
  ): void {
    for (const entry of entries) {
      for (const frame of ephemerals.takeBefore(entry.sequence)) sendFrame(connection, frame)
      send(connection, entry)
    }
  }

  function resume(connection: HubConnection): void {
    const { replay } = connection
    if (!replay || replay.reading) return
    const { cursor = 'earliest', retained } = replay
    if (retained) readRetained(connection, replay, retained)
    else read(connection, replay, (batch) => sendGap(connection, batch, cursor))
  }

  function read(
    connection: HubConnection,
    replay: Replay,
    beforeEvents: (batch: ReplayBatch) => void,
  ): void {
    const isNeeded = () => connection.replay === replay
    load(
      connection,
      replay,
      () => journal.read(connection.keys, replay.cursor, maxBatchBytes, isNeeded),
      (batch) => accept(connection, replay, batch, beforeEvents),
    )
  }

  /** Reads a batch, and uses it unless the connection has ended, or a newer replay has replaced this one. */
  function load<Batch>(
    connection: HubConnection,
    replay: Replay,
    work: () => Awaitable<Batch>,
    use: (batch: Batch) => void,
  ): void {
    replay.reading = true
    const isNeeded = () => connection.replay === replay
    const onBatch = (batch: Batch) => isNeeded() && use(batch)
    const failed = (error: unknown) => onError(connection, error)
    try {
      const batch = work()
      if (batch instanceof Promise) {
        // The hub may have closed meanwhile, and the journal with it.
        batch.then(onBatch, (error) => isNeeded() && failed(error)).catch(failed)
      } else onBatch(batch)
    } catch (error) {
      failed(error)
    }
  }

  function accept(
    connection: HubConnection,
    replay: Replay,
    result: ReplayBatch,
    beforeEvents: (batch: ReplayBatch) => void,
  ): void {
    const { heldEvents, heldBytes, firstEvent } = replay
    const batch =
      replay.cursor === undefined ? streamStart(result, firstEvent, replay.start) : result
    // In a new epoch, sequences may have started over.
    if (batch.gap === 'epoch') connection.position = 0
    beforeEvents(batch)
    if (connection.phase === 'opening') connection.phase = 'catching-up'
    const retained = batch.retained && sendRetained(connection, batch.end, batch.retained)
    metrics.replayedEvents += batch.entries.length
    sendInOrder(connection, replay, batch.entries)
    // Reading ends only here: a flush in the loop above must not start the next read.
    continueFrom(replay, batch.end.id, retained)
    // If not all live events could be held, they are read once the transport has accepted this batch.
    if (retained || !batch.done || heldBytes > maxBatchBytes) {
      if (connection.queuedBytes === 0) resume(connection)
      return
    }
    finish(connection)
    connection.position = Math.max(connection.position, batch.end.sequence)
    sendInOrder(connection, replay, heldEvents)
    for (const frame of replay.ephemerals.takeBefore(Number.POSITIVE_INFINITY)) {
      sendFrame(connection, frame)
    }
  }

  /** Reads the next retained events. What is published meanwhile is read after them. */
  function readRetained(
    connection: HubConnection,
    replay: Replay,
    { start, after }: RetainedPart,
  ): void {
    const isNeeded = () => connection.replay === replay
    load(
      connection,
      replay,
      () => journal.retained?.(connection.keys, after, maxBatchBytes, isNeeded) ?? NONE,
      (batch) => {
        const retained = sendRetained(connection, start, upTo(start, batch) ?? NONE)
        continueFrom(replay, replay.cursor, retained)
        if (connection.queuedBytes === 0) resume(connection)
      },
    )
  }

  /** Sends retained events without ids: a client that disconnects before the last of them gets them once more. Returns what is left. */
  function sendRetained(
    connection: HubConnection,
    start: Position,
    { entries, done }: RetainedBatch,
  ): RetainedPart | undefined {
    metrics.replayedEvents += entries.length
    for (const { frame } of entries) sendFrame(connection, withoutId(frame))
    const last = entries.at(-1)
    if (last && !done) return { start, after: last.sequence }
    sendStart(connection, start)
    return undefined
  }

  function finish(connection: HubConnection): void {
    connection.replay = undefined
    if (connection.phase === 'catching-up') connection.phase = 'live'
  }
}

function newReplay(cursor: string | undefined, ephemerals = new Ephemerals()): Replay {
  return {
    cursor,
    reading: false,
    heldEvents: [],
    heldBytes: 0,
    firstEvent: undefined,
    ephemerals,
    retained: undefined,
    start: undefined,
  }
}

/** Prepares the next read: nothing is held for it yet, except ephemeral events. */
function continueFrom(
  replay: Replay,
  cursor: string | undefined,
  retained: RetainedPart | undefined,
): void {
  Object.assign(replay, newReplay(cursor, replay.ephemerals), { retained })
}
