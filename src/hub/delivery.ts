/** How events reach connections: the opening, what was missed, then what is live. */
import { EVERYONE } from '../core/address.ts'
import { gapFrame, type Resume, readyFrame } from '../core/control-events.ts'
import { positionAt } from '../core/cursor.ts'
import type { Delivery, JournalEntry, ReplayBatch } from '../journal/journal.ts'
import type { Connection } from './connection.ts'
import type { Flusher } from './flush.ts'
import type { HubMetrics } from './metrics.ts'
import type { HubSettings } from './options.ts'
import { keysOf, type Registry } from './registry.ts'
import { createReplays } from './replay.ts'

/** What delivering needs of the hub. */
export interface DeliveriesInit {
  readonly settings: HubSettings
  readonly registry: Registry
  readonly flusher: Pick<Flusher, 'eventQueued'>
  readonly tally: HubMetrics
  /** The connection can't take more. */
  tooSlow(connection: Connection): void
}

/** Brings frames to connections. */
export interface Deliveries {
  /** Opens a stream: `hub:ready`, what was missed since the cursor, then live events. */
  open(connection: Connection, lastEventId: string | undefined): void
  /** Queues an event for all who listen to its address; returns how many they are. */
  deliver(delivery: Delivery): number
  /** Queues a frame for one connection. */
  send(connection: Connection, frame: Uint8Array): void
  /** Where the connection stands in the journal; undefined before its opening. */
  cursorOf(connection: Connection): string | undefined
  /** Whether the connection has all that it should have up to now. */
  isLive(connection: Connection): boolean
  /** Whether the connection, which has had its opening, waits for the journal. */
  isReading(connection: Connection): boolean
  /** Lets all who listen at a key that `affects` names read on from where they stand. */
  catchUp(affects: (key: string) => boolean): void
  /** Reads on for a connection that is catching up. */
  resume(connection: Connection): void
  forget(connection: Connection): void
}

/** Makes the courier of a hub. */
export function createDeliveries(init: DeliveriesInit): Deliveries {
  const { settings, registry, flusher, tally, tooSlow } = init
  const { journal, clock, retryMs, maxQueuedBytes, observer } = settings
  const replays = createReplays({
    journal,
    maxPageBytes: Math.ceil(maxQueuedBytes / 4),
    tally,
    send: (connection, entry) => sendEntry(connection, entry, clock.now()),
    gap: sendGap,
    failed: (connection, error) => {
      observer.failed?.(error, 'replay')
      connection.abort()
    },
  })

  return {
    open,
    deliver,
    send,
    cursorOf,
    isLive: (connection) => !replays.has(connection),
    isReading: replays.isReading,
    catchUp,
    resume: replays.resume,
    forget: replays.forget,
  }

  function open(connection: Connection, lastEventId: string | undefined): void {
    const noGap: Resume = lastEventId === undefined ? 'fresh' : 'complete'
    const cursor = lastEventId ?? journal.head().id
    if (lastEventId !== undefined) tally.replays += 1
    replays.begin(connection, lastEventId, (page) => {
      sendReady(connection, page, page.gap ? 'gap' : noGap)
      sendGap(connection, page, cursor)
    })
  }

  function catchUp(affects: (key: string) => boolean): void {
    replays.distrust()
    const head = journal.head()
    for (const connection of registry.at(EVERYONE)) {
      if (replays.has(connection) || !keysOf(connection).some(affects)) continue
      // It has all that was delivered here, and more if it read ahead.
      const { position } = connection
      const { id } = position > head.sequence ? positionAt(head, position) : head
      tally.replays += 1
      replays.rejoin(connection, id)
    }
  }

  function cursorOf(connection: Connection): string | undefined {
    if (!replays.isOpen(connection)) return undefined
    return positionAt(journal.head(), connection.position).id
  }

  function sendReady(connection: Connection, page: ReplayBatch, resume: Resume): void {
    const { id, client, topics } = connection
    tally.openings[resume] += 1
    const upToDate = page.entries.length === 0 && resume !== 'gap'
    const head = upToDate ? page.end.id : undefined
    send(connection, readyFrame({ client, connection: id, topics, resume }, retryMs, head))
  }

  function sendGap(
    connection: Connection,
    { gap, entries, end }: ReplayBatch,
    cursor: string,
  ): void {
    if (!gap) return
    tally.gaps[gap] += 1
    const [first] = entries
    const told = { requested: cursor.slice(0, 128), earliest: first?.id ?? null, reason: gap }
    send(connection, gapFrame(told, first ? undefined : end.id))
  }

  function deliver({ key, frame, entry }: Delivery): number {
    const listeners = registry.at(key)
    const { size } = listeners
    // Asked once for all: it is among the dearest things that one delivery does.
    const now = clock.now()
    for (const connection of listeners) {
      if (entry) sendLive(connection, entry, now)
      // Nothing comes before the opening, which may wait for the journal.
      else if (replays.isOpen(connection)) send(connection, frame)
    }
    if (size > 0) flusher.eventQueued(now)
    return size
  }

  function sendLive(connection: Connection, entry: JournalEntry, now: number): void {
    if (!replays.holds(connection, entry)) sendEntry(connection, entry, now)
  }

  function sendEntry(connection: Connection, { sequence, frame }: JournalEntry, now: number): void {
    if (sequence <= connection.position) return
    connection.position = sequence
    connection.movedAt = now
    send(connection, frame)
  }

  function send(connection: Connection, frame: Uint8Array): void {
    if (!connection.enqueue(frame)) tooSlow(connection)
  }
}
