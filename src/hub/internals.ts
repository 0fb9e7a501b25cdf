/** Internals: the part of a hub that only the HTTP layer of this library may use. */

import type { Clock } from '../core/clock.ts'
import type { ByeReason } from '../core/control-events.ts'
import type { EventSchemas } from '../core/declared-events.ts'
import type { Compression } from '../core/event-stream.ts'
import type { UseOnce } from '../journal/use-once.ts'
import type { HubConnection } from './connections/connection.ts'
import type { ConnectionInfo } from './connections/connection-types.ts'
import type { RefusalReason, RejectionReason } from './hooks/hooks.ts'
import type { ConnectOptions } from './hub-types.ts'
import type { Producers } from './piping/producers.ts'

/** What the HTTP layer needs of a hub and an application does not. */
export interface HubInternals {
  readonly clock: Clock
  /** The schemas of the events that the hub declares. */
  readonly events: EventSchemas | undefined
  /** @defaultValue streams are not compressed */
  readonly compression: Compression | undefined
  /** Opens a stream, as `Hub.connect` does, for a caller that needs nothing but its end. */
  connect(options: ConnectOptions): Pick<HubConnection, 'ended' | 'flush'>
  /**
   * Returns why the client's stream is refused now, or undefined if it may open. Counts a refusal and
   * calls the hook.
   * @throws {HubError} `invalid-address`
   */
  refusal(client: string, info?: ConnectionInfo): RefusalReason | undefined
  /** Counts a stream that the HTTP layer refused, and calls the hook. */
  reject(client: string, reason: RejectionReason, info?: ConnectionInfo): void
  /** Returns whether a client is blocked now. */
  isBlocked(client: string): boolean
  /**
   * Returns the epoch of the journal. Names that were used in an earlier one may be forgotten, whether
   * the journal was emptied, restarted, or replaced by a copy that lacks the latest of them.
   */
  epoch(): string
  /** Resolves with true for the first call with this name within `ttlMs` milliseconds on any hub that shares the journal. */
  readonly useOnce: UseOnce
  /** What publishes under a key now. */
  readonly producers: Producers
  /** Returns the frame of `hub:bye` for a stream that can't be opened. The frame counts as sent. */
  byeFrame(reason: ByeReason): Uint8Array
  /** @see Flusher.flushed */
  flushed(): Promise<void>
  /** Resolves when a refusal may be sent: about a second later, unless its client leaves. @see Holding.hold */
  hold(signal: AbortSignal): Promise<void>
  /** Whether its server is about to stop: load balancers should use others. Everything else continues. */
  readonly retiring: boolean
  /** Makes the hub retiring. */
  retire(): void
  /** Ends all streams with `hub:bye`: their clients reconnect. */
  endStreams(): void
}

/** The hubs that parts of apps were created for. */
const hubs = new WeakMap<object, object>()

/** Records which hub a part of an app, such as its access control, was created for. */
export function bindToHub<Part extends object>(part: Part, hub: object): Part {
  hubs.set(part, hub)
  return part
}

/** Returns whether a part was created for another hub. One that the host wrote belongs to none. */
export function isOfOtherHub(part: object, hub: object): boolean {
  return (hubs.get(part) ?? hub) !== hub
}

const internals = new WeakMap<object, HubInternals>()

/** Attaches internals to a hub. */
export function attachInternals<Hub extends object>(hub: Hub, own: HubInternals): Hub {
  internals.set(hub, own)
  return hub
}

/** Returns the internals of a hub. @throws {TypeError} if `createHub` of this package did not create it */
export function internalsOf(hub: object): HubInternals {
  const own = internals.get(hub)
  if (own) return own
  throw new TypeError(
    'This hub was not created by createHub of this copy of hono-sse: install only one copy.',
  )
}
