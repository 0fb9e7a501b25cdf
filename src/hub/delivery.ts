/** Delivery: validates a published event, stores it in the journal, and queues it for the connections that listen. */
import {
  type Addresses,
  type AddressKeys,
  addressKeys,
  EVERYONE,
  kindOf,
  soleKey,
  topicOf,
} from '../core/address.ts'
import type { Resume } from '../core/control-events.ts'
import { type Position, positionAt } from '../core/cursor.ts'
import { HubError } from '../core/errors.ts'
import { type EventInput, encodeFrame, type HubEvent, prepareEvent } from '../core/event.ts'
import type { DeliveredEvent, JournalEntry } from '../journal/journal.ts'
import type { HubConnection } from './connections/connection.ts'
import { createControlFrames, cursorAfter } from './connections/control-frames.ts'
import type { Flusher } from './connections/flush.ts'
import { listenersAt } from './connections/listeners.ts'
import type { Registry } from './connections/registry.ts'
import { attempt } from './hooks/attempt.ts'
import type { OnceInit } from './idempotency/once-of.ts'
import type { HubMetrics } from './metrics.ts'
import type { HubSettings } from './options.ts'
import { createReplays } from './replay.ts'
import type { Subscribers } from './subscription/subscribers.ts'

/** The result of publishing an event. */
export interface PublishResult {
  /** The event's id. Ephemeral events have none. */
  readonly id?: string
  /**
   * The number of connections of this hub that the event was queued for, and not of others that share
   * the journal, unless the journal counts those; for several addresses, it may then be too high. Zero is not
   * an error: the journal stores the event for clients that reconnect.
   */
  readonly connections: number
  /** The number of hubs that share the journal and had a listener; for several addresses, or a topic with levels, at least. Absent where only one hub uses it. */
  readonly instances?: number
}

/** What delivery needs of the hub. */
export interface DeliveryInit {
  readonly settings: HubSettings
  readonly registry: Registry
  readonly subscribers: Pick<Subscribers, 'all' | 'at'>
  readonly flusher: Pick<Flusher, 'eventQueued'>
  readonly metrics: HubMetrics
}

/** Publishes events and queues frames for connections. */
export interface Delivery {
  /**
   * Returns what publishes to these addresses, also if their list changes later. That throws `invalid-event` or `event-too-large`.
   * @throws {HubError} `invalid-address`
   */
  publishTo(addresses: Addresses): (input: EventInput, once?: OnceInit) => Promise<PublishResult>
  /** Queues an event for every connection that listens to any of its addresses. Events stay in order. */
  deliver(event: DeliveredEvent): void
  /** Queues a frame for one connection. */
  send(connection: HubConnection, frame: Uint8Array): void
  /** Opens a stream: sends `hub:ready`, then what was missed since the cursor, then live events. */
  open(connection: HubConnection, lastEventId: string | undefined): void
  /** Starts a subscriber: sends what it missed since the cursor, then live events. Calls `onStart` first, with the cursor of where it starts. */
  follow(
    subscriber: HubConnection,
    lastEventId: string | undefined,
    onStart: (cursor: string) => void,
  ): void
  /** Makes live connections that listen to a key that `affects` accepts read the journal from their position. */
  catchUp(affects: (key: string) => boolean): void
  /** Reads the next batch for a connection that is catching up and whose transport has accepted everything so far. */
  resume(connection: HubConnection): void
}

/** Creates the delivery of a hub. */
export function createDelivery(init: DeliveryInit): Delivery {
  const { settings, registry, subscribers, flusher, metrics } = init
  const { journal, clock, maxQueuedBytes, maxEventBytes, hooks, compression } = settings
  const pending: DeliveredEvent[] = []
  const { sendReady, sendGap, sendStart } = createControlFrames({ settings, metrics, send })
  const replays = createReplays({
    journal,
    maxBatchBytes: Math.ceil(maxQueuedBytes / 4),
    metrics,
    send: sendEntry,
    sendFrame: send,
    sendGap,
    sendStart,
    onError: (connection, error) => {
      hooks.onError(error, 'replay')
      connection.abort()
    },
  })
  return { publishTo, deliver, send, open, follow, catchUp, resume: replays.resume }

  function publishTo(addresses: Addresses) {
    const keys = addressKeys(addresses)
    return (input: EventInput, once?: OnceInit) => publish(keys, input, once)
  }

  function publish(keys: AddressKeys, input: EventInput, once?: OnceInit): Promise<PublishResult> {
    // All receive the same bytes, so these must not name an address to clients that listen to another.
    const topic = topicOf(soleKey(keys) ?? '')
    const event = prepareEvent(input, maxEventBytes, topic)
    if (event.retain && !journal.retained) {
      throw new HubError('invalid-event', 'The journal of this hub can’t retain events.')
    }
    if (!once) metrics.publishes[kindOf(keys)] += 1
    return input.ephemeral ? relay(keys, event) : append(keys, event, once)
  }

  async function append(keys: AddressKeys, event: HubEvent, init?: OnceInit) {
    const { size } = listenersAt(registry, keys)
    const once = init && { connections: size, ...init }
    const result = await journal.append(keys, event, once)
    if (result.repeated) metrics.repetitions += 1
    else if (once) metrics.publishes[kindOf(keys)] += 1
    const { id, instances, connections = size } = result
    return instances === undefined ? { id, connections } : { id, connections, instances }
  }

  async function relay(keys: AddressKeys, event: HubEvent): Promise<PublishResult> {
    const { size } = listenersAt(registry, keys)
    if (!journal.backplane?.relay) {
      deliver({ keys, frame: encodeFrame(event) })
      return { connections: size }
    }
    const { instances, connections = size } = await journal.backplane.relay(keys, event)
    return instances === undefined ? { connections } : { connections, instances }
  }

  function deliver(event: DeliveredEvent): void {
    pending.push(event)
    // Events that a hook publishes meanwhile are delivered after this one, not in between.
    if (pending.length > 1) return
    try {
      for (const next of pending) deliverNow(next)
    } finally {
      pending.length = 0
    }
  }

  function deliverNow(event: DeliveredEvent): void {
    const { keys, frame } = event
    deliverTo(listenersAt(subscribers, keys), event)
    const listeners = listenersAt(registry, keys)
    const { size } = listeners
    if (size === 0) return
    compression?.offer(frame)
    deliverTo(listeners, event)
    flusher.eventQueued(clock.monotonic())
    metrics.deliveries += size
    metrics.deliveredBytes += size * frame.byteLength
  }

  function deliverTo(listeners: ReadonlySet<HubConnection>, event: DeliveredEvent): void {
    const { frame, entry } = event
    for (const connection of listeners) {
      if (connection.phase !== 'live') hold(connection, event)
      else if (entry) sendEntry(connection, entry)
      else send(connection, frame)
    }
  }

  /** A connection that is catching up reads stored events from the journal: no event may overtake them. */
  function hold(
    connection: HubConnection,
    { frame, entry, after = sequenceNow() }: DeliveredEvent,
  ): void {
    if (entry) replays.hold(connection, entry)
    else replays.holdEphemeral(connection, frame, after)
  }

  /** The sequence of the newest event. If it is unknown, an ephemeral event is held until its client has caught up. */
  function sequenceNow(): number {
    return attempt(hooks, () => journal.head())?.sequence ?? Number.MAX_SAFE_INTEGER
  }

  function sendEntry(connection: HubConnection, { sequence, frame }: JournalEntry): void {
    if (sequence <= connection.position) return
    connection.position = sequence
    send(connection, frame)
  }

  function send(connection: HubConnection, frame: Uint8Array): void {
    if (!connection.enqueue(frame)) connection.disconnect('slow')
  }

  function open(connection: HubConnection, lastEventId: string | undefined): void {
    const noGap: Resume = lastEventId === undefined ? 'fresh' : 'complete'
    const cursor = lastEventId ?? journal.head().id
    if (lastEventId !== undefined) metrics.replays += 1
    replays.begin(connection, lastEventId, (batch) => {
      sendReady(connection, batch, batch.gap ? 'gap' : noGap)
      sendGap(connection, batch, cursor)
    })
  }

  function follow(
    subscriber: HubConnection,
    lastEventId: string | undefined,
    onStart: (cursor: string) => void,
  ): void {
    const cursor = lastEventId ?? journal.head().id
    if (lastEventId !== undefined) metrics.replays += 1
    replays.begin(subscriber, lastEventId, (batch) => {
      onStart(cursorAfter(batch))
      sendGap(subscriber, batch, cursor)
    })
  }

  function catchUp(affects: (key: string) => boolean): void {
    const head = attempt(hooks, () => journal.head())
    for (const connection of [...registry.at(EVERYONE), ...subscribers.all]) {
      if (connection.phase !== 'live') replays.discardHeld(connection)
      else if (connection.keys.some(affects)) {
        // Its client reconnects with a cursor of its own.
        if (!head) connection.abort()
        else restart(connection, currentPosition(connection, head).id)
      }
    }
  }

  function restart(connection: HubConnection, cursor: string): void {
    metrics.replays += 1
    replays.restart(connection, cursor)
  }
}

/**
 * Returns the position of a live connection. It has received everything that was delivered here, and
 * more if its replay read ahead of the deliveries.
 */
export function currentPosition({ position }: HubConnection, head: Position): Position {
  return position > head.sequence ? positionAt(head, position) : head
}
