/** Opening: registers a connection, starts its delivery, and calls the hooks when it has opened and ended. */
import { onAborted } from '../core/abort.ts'
import { checkTopics, EVERYONE } from '../core/address.ts'
import { HubError } from '../core/errors.ts'
import { checkOptions, KIND, type Kinds, withMethods } from '../core/options/option-kinds.ts'
import type { OnlineClients } from '../journal/backplane.ts'
import type { Admission } from './admission.ts'
import type { Closing } from './closing.ts'
import { type ConnectionHooks, HubConnection } from './connections/connection.ts'
import type { Flusher } from './connections/flush.ts'
import { keysOf, type Registry } from './connections/registry.ts'
import type { Delivery } from './delivery.ts'
import type { EndReason } from './hooks/hooks.ts'
import type { ConnectOptions } from './hub-types.ts'
import type { Timers } from './maintenance.ts'
import type { HubSettings } from './options.ts'

/** What opening needs of the hub. */
export interface OpeningInit {
  readonly settings: HubSettings
  readonly registry: Registry
  readonly flusher: Flusher
  readonly admission: Admission
  readonly closing: Closing
  readonly delivery: Delivery
  readonly timers: Timers
  /** @defaultValue no hook needs it */
  readonly onlineClients: OnlineClients | undefined
}

/** Opens a connection. @throws {HubError} `invalid-address`, `invalid-option`, `at-capacity`, `blocked`, `hub-closed` */
export type Connect = (options: ConnectOptions) => HubConnection

const KINDS: Kinds<ConnectOptions> = {
  client: KIND.any,
  topics: KIND.texts,
  lastEventId: KIND.text,
  expiresAt: KIND.number,
  info: KIND.object,
  context: KIND.any,
  signal: KIND.signal,
  stream: withMethods('an EventStream', 'write', 'onAbort', 'abort'),
}

/** Shared by all connections without topics. */
const NO_TOPICS: readonly string[] = Object.freeze([])

/** Creates the function that opens connections. */
export function createOpening(init: OpeningInit): Connect {
  const { settings, registry, flusher, admission, closing, delivery, timers, onlineClients } = init
  const { clock, random, lifetimeMs, maxQueuedBytes, hooks } = settings
  const shared: ConnectionHooks = {
    emptyQueue: flusher.empty,
    busy: flusher.busy,
    maxQueuedBytes,
    clock,
    keysOf,
    schedule: flusher.schedule,
    onDrained: delivery.resume,
    onEnded,
    onError: (error) => hooks.onError(error, 'stream'),
    dismiss: closing.dismiss,
  }
  /** Connections that `onConnect` has not been called for, and why they have ended already. */
  const opening = new Map<HubConnection, EndReason | undefined>()
  let connects = 0
  return connect

  function connect(options: ConnectOptions): HubConnection {
    checkOptions('connect', options, KINDS)
    if (!options.stream) throw new HubError('invalid-option', 'connect needs a stream.')
    const { client, topics = [], lastEventId, expiresAt, info, context, signal, stream } = options
    checkTopics(topics)
    admission.admit(client, info)
    connects += 1
    const endsAt = clock.monotonic() + lifetimeMs * (0.8 + 0.4 * random())
    const id = `c-${connects}`
    const unique = topics.length > 0 ? Object.freeze([...new Set(topics)]) : NO_TOPICS
    const init = { id, client, topics: unique, stream, endsAt, expiresAt, info, context }
    const connection = new HubConnection(init, shared)
    opening.set(connection, undefined)
    start(connection, lastEventId)
    announce(connection)
    if (signal) {
      const removeListener = onAborted(signal, () => connection.disconnect())
      void connection.ended.then(removeListener)
    }
    return connection
  }

  function start(connection: HubConnection, lastEventId: string | undefined): void {
    try {
      // Registered before the journal is read: events published meanwhile are held, not missed.
      registry.add(connection)
      timers.start()
      connection.listen()
      if (connection.open) delivery.open(connection, lastEventId)
    } catch (error) {
      // Otherwise the connection would stay registered and never end.
      hooks.onError(error, 'replay')
      connection.abort()
    }
  }

  /** Calls the hooks once the stream has opened: what they publish reaches it after its replay. */
  function announce(connection: HubConnection): void {
    const reason = opening.get(connection)
    opening.delete(connection)
    hooks.onConnect(connection)
    if (reason) hooks.onDisconnect(connection, reason)
    onlineClients?.update(connection.client)
  }

  function onEnded(connection: HubConnection): void {
    const reason = closing.finish(connection)
    if (registry.at(EVERYONE).size + closing.size === 0) timers.stop()
    if (opening.has(connection)) opening.set(connection, reason)
    else hooks.onDisconnect(connection, reason)
  }
}
