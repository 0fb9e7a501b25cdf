/** The hub: opens streams, publishes events, lists and disconnects clients, and shuts down. */
import {
  type Address,
  addressKey,
  checkName,
  checkTopics,
  clientKey,
  EVERYONE,
} from '../core/address.ts'
import { epochOf } from '../core/cursor.ts'
import { HubError } from '../core/errors.ts'
import type { EventInput } from '../core/event.ts'
import type { EventStream } from '../core/event-stream.ts'
import { createExpiringSet } from '../core/expiring-set.ts'
import type { Journal } from '../journal/journal.ts'
import { createAdmission } from './admission.ts'
import { createClosing } from './closing.ts'
import { type Coverage, createCluster, type DisconnectResult } from './cluster.ts'
import { Connection, type ConnectionHooks, type ConnectionInfo } from './connection.ts'
import { createDelivery, type PublishResult } from './delivery.ts'
import { createFlusher } from './flush.ts'
import { attachInternals } from './internals.ts'
import { createMaintenance } from './maintenance.ts'
import { collectStats, createHubMetrics, type HubStats } from './metrics.ts'
import { type HubOptions, resolveHubOptions } from './options.ts'
import {
  type ClientSummary,
  type ConnectionSummary,
  createPresence,
  type Listing,
} from './presence.ts'
import { createRegistry } from './registry.ts'

/** The stream to open, and its client. */
export interface ConnectOptions {
  readonly client: string
  /** @defaultValue none */
  readonly topics?: readonly string[] | undefined
  /** The client's cursor, or `earliest` for everything that is stored. @defaultValue none: new events only */
  readonly lastEventId?: string | undefined
  /** When the permission to listen expires, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
  /** How the request arrived, for operators. @defaultValue unknown */
  readonly info?: ConnectionInfo | undefined
  readonly stream: EventStream
}

/** A hub. */
export interface Hub {
  /** The maximum number of bytes of data in one event. */
  readonly maxEventBytes: number
  /** Whether the hub is closing or closed. */
  readonly closing: boolean
  /** Whether the hub can store events and open streams now. */
  readonly ready: boolean
  /**
   * Opens a stream. The stream has ended when the connection's `ended` resolves.
   * @throws {HubError} `invalid-address`, `at-capacity`, `blocked`, `hub-closed`
   */
  connect(options: ConnectOptions): Connection
  /**
   * Stores an event, unless it is ephemeral, and queues it for all connections that listen to the address.
   * @throws {HubError} `invalid-address`, `invalid-event`, `event-too-large`, `hub-closed`; and
   * `journal-unavailable`, or whatever else the journal throws, when it can't store the event
   */
  publish(address: Address, event: EventInput): Promise<PublishResult>
  /**
   * Ends all connections of a client with `hub:bye`, on all hubs that share the journal, and refuses
   * the client for `blockMs` milliseconds (default 0). Resolves with how many connections it ended,
   * and how many hubs have responded. The others do so once they reach the journal again.
   * @throws {HubError} `invalid-address`; `at-capacity` when 100,000 clients are blocked
   */
  disconnect(client: string, blockMs?: number): Promise<DisconnectResult>
  /**
   * Lists the clients connected to all hubs that share the journal, longest connected first: the
   * first `limit` of them (default 1,000), and the total.
   */
  clients(limit?: number): Promise<Listing<ClientSummary> & Coverage>
  /**
   * Lists the connections that listen to an address, on all hubs that share the journal: the first
   * `limit` of them (default 1,000), and the total.
   * @throws {HubError} `invalid-address`
   */
  connections(address: Address, limit?: number): Promise<Listing<ConnectionSummary> & Coverage>
  /** Returns the statistics of this hub. Takes time proportional to the number of connections. */
  stats(): HubStats
  /**
   * Refuses new streams and ends the open ones with `hub:bye`, spread over the first half of
   * `drainMs` milliseconds (default 0: at once). At the end of `drainMs`, or as soon as no stream is
   * left, it aborts the rest and closes the journal. Publishing works until then. Safe to call
   * twice: the second call waits for the first.
   */
  close(drainMs?: number): Promise<void>
}

/** Shared by all connections without topics. */
const NO_TOPICS: readonly string[] = []

const DEFAULT_LIMIT = 1_000

/** A second hub would take over the deliveries of the first one, which would receive nothing. */
const openedJournals = new WeakSet<Journal>()

/**
 * Creates a hub. It holds no timer until a client connects.
 * @throws {HubError} `invalid-option`, also if another hub has opened the journal
 */
export function createHub(options: HubOptions = {}): Hub {
  const settings = resolveHubOptions(options)
  const { journal, clock, observer, random, lifetimeMs, maxQueuedBytes, maxEventBytes } = settings
  if (openedJournals.has(journal)) {
    throw new HubError('invalid-option', 'Another hub uses this journal: each needs its own.')
  }
  openedJournals.add(journal)
  const { backplane } = journal
  const metrics = createHubMetrics()
  const flusher = createFlusher(clock, metrics)
  const registry = createRegistry({
    onFirst: (key) => backplane?.subscribe?.(key),
    onLast: (key) => backplane?.unsubscribe?.(key),
  })
  const closing = createClosing({ settings, registry, metrics })
  const admission = createAdmission({ settings, registry, closing, metrics })
  const delivery = createDelivery({
    settings,
    registry,
    flusher,
    metrics,
    onOverflow: (connection) => closing.dismiss(connection, 'slow'),
  })
  const timers = createMaintenance({ settings, registry, delivery, closing })
  const presence = createPresence(journal, registry)
  const cluster = createCluster(backplane, {
    ...presence,
    maxLifetimeMs: 1.2 * lifetimeMs,
    disconnect: disconnectHere,
  })
  const used = createExpiringSet(clock)
  const hooks: ConnectionHooks = {
    emptyQueue: flusher.empty,
    maxQueuedBytes,
    clock,
    schedule: flusher.schedule,
    onDrained: delivery.resume,
    onEnded,
  }
  let connects = 0
  let closed: Promise<void> | undefined
  let isClosed = false
  const { deliver, catchUp: missed } = delivery
  journal.open({ deliver, missed, respond: cluster.respond })

  const hub: Hub = {
    maxEventBytes,
    get closing() {
      return closing.draining
    },
    get ready() {
      return journal.ready ?? true
    },
    connect,
    publish,
    disconnect,
    clients: (limit = DEFAULT_LIMIT) => cluster.clients(limit),
    connections,
    stats: () => collectStats({ journal, registry, closing: closing.size, metrics }),
    close: (drainMs = 0) => {
      closed ??= close(drainMs)
      return closed
    },
  }
  return attachInternals(hub, {
    refusal: admission.refusal,
    reject: admission.reject,
    isBlocked: admission.isBlocked,
    byeFrame: closing.byeFrame,
    endStreams: closing.endStreams,
    epoch: () => epochOf(journal.head()),
    useOnce,
  })

  function connect(options: ConnectOptions): Connection {
    const { client, topics = [], lastEventId, expiresAt, info, stream } = options
    checkTopics(topics)
    admission.admit(client, info)
    connects += 1
    const endsAt = clock.monotonic() + lifetimeMs * (0.8 + 0.4 * random())
    const id = `c-${connects}`
    const unique = topics.length > 0 ? [...new Set(topics)] : NO_TOPICS
    const init = { id, client, topics: unique, stream, endsAt, expiresAt, info }
    const connection = new Connection(init, hooks)
    try {
      // Registered before the journal is read: events published meanwhile are held, not missed.
      registry.add(connection)
      timers.start()
      connection.listen()
      if (connection.open) delivery.open(connection, lastEventId)
    } catch (error) {
      // Otherwise the connection would stay registered and never end.
      observer.failed?.(error, 'replay')
      connection.abort()
    }
    return connection
  }

  function onEnded(connection: Connection): void {
    const reason = closing.finish(connection)
    if (registry.at(EVERYONE).size + closing.size === 0) timers.stop()
    observer.ended?.(connection, reason)
  }

  async function publish(address: Address, input: EventInput): Promise<PublishResult> {
    if (isClosed) throw new HubError('hub-closed', 'The hub is closed: use another instance.')
    return await delivery.publish(address, input)
  }

  async function disconnect(client: string, blockMs = 0): Promise<DisconnectResult> {
    return await cluster.disconnect(checkName('client id', client), blockMs)
  }

  function disconnectHere(client: string, blockMs: number, minAgeMs = 0): number {
    const connections = [...registry.at(clientKey(client))].filter(
      ({ openedAt }) => openedAt <= clock.monotonic() - minAgeMs,
    )
    if (blockMs > 0) admission.block(client, blockMs)
    for (const connection of connections) closing.dismiss(connection, 'disconnected')
    return connections.length
  }

  async function connections(
    address: Address,
    limit = DEFAULT_LIMIT,
  ): Promise<Listing<ConnectionSummary> & Coverage> {
    return await cluster.connections(addressKey(address), limit)
  }

  async function useOnce(name: string, ttlMs: number): Promise<boolean> {
    if (backplane) return await backplane.useOnce(name, ttlMs)
    if (used.has(name)) return false
    used.add(name, ttlMs)
    return true
  }

  async function close(drainMs: number): Promise<void> {
    await closing.drain(drainMs)
    isClosed = true
    await journal.close()
  }
}
