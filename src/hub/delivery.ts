/** Delivery: validates a published event, stores it in the journal, and queues it for the connections that listen. */
import { type Address, addressKey, EVERYONE, kindOf } from '../core/address.ts'
import { gapFrame, type Resume, readyFrame } from '../core/control-events.ts'
import { type Position, positionAt } from '../core/cursor.ts'
import { type EventInput, encodeFrame, type HubEvent, prepareEvent } from '../core/event.ts'
import type { DeliveredEvent, JournalEntry, ReplayBatch } from '../journal/journal.ts'
import type { Connection } from './connection.ts'
import type { Flusher } from './flush.ts'
import type { HubMetrics } from './metrics.ts'
import type { HubSettings } from './options.ts'
import { keysOf, type Registry } from './registry.ts'
import { createReplays } from './replay.ts'

/** The result of publishing an event. */
export interface PublishResult {
  /** The event's id. Ephemeral events have none. */
  readonly id?: string
  /**
   * The number of connections of this hub that the event was queued for. Zero is not an error: the
   * journal stores the event for clients that reconnect.
   */
  readonly connections: number
  /** The number of hubs that share the journal and had a listener. Absent where only one hub uses it. */
  readonly instances?: number
}

/** What delivery needs of the hub. */
export interface DeliveryInit {
  readonly settings: HubSettings
  readonly registry: Registry
  readonly flusher: Pick<Flusher, 'eventQueued'>
  readonly metrics: HubMetrics
  /** Called when the connection's queue is full. */
  onOverflow(connection: Connection): void
}

/** Publishes events and queues frames for connections. */
export interface Delivery {
  /** @throws {HubError} `invalid-address`, `invalid-event`, `event-too-large` */
  publish(address: Address, input: EventInput): Promise<PublishResult>
  /** Queues an event for every connection that listens to its address. Events stay in order. */
  deliver(event: DeliveredEvent): void
  /** Queues a frame for one connection. */
  send(connection: Connection, frame: Uint8Array): void
  /** Opens a stream: sends `hub:ready`, then what was missed since the cursor, then live events. */
  open(connection: Connection, lastEventId: string | undefined): void
  /** Makes live connections that listen to a key that `affects` accepts read the journal from their position. */
  catchUp(affects: (key: string) => boolean): void
  /** Reads the next batch for a connection that is catching up and whose transport has accepted everything so far. */
  resume(connection: Connection): void
}

/** Creates the delivery of a hub. */
export function createDelivery(init: DeliveryInit): Delivery {
  const { settings, registry, flusher, metrics, onOverflow } = init
  const { journal, clock, random, retryMs, maxQueuedBytes, maxEventBytes, observer } = settings
  const pending: DeliveredEvent[] = []
  const replays = createReplays({
    journal,
    maxBatchBytes: Math.ceil(maxQueuedBytes / 4),
    metrics,
    send: sendEntry,
    sendFrame: send,
    onGap: sendGap,
    onError: (connection, error) => {
      observer.failed?.(error, 'replay')
      connection.abort()
    },
  })
  return { publish, deliver, send, open, catchUp, resume: replays.resume }

  function publish(address: Address, input: EventInput): Promise<PublishResult> {
    const key = addressKey(address)
    const event = prepareEvent(
      input,
      maxEventBytes,
      address === 'everyone' ? undefined : address.topic,
    )
    metrics.publishes[kindOf(address)] += 1
    return input.ephemeral ? relay(key, event) : append(key, event)
  }

  async function append(key: string, event: HubEvent): Promise<PublishResult> {
    const connections = registry.at(key).size
    const { id, instances } = await journal.append(key, event)
    return instances === undefined ? { id, connections } : { id, connections, instances }
  }

  async function relay(key: string, event: HubEvent): Promise<PublishResult> {
    const connections = registry.at(key).size
    if (!journal.backplane?.relay) {
      deliver({ key, frame: encodeFrame(event) })
      return { connections }
    }
    const { instances } = await journal.backplane.relay(key, event)
    return instances === undefined ? { connections } : { connections, instances }
  }

  function deliver(event: DeliveredEvent): void {
    pending.push(event)
    // Events that an observer publishes meanwhile are delivered after this one, not in between.
    if (pending.length > 1) return
    try {
      for (const next of pending) deliverNow(next)
    } finally {
      pending.length = 0
    }
  }

  function deliverNow({ key, frame, entry }: DeliveredEvent): void {
    const listeners = registry.at(key)
    const { size } = listeners
    if (size === 0) return
    for (const connection of listeners) {
      if (connection.phase !== 'live') hold(connection, frame, entry)
      else if (entry) sendEntry(connection, entry)
      else send(connection, frame)
    }
    flusher.eventQueued(clock.monotonic())
    metrics.deliveries += size
    metrics.deliveredBytes += size * frame.byteLength
  }

  /** A connection that is catching up reads stored events from the journal: no event may overtake them. */
  function hold(connection: Connection, frame: Uint8Array, entry: JournalEntry | undefined): void {
    if (entry) replays.hold(connection, entry)
    else replays.holdEphemeral(connection, frame, journal.head().sequence)
  }

  function sendEntry(connection: Connection, { sequence, frame }: JournalEntry): void {
    if (sequence <= connection.position) return
    connection.position = sequence
    send(connection, frame)
  }

  function send(connection: Connection, frame: Uint8Array): void {
    if (!connection.enqueue(frame)) onOverflow(connection)
  }

  function open(connection: Connection, lastEventId: string | undefined): void {
    const noGap: Resume = lastEventId === undefined ? 'fresh' : 'complete'
    const cursor = lastEventId ?? journal.head().id
    if (lastEventId !== undefined) metrics.replays += 1
    replays.begin(connection, lastEventId, (batch) => {
      sendReady(connection, batch, batch.gap ? 'gap' : noGap)
      sendGap(connection, batch, cursor)
    })
  }

  function catchUp(affects: (key: string) => boolean): void {
    const head = journal.head()
    for (const connection of registry.at(EVERYONE)) {
      if (connection.phase !== 'live') replays.discardHeld(connection)
      else if (keysOf(connection).some(affects)) {
        metrics.replays += 1
        replays.restart(connection, currentPosition(connection, head).id)
      }
    }
  }

  function sendReady(connection: Connection, batch: ReplayBatch, resume: Resume): void {
    const { id, client, topics } = connection
    metrics.openings[resume] += 1
    const isUpToDate = batch.entries.length === 0 && resume !== 'gap'
    const head = isUpToDate ? batch.end.id : undefined
    // After a crash, each client waits for this time. If it were the same, all would reconnect at once.
    const retryAfterMs = retryMs * (0.75 + 0.5 * random())
    send(connection, readyFrame({ client, connection: id, topics, resume }, retryAfterMs, head))
  }

  function sendGap(
    connection: Connection,
    { gap, entries, end }: ReplayBatch,
    cursor: string,
  ): void {
    if (!gap) return
    metrics.gaps[gap] += 1
    const [first] = entries
    const data = { requested: cursor.slice(0, 128), earliest: first?.id ?? null, reason: gap }
    send(connection, gapFrame(data, first ? undefined : end.id))
  }
}

/**
 * Returns the position of a live connection. It has received everything that was delivered here, and
 * more if its replay read ahead of the deliveries.
 */
export function currentPosition({ position }: Connection, head: Position): Position {
  return position > head.sequence ? positionAt(head, position) : head
}
