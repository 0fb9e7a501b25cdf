/** The hub: opens streams, publishes events, lists and disconnects clients, and shuts down. */
import { onAborted } from '../core/abort.ts'
import { type Addresses, checkName, clientKey, clientOf, listenKey } from '../core/address.ts'
import { epochOf } from '../core/cursor.ts'
import type { AnyEvents } from '../core/declared-events.ts'
import { checkRange, HubError } from '../core/errors.ts'
import { checkEventKey, checkFields, type EventInput } from '../core/event.ts'
import { createHolding } from '../core/holding.ts'
import { createInFlight } from '../core/in-flight.ts'
import { checkOptions, KIND, type Kinds } from '../core/options/option-kinds.ts'
import type { Journal } from '../journal/journal.ts'
import { createOnlineClients } from '../journal/online-clients.ts'
import { createUseOnce } from '../journal/use-once.ts'
import { createAdmission } from './admission.ts'
import { checkClose, createClosing } from './closing.ts'
import { createCluster, type DisconnectResult } from './cluster.ts'
import { viewOf } from './connections/connection-view.ts'
import { createFlusher } from './connections/flush.ts'
import { createRegistry, type Registry } from './connections/registry.ts'
import { createDelivery } from './delivery.ts'
import { createEventCheck } from './event-check.ts'
import { attempt } from './hooks/attempt.ts'
import type { CloseOptions, Hub, ListOptions } from './hub-types.ts'
import { onceOf, type PublishOptions } from './idempotency/once-of.ts'
import { attachInternals } from './internals.ts'
import { checkLimit } from './listings.ts'
import { createMaintenance } from './maintenance.ts'
import { collectStats, createHubMetrics } from './metrics.ts'
import { createOpening } from './opening.ts'
import { type HubOptions, resolveHubOptions } from './options.ts'
import { createPipe } from './piping/pipe.ts'
import { createProducers } from './piping/producers.ts'
import { createPresence } from './presence.ts'
import { listRetained } from './retained/list-retained.ts'
import { createSubscribe } from './subscription/subscribe.ts'
import { createSubscribers } from './subscription/subscribers.ts'

const LIST_KINDS: Kinds<ListOptions> = { limit: KIND.any }

/** The maximum number of milliseconds that a close waits until pipes have ended, and until the journal has stored what was published before. */
const LAST_PUBLISHES_MS = 500

/** A second hub would take over the deliveries of the first one, which would receive nothing. */
const openedJournals = new WeakSet<Journal>()

/**
 * Creates a hub. It holds no timer until a client connects.
 * @throws {HubError} `invalid-option`, also if another hub has opened the journal
 */
export function createHub(options?: HubOptions & { readonly events?: undefined }): Hub
/**
 * Creates a hub that declares its events, or whose connections have data of your own.
 * @typeParam Events - name → data. @defaultValue those of the schemas in `events`
 * @typeParam Context - your own data about each connection
 * @throws {HubError} `invalid-option`, also if another hub has opened the journal
 */
export function createHub<Events extends object = AnyEvents, Context = unknown>(
  options?: HubOptions<Events, Context>,
): Hub<Events, Context>
export function createHub(options: HubOptions = {}): Hub {
  const settings = resolveHubOptions(options)
  const { events: schemas } = options
  const check = schemas && createEventCheck(schemas)
  const { journal, clock, hooks, lifetimeMs, maxEventBytes, offlineGraceMs: graceMs } = settings
  if (openedJournals.has(journal)) {
    throw new HubError('invalid-option', 'Another hub uses this journal: each needs its own.')
  }
  openedJournals.add(journal)
  const { backplane } = journal
  const metrics = createHubMetrics()
  const flusher = createFlusher(clock, metrics)
  const subscribers = createSubscribers({
    onFirst: (key) => listen(key, registry),
    onLast: (key) => stopListening(key, registry),
  })
  const registry = createRegistry({
    onFirst: (key) => listen(key, subscribers),
    onCount: backplane?.count,
    onLast: (key) => {
      stopListening(key, subscribers)
      const client = clientOf(key)
      if (client !== undefined) onlineClients?.update(client)
    },
  })
  const isConnected = (client: string) => registry.at(clientKey(client)).size > 0
  const closing = createClosing({ settings, registry, metrics })
  const admission = createAdmission({ settings, registry, closing, metrics })
  const holding = createHolding(clock)
  const delivery = createDelivery({ settings, registry, subscribers, flusher, metrics })
  const timers = createMaintenance({ settings, registry, delivery, closing })
  const presence = createPresence(settings, registry)
  const producers = createProducers(clock)
  const cluster = createCluster(backplane, {
    ...presence,
    maxLifetimeMs: 1.2 * lifetimeMs,
    disconnect: disconnectHere,
    stop: producers.stop,
    countClients: () => onlineClients?.count?.(),
  })
  const publishes = createInFlight(clock)
  const { deliver, catchUp: missed } = delivery
  journal.open({ deliver, missed, respond: cluster.respond })
  const follow = backplane?.presence?.follow ?? createOnlineClients
  const onlineClients = settings.followsClients
    ? follow({ ...registry, clock, graceMs, isConnected, hooks })
    : undefined
  const connect = createOpening({
    settings,
    registry,
    flusher,
    admission,
    closing,
    delivery,
    timers,
    onlineClients,
  })
  const events = createSubscribe({
    settings,
    flusher,
    delivery,
    subscribers,
    schemas,
    isClosed: () => isClosed,
  })
  let closed: Promise<void> | undefined
  let isClosed = false
  let retiring = false

  const hub: Hub = {
    maxEventBytes,
    get closing() {
      return closing.draining
    },
    get ready() {
      return journal.ready ?? true
    },
    get cursor() {
      return journal.head().id
    },
    connect: (options) => viewOf(connect(options)),
    publish,
    post: (addresses: Addresses, event: EventInput) => {
      publish(addresses, event).catch((error) => hooks.onError(error, 'publish'))
    },
    pipe: createPipe({ ...settings, ...flusher, schemas, producers, publish }),
    stop: async (client, key) =>
      await cluster.stop(checkName('client id', client), checkEventKey(key)),
    events,
    disconnect,
    clients: async (limit) => await cluster.clients(checkLimit(limit)),
    topics: async (options = {}) => {
      checkOptions('topics', options, LIST_KINDS)
      return await cluster.topics(checkLimit(options.limit))
    },
    connections: async (address, limit) => {
      const key = listenKey(address)
      const { rows, ...counts } = await cluster.connections(key, checkLimit(limit))
      return { rows: presence.withContext(key, rows), ...counts }
    },
    retained: (address, options) => listRetained({ journal, isClosed }, address, options),
    stats: () => collectStats({ journal, registry, flusher, closing: closing.size, metrics }),
    close,
  }
  return attachInternals(hub, {
    clock,
    events: schemas,
    compression: settings.compression,
    connect,
    ...admission,
    flushed: flusher.flushed,
    byeFrame: closing.byeFrame,
    hold: holding.hold,
    get retiring() {
      return retiring
    },
    retire: () => {
      retiring = true
    },
    endStreams: closing.endStreams,
    epoch: () => epochOf(journal.head()),
    useOnce: createUseOnce(clock, backplane),
    producers,
  })

  /** Two indexes share the journal: it is notified of the first and the last listener in both. */
  function listen(key: string, other: Pick<Registry, 'at'>): void {
    if (other.at(key).size === 0) backplane?.subscribe?.(key)
  }

  /** It is called while streams end, which must go on. */
  function stopListening(key: string, other: Pick<Registry, 'at'>): void {
    if (other.at(key).size === 0) attempt(hooks, () => backplane?.unsubscribe?.(key))
  }

  async function publish(addresses: Addresses, input: EventInput, options?: PublishOptions) {
    if (isClosed) throw new HubError('hub-closed', 'The hub is closed: use another instance.')
    publishes.began()
    try {
      checkFields(input)
      const once = options && onceOf(settings, addresses, input, options, check !== undefined)
      const publishEvent = delivery.publishTo(addresses)
      const checked = check ? check(input) : input
      const event = checked instanceof Promise ? await checked : checked
      return await publishEvent(event, once)
    } finally {
      publishes.ended()
    }
  }

  async function disconnect(client: string, blockMs = 0): Promise<DisconnectResult> {
    checkName('client id', client)
    checkRange('blockMs', blockMs, 0)
    return await cluster.disconnect(client, blockMs)
  }

  function disconnectHere(client: string, blockMs: number, minAgeMs = 0): number {
    const connections = [...registry.at(clientKey(client))].filter(
      ({ openedAt }) => openedAt <= clock.monotonic() - minAgeMs,
    )
    if (blockMs > 0) admission.block(client, blockMs)
    for (const connection of connections) closing.dismiss(connection, 'disconnected')
    return connections.length
  }

  function close(drainMs = 0, options: CloseOptions = {}): Promise<void> {
    checkClose(drainMs, options)
    const { signal } = options
    closed ??= drainAndClose(drainMs)
    if (signal) {
      const removeListener = onAborted(signal, closing.hurry)
      closed.finally(removeListener).catch(() => {})
    }
    return closed
  }

  async function drainAndClose(drainMs: number): Promise<void> {
    await closing.drain(drainMs)
    holding.release()
    // Its hooks may publish once more.
    await onlineClients?.close()
    // So may pipes, whose last events say that they end.
    await producers.close(LAST_PUBLISHES_MS)
    isClosed = true
    await publishes.settled(LAST_PUBLISHES_MS)
    for (const subscriber of subscribers.all) subscriber.disconnect('shutdown')
    await journal.close()
  }
}
