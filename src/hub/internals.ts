/** Internals: the part of a hub that only the HTTP layer of this library may use. */
import type { ByeReason } from '../core/control-events.ts'
import type { ConnectionInfo } from './connection.ts'
import type { RefusalReason, RejectionReason } from './options.ts'

/** What the HTTP layer needs of a hub and an application does not. */
export interface HubInternals {
  /**
   * Returns why the client's stream is refused now, or undefined if it may open. Counts a refusal and
   * notifies the observer.
   * @throws {HubError} `invalid-address`
   */
  refusal(client: string, info?: ConnectionInfo): RefusalReason | undefined
  /** Counts a stream that the HTTP layer refused, and notifies the observer. */
  reject(client: string, reason: RejectionReason, info?: ConnectionInfo): void
  /** Returns whether a client is blocked now. */
  isBlocked(client: string): boolean
  /**
   * Returns the epoch of the journal. Names that were used in an earlier one may be forgotten, whether
   * the journal was emptied, restarted, or replaced by a copy that lacks the latest of them.
   */
  epoch(): string
  /** Resolves with true for the first call with this name within `ttlMs` milliseconds on any hub that shares the journal. */
  useOnce(name: string, ttlMs: number): Promise<boolean>
  /** Returns the frame of `hub:bye` for a stream that can't be opened. The frame counts as sent. */
  byeFrame(reason: ByeReason): Uint8Array
  /** Ends all streams with `hub:bye`: their clients reconnect. */
  endStreams(): void
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
