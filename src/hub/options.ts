/** The hub's options, their defaults and their bounds. */
import { type Clock, systemClock } from '../core/clock.ts'
import type { ByeReason } from '../core/control-events.ts'
import { checkRange } from '../core/errors.ts'
import type { Journal } from '../journal/journal.ts'
import { createMemoryJournal } from '../journal/memory/journal.ts'
import type { Connection, ConnectionInfo } from './connection.ts'

/** How a hub may be set up. */
export interface HubOptions {
  /** Where events live. It is closed with the hub. @defaultValue in memory, with its own defaults */
  readonly journal?: Journal | undefined
  /** Milliseconds of quiet after which a stream gets `hub:beat`. @defaultValue `15_000` */
  readonly heartbeatMs?: number | undefined
  /** Milliseconds that clients wait before they reconnect. @defaultValue `2_000` */
  readonly retryMs?: number | undefined
  /** Connections in all. @defaultValue `50_000` */
  readonly maxConnections?: number | undefined
  /** Connections of one client. @defaultValue `100` */
  readonly maxConnectionsPerClient?: number | undefined
  /** Bytes queued for one connection, at least 64 KiB over `maxEventBytes`. @defaultValue `1_048_576` (1 MiB) */
  readonly maxQueuedBytes?: number | undefined
  /** Bytes of one event's data. @defaultValue `262_144` (256 KiB) */
  readonly maxEventBytes?: number | undefined
  /** Milliseconds that a connection lives, give or take a random fifth. @defaultValue `3_600_000` (1 hour) */
  readonly lifetimeMs?: number | undefined
  /** Milliseconds between two `time` events to everyone, the demo clock; 0 for none. @defaultValue `0` */
  readonly clockMs?: number | undefined
  /** Who hears what happens, for logs. @defaultValue nobody */
  readonly observer?: HubObserver | undefined
  /** Time. @defaultValue the machine's */
  readonly clock?: Clock | undefined
  /** A number from 0 up to 1, for what is spread at random. @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
}

/** Why a stream is over: the hub said goodbye, or the client left. */
export type EndReason = ByeReason | 'left'

/** Hears what happens in a hub. What it throws is thrown again behind the hub's own work, uncaught. */
export interface HubObserver {
  /** A stream is over. */
  ended?(connection: Connection, reason: EndReason): void
  /** A stream was refused. */
  refused?(client: string, reason: RejectionReason, trace: ConnectionInfo): void
  /** Work that nobody waits for has failed. */
  failed?(error: unknown, stage: 'replay' | 'time'): void
}

/** Why a stream can't be opened now; `blocked` until its block ends. */
export type RefusalReason = 'shutdown' | 'at-capacity' | 'blocked'

/** The same, or because its host opens no more of them for now. */
export type RejectionReason = RefusalReason | 'rate-limited'

/** Options with nothing left open. */
export type HubSettings = { readonly [K in keyof HubOptions]-?: NonNullable<HubOptions[K]> }

/** What a queue has room for beside one event: its name and id, `hub:ready` and its topics. */
export const QUEUE_SLACK_BYTES = 65_536

/** The longest delay of a timer. https://html.spec.whatwg.org/multipage/timers-and-user-prompts.html */
const MAX_TIMER_MS = 2_147_483_647

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
    maxQueuedBytes: options.maxQueuedBytes ?? 1_048_576,
    maxEventBytes: options.maxEventBytes ?? 262_144,
    lifetimeMs: options.lifetimeMs ?? 3_600_000,
    clockMs: options.clockMs ?? 0,
    observer: isolated(options.observer ?? {}),
    clock,
    random: options.random ?? Math.random,
  }
  checkRange('heartbeatMs', settings.heartbeatMs, 1, MAX_TIMER_MS)
  checkRange('retryMs', settings.retryMs, 0, MAX_TIMER_MS)
  checkRange('clockMs', settings.clockMs, 0, MAX_TIMER_MS)
  checkRange('lifetimeMs', settings.lifetimeMs, 1)
  checkRange('maxConnections', settings.maxConnections, 0)
  checkRange('maxConnectionsPerClient', settings.maxConnectionsPerClient, 0)
  checkRange('maxEventBytes', settings.maxEventBytes, 1)
  checkRange('maxQueuedBytes', settings.maxQueuedBytes, settings.maxEventBytes + QUEUE_SLACK_BYTES)
  return settings
}

/** An observer that can't stop the hub in mid-work: its error is the host's to hear of. */
function isolated(observer: HubObserver): HubObserver {
  return {
    ended: (connection, reason) => notify(() => observer.ended?.(connection, reason)),
    refused: (client, reason, trace) => notify(() => observer.refused?.(client, reason, trace)),
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
