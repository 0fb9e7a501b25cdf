/** The hub: knows who is connected, keyed by client id; publishes, replays, bounds, closes. */
import { type Address, addressKey, checkTopics, clientKey, EVERYONE } from '../core/address.ts'
import type { ByeReason } from '../core/control-events.ts'
import { HubError } from '../core/errors.ts'
import type { EventInput } from '../core/event.ts'
import { createExpiringSet } from '../core/expiring-set.ts'
import type { Awaitable } from '../journal/journal.ts'
import { createAdmission } from './admission.ts'
import { createClosing } from './closing.ts'
import {
  Connection,
  type ConnectionHooks,
  type ConnectionInfo,
  type EventStream,
} from './connection.ts'
import { createDeliveries } from './delivery.ts'
import { drain } from './drain.ts'
import { createFlusher } from './flush.ts'
import { createMaintenance } from './maintenance.ts'
import { collectStats, createHubMetrics, type HubStats } from './metrics.ts'
import {
  type HubOptions,
  type RefusalReason,
  type RejectionReason,
  resolveHubOptions,
} from './options.ts'
import { createPresence, type Presence } from './presence.ts'
import { createPublisher, type PublishResult } from './press.ts'
import { createRegistry } from './registry.ts'

/** Who wants a stream, and where its bytes go. */
export interface ConnectOptions {
  readonly client: string
  /** @defaultValue none */
  readonly topics?: readonly string[] | undefined
  /** The cursor that the client came with; `earliest` for all that is kept. @defaultValue none: only what is new */
  readonly lastEventId?: string | undefined
  /** When the right to listen ends, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
  /** How the stream came in: shown to operators. @defaultValue nothing is known */
  readonly info?: ConnectionInfo | undefined
  readonly stream: EventStream
}

/** A hub. */
export interface Hub {
  /** Bytes of data that one event may carry. */
  readonly maxEventBytes: number
  /** Whether the hub is closing or closed. */
  readonly closing: boolean
  /** Whether events can be stored now, and streams opened. */
  readonly ready: boolean
  /** Who is connected, to this hub and to those that share its journal. */
  readonly presence: Pick<Presence, 'clients' | 'connections'>
  /**
   * Why the client can't have a stream now, or undefined if it can. The observer hears of a refusal.
   * @throws {HubError} `invalid-address`
   */
  refusal(client: string, trace?: ConnectionInfo): RefusalReason | undefined
  /** Notes that the host has turned a stream away: it is counted, and the observer hears of it. */
  reject(client: string, reason: RejectionReason, trace?: ConnectionInfo): void
  /**
   * Opens a stream. It is over when the connection's `ended` resolves.
   * @throws {HubError} `invalid-address`, `at-capacity`, `blocked`, `hub-closed`
   */
  connect(options: ConnectOptions): Connection
  /**
   * Stores an event, unless it is ephemeral, and queues it for all who listen to the address.
   * @throws {HubError} `invalid-address`, `invalid-event`, `event-too-large`, `hub-closed`; and
   * `journal-unavailable`, or whatever else the journal throws, when it can't store the event
   */
  publish(address: Address, event: EventInput): Promise<PublishResult>
  /**
   * Says goodbye to all connections of a client, at all hubs that share the journal, and keeps it
   * away for `blockMs` milliseconds. Returns how many connections there were: at once where the
   * journal is not shared.
   * @throws {HubError} `invalid-address`; `at-capacity` when 100,000 clients are blocked
   */
  disconnect(client: string, blockMs?: number): Awaitable<number>
  /** Whether a client is kept away for now. */
  blocked(client: string): boolean
  /** Asks the journal: true for the first who names this within `ttlMs` milliseconds, wherever. */
  useOnce(name: string, ttlMs: number): Promise<boolean>
  /**
   * The open connections of this hub that listen to an address, as they are now.
   * @throws {HubError} `invalid-address`
   */
  listeners(address: Address): ReadonlySet<Connection>
  /** The ids of the clients that are connected to this hub, longest connected first. */
  clients(): Iterable<string>
  /** Its figures; it looks at every connection. */
  stats(): HubStats
  /** The frame that says goodbye to a stream that can't be opened; it counts as said. */
  farewell(reason: ByeReason): Uint8Array
  /**
   * Refuses new streams and says goodbye to the open ones one after another, many at a time where it
   * takes that to be through with all by the first half of `drainMs` milliseconds (default 0: cuts them
   * off); at the end all are closed, and the journal too.
   * Publishing goes on until then. Safe to call twice: the second call waits for the first.
   */
  close(drainMs?: number): Promise<void>
}

/** Shared by all connections without topics. */
const NO_TOPICS: readonly string[] = []

/** Makes a hub. It holds no timer until somebody connects. @throws {HubError} `invalid-option` */
export function createHub(options: HubOptions = {}): Hub {
  const settings = resolveHubOptions(options)
  const { journal, clock, observer, random, retryMs, maxQueuedBytes } = settings
  const tally = createHubMetrics()
  const flusher = createFlusher(clock, tally)
  const registry = createRegistry({
    onFirst: (key) => journal.subscribe?.(key),
    onLast: (key) => journal.unsubscribe?.(key),
  })
  const blocked = createExpiringSet(clock)
  const exits = createClosing({ clock, retryMs, tally, random })
  const admission = createAdmission({
    settings,
    registry,
    blocked,
    tally,
    closed: () => closed !== undefined,
    leaving: () => exits.size,
  })
  const carrier: ConnectionHooks = {
    emptyQueue: flusher.empty,
    maxQueuedBytes,
    now: clock.now,
    schedule: flusher.schedule,
    onDrained: (connection) => courier.resume(connection),
    onEnded,
  }
  const courier = createDeliveries({
    settings,
    registry,
    flusher,
    tally,
    tooSlow: (connection) => dismiss(connection, 'slow'),
  })
  const press = createPublisher({ settings, registry, courier, tally })
  const { cursorOf } = courier
  const presence = createPresence({ journal, registry, cursorOf, dismiss: sendAway })
  const { deliver } = press
  const ticker = createMaintenance({ settings, registry, courier, exits, deliver, dismiss })
  let connects = 0
  let closed: Promise<void> | undefined
  let over = false
  journal.open(deliver, { missed: courier.catchUp, respond: presence.respond })

  return {
    maxEventBytes: settings.maxEventBytes,
    get closing() {
      return closed !== undefined
    },
    get ready() {
      return journal.ready ?? true
    },
    presence,
    refusal: admission.refusal,
    reject: admission.reject,
    connect,
    publish,
    disconnect: (client, blockMs = 0) => presence.disconnect(client, blockMs),
    blocked: blocked.has,
    useOnce: async (name, ttlMs) => await journal.useOnce(name, ttlMs),
    listeners: (address) => new Set(registry.at(addressKey(address))),
    clients: registry.clients,
    stats: () => collectStats({ journal, registry, closing: exits.size, tally }),
    farewell: exits.farewell,
    close: (drainMs = 0) => {
      closed ??= shutDown(drainMs)
      return closed
    },
  }

  function connect(options: ConnectOptions): Connection {
    const { client, topics = [], lastEventId, expiresAt, info, stream } = options
    checkTopics(topics)
    admission.admit(client, info)
    connects += 1
    const endsAt = clock.now() + settings.lifetimeMs * (0.8 + 0.4 * random())
    const id = `c-${connects}`
    const names = topics.length > 0 ? [...new Set(topics)] : NO_TOPICS
    const connection = new Connection(
      { id, client, topics: names, stream, endsAt, expiresAt, info },
      carrier,
    )
    // Registered before the journal is read: what is published meanwhile is held, not missed.
    registry.add(connection)
    ticker.start()
    connection.listen()
    if (connection.open) courier.open(connection, lastEventId)
    return connection
  }

  async function publish(address: Address, input: EventInput): Promise<PublishResult> {
    if (over) throw new HubError('hub-closed', 'The hub is closed: use another.')
    return await press.publish(address, input)
  }

  function sendAway(client: string, blockMs: number): number {
    const leaving = [...registry.at(clientKey(client))]
    if (blockMs > 0) blocked.add(client, blockMs)
    for (const connection of leaving) dismiss(connection, 'disconnected')
    return leaving.length
  }

  function dismiss(connection: Connection, reason: ByeReason): void {
    if (!registry.remove(connection)) return
    courier.forget(connection)
    exits.dismiss(connection, reason)
  }

  function onEnded(connection: Connection): void {
    registry.remove(connection)
    courier.forget(connection)
    const reason = exits.finish(connection)
    if (!busy()) ticker.stop()
    observer.ended?.(connection, reason)
  }

  function busy(): boolean {
    return registry.at(EVERYONE).size + exits.size > 0
  }

  async function shutDown(drainMs: number): Promise<void> {
    const open = [...registry.at(EVERYONE)]
    const farewell = (connection: Connection) => dismiss(connection, 'shutdown')
    await drain({ clock, drainMs, open, farewell, busy })
    over = true
    for (const connection of registry.at(EVERYONE)) dismiss(connection, 'shutdown')
    exits.abortAll()
    await journal.close()
  }
}
