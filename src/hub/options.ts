/** The options of a hub, with their defaults and ranges. */
import { type Clock, systemClock } from '../core/clock.ts'
import type { ByeReason } from '../core/control-events.ts'
import { checkRange, HubError } from '../core/errors.ts'
import type { Journal } from '../journal/journal.ts'
import { createMemoryJournal } from '../journal/memory/journal.ts'
import type { Connection, ConnectionInfo } from './connection.ts'

/** The options of a hub. */
export interface HubOptions {
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
  /** Is notified of what happens in the hub, for logs. @defaultValue none */
  readonly observer?: HubObserver | undefined
  /** The clock and its timers. @defaultValue the system clock */
  readonly clock?: Clock | undefined
  /** Returns a random number from 0 (inclusive) to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
}

/** What happens when a client at its maximum number of connections opens another. */
export type ClientOverflow = 'refuse' | 'oldest'

/** Why a stream ended: the hub sent `hub:bye`, or the client left. */
export type EndReason = ByeReason | 'left'

/** Is notified of what happens in a hub. An error that it throws does not reach the hub: it becomes an uncaught error of the process. */
export interface HubObserver {
  /** Called when a stream has ended. */
  ended?(connection: Connection, reason: EndReason): void
  /** Called when a stream was refused. */
  refused?(client: string, reason: RejectionReason, info: ConnectionInfo): void
  /** Called when background work has failed. */
  failed?(error: unknown, stage: 'replay' | 'time'): void
}

/** Why the hub refuses a stream; `blocked` until the block ends. */
export type RefusalReason = 'shutdown' | 'at-capacity' | 'blocked'

/** Why a stream is refused: by the hub, or by the rate limit of the HTTP layer. */
export type RejectionReason = RefusalReason | 'rate-limited'

/** The options with all defaults filled in. */
export type HubSettings = { readonly [K in keyof HubOptions]-?: NonNullable<HubOptions[K]> }

/** Room in a queue beyond the data of one event: for its name and id, and for `hub:ready` with its topics. */
export const QUEUE_SLACK_BYTES = 65_536

/** The maximum delay of a timer. https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html */
const MAX_TIMER_MS = 2_147_483_647

/** `hub:bye` multiplies `retryMs` by up to three, which must still fit into the timers of browsers. */
const MAX_RETRY_MS = 3_600_000

/**
 * Fills in the defaults.
 * @throws {HubError} `invalid-option`
 */
export function resolveHubOptions(options: HubOptions): HubSettings {
  const clock = options.clock ?? systemClock
  const settings: HubSettings = {
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
    observer: isolated(options.observer ?? {}),
    clock,
    random: options.random ?? Math.random,
  }
  const unknown = Object.keys(options).find((name) => !(name in settings))
  if (unknown !== undefined) throw new HubError('invalid-option', `There is no option ${unknown}.`)
  checkRange('heartbeatMs', settings.heartbeatMs, 1, MAX_TIMER_MS)
  checkRange('retryMs', settings.retryMs, 0, MAX_RETRY_MS)
  checkRange('clockMs', settings.clockMs, 0, MAX_TIMER_MS)
  checkRange('lifetimeMs', settings.lifetimeMs, 1)
  checkRange('maxConnections', settings.maxConnections, 0)
  checkRange('maxConnectionsPerClient', settings.maxConnectionsPerClient, 0)
  checkRange('maxEventBytes', settings.maxEventBytes, 1)
  checkRange('maxQueuedBytes', settings.maxQueuedBytes, settings.maxEventBytes + QUEUE_SLACK_BYTES)
  return settings
}

/** Wraps an observer so that its errors can't interrupt the hub: they become uncaught errors of the process. */
function isolated(observer: HubObserver): HubObserver {
  return {
    ended: (connection, reason) => notify(() => observer.ended?.(connection, reason)),
    refused: (client, reason, info) => notify(() => observer.refused?.(client, reason, info)),
    failed: (error, stage) => notify(() => observer.failed?.(error, stage)),
  }
}

function notify(call: () => void): void {
  try {
    call()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
