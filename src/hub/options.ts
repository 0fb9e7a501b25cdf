/** The options of a hub, with their defaults and ranges. */
import { type Clock, MAX_TIMER_MS, systemClock } from '../core/clock.ts'
import type { AnyEvents, EventSchema } from '../core/declared-events.ts'
import { checkRange } from '../core/errors.ts'
import type { Compression } from '../core/event-stream.ts'
import { checkOptions, KIND, type Kinds, withMethods } from '../core/options/option-kinds.ts'
import { CLOCK, COUNT } from '../core/options/shared-kinds.ts'
import type { Journal } from '../journal/journal.ts'
import { createMemoryJournal } from '../journal/memory/journal.ts'
import { HOOK_KINDS, type HubHooks, type IsolatedHooks, isolateHooks } from './hooks/hooks.ts'

/**
 * The options of a hub. Those that start with `on` are its hooks.
 * @typeParam Events - the events that it declares, name → data
 * @typeParam Context - your own data about each connection
 */
export interface HubOptions<Events extends object = AnyEvents, Context = unknown>
  extends HubHooks<Context> {
  /** The journal that stores events. The hub closes it. @defaultValue a memory journal with default options */
  readonly journal?: Journal | undefined
  /** Milliseconds between two `hub:beat` events of a stream. @defaultValue `15_000` */
  readonly heartbeatMs?: number | undefined
  /** Milliseconds that clients wait before they reconnect, up to an hour, varied at random by up to a quarter. @defaultValue `2_000` */
  readonly retryMs?: number | undefined
  /** The maximum number of connections. @defaultValue `50_000` */
  readonly maxConnections?: number | undefined
  /** The maximum number of connections per client. @defaultValue `100` */
  readonly maxConnectionsPerClient?: number | undefined
  /**
   * What happens when a client at its maximum opens another connection: `refuse` refuses the new one,
   * `oldest` ends its oldest with `hub:bye` `at-capacity`. @defaultValue `refuse`
   */
  readonly clientOverflow?: ClientOverflow | undefined
  /** The maximum number of bytes queued for one connection, at least 64 KiB more than `maxEventBytes`. @defaultValue `1_048_576` (1 MiB) */
  readonly maxQueuedBytes?: number | undefined
  /** The maximum number of bytes of data in one event. @defaultValue `262_144` (256 KiB) */
  readonly maxEventBytes?: number | undefined
  /** The lifetime of a connection in milliseconds, varied at random by up to a fifth. @defaultValue `3_600_000` (1 hour) */
  readonly lifetimeMs?: number | undefined
  /** Milliseconds between two `time` events to everyone, the demo clock; 0 disables it. @defaultValue `0` */
  readonly clockMs?: number | undefined
  /**
   * The schemas of the events that may be published, by name; `message` is the event without a name.
   * Other names are refused. @defaultValue none: any event with any data
   */
  readonly events?:
    | { readonly [Name in keyof Events]: EventSchema<unknown, Events[Name]> }
    | undefined
  /** Milliseconds for which idempotency keys are stored, up to a day; 0 refuses them. @defaultValue `600_000` (10 minutes) */
  readonly idempotencyMs?: number | undefined
  /** Milliseconds that a client may be without a connection before it is offline, for the hooks; in Redis, up to a second more. @defaultValue `5_000` */
  readonly offlineGraceMs?: number | undefined
  /** Compresses streams for clients that accept it: `createCompression()` of `hono-sse/compression`. @defaultValue none */
  readonly compression?: Compression | undefined
  /** The clock and its timers. @defaultValue the system clock */
  readonly clock?: Clock | undefined
  /** Returns a random number from 0 (inclusive) to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
}

/** What happens when a client at its maximum number of connections opens another. */
export type ClientOverflow = 'refuse' | 'oldest'

/** The options that may remain undefined. */
type Optional = 'events' | 'compression'

/** The options with all defaults filled in. */
export type HubSettings = {
  readonly [K in Exclude<keyof HubOptions, Optional | keyof HubHooks>]-?: NonNullable<HubOptions[K]>
} & {
  readonly compression: Compression | undefined
  readonly hooks: IsolatedHooks
  /** Whether a hook needs to know which clients are online. */
  readonly followsClients: boolean
}

/** Room in a queue beyond the data of one event: for its name and id, and for `hub:ready` with its topics. */
export const QUEUE_SLACK_BYTES = 65_536

/** `hub:bye` multiplies `retryMs` by up to three, which must still fit into the timers of browsers. */
const MAX_RETRY_MS = 3_600_000

/** A day: how long a publisher may go on to repeat. */
const MAX_IDEMPOTENCY_MS = 86_400_000

const OVERFLOWS: readonly unknown[] = ['refuse', 'oldest'] satisfies ClientOverflow[]

const KINDS: Kinds<HubOptions> = {
  ...HOOK_KINDS,
  journal: withMethods('a journal', 'append', 'read', 'head', 'open', 'close'),
  heartbeatMs: KIND.number,
  retryMs: KIND.number,
  maxConnections: COUNT,
  maxConnectionsPerClient: COUNT,
  clientOverflow: {
    rule: `must be ${OVERFLOWS.join(' or ')}`,
    accepts: (value) => OVERFLOWS.includes(value),
  },
  maxQueuedBytes: KIND.number,
  maxEventBytes: KIND.number,
  lifetimeMs: KIND.number,
  clockMs: KIND.number,
  events: KIND.object,
  idempotencyMs: KIND.number,
  offlineGraceMs: KIND.number,
  compression: withMethods('a compression', 'offer', 'compress'),
  clock: CLOCK,
  random: KIND.function,
}

/**
 * Fills in the defaults.
 * @throws {HubError} `invalid-option`
 */
export function resolveHubOptions(options: HubOptions): HubSettings {
  checkOptions('createHub', options, KINDS)
  const clock = options.clock ?? systemClock
  const settings = {
    journal: options.journal ?? createMemoryJournal({ clock }),
    heartbeatMs: options.heartbeatMs ?? 15_000,
    retryMs: options.retryMs ?? 2_000,
    maxConnections: options.maxConnections ?? 50_000,
    maxConnectionsPerClient: options.maxConnectionsPerClient ?? 100,
    clientOverflow: options.clientOverflow ?? 'refuse',
    maxQueuedBytes: options.maxQueuedBytes ?? 1_048_576,
    maxEventBytes: options.maxEventBytes ?? 262_144,
    lifetimeMs: options.lifetimeMs ?? 3_600_000,
    clockMs: options.clockMs ?? 0,
    idempotencyMs: options.idempotencyMs ?? 600_000,
    offlineGraceMs: options.offlineGraceMs ?? 5_000,
    clock,
    random: options.random ?? Math.random,
  }
  checkRange('heartbeatMs', settings.heartbeatMs, 1, MAX_TIMER_MS)
  checkRange('retryMs', settings.retryMs, 0, MAX_RETRY_MS)
  checkRange('clockMs', settings.clockMs, 0, MAX_TIMER_MS)
  checkRange('lifetimeMs', settings.lifetimeMs, 1)
  checkRange('idempotencyMs', settings.idempotencyMs, 0, MAX_IDEMPOTENCY_MS)
  checkRange('offlineGraceMs', settings.offlineGraceMs, 0, MAX_TIMER_MS)
  checkRange('maxConnections', settings.maxConnections, 0)
  checkRange('maxConnectionsPerClient', settings.maxConnectionsPerClient, 0)
  checkRange('maxEventBytes', settings.maxEventBytes, 1)
  checkRange('maxQueuedBytes', settings.maxQueuedBytes, settings.maxEventBytes + QUEUE_SLACK_BYTES)
  const { onClientOnline, onClientOffline, compression } = options
  const followsClients = onClientOnline !== undefined || onClientOffline !== undefined
  return { ...settings, compression, hooks: isolateHooks(options), followsClients }
}
