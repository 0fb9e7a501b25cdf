/** Internals: what the hub offers to the HTTP layer of this library alone. */
import type { ByeReason } from '../core/control-events.ts'
import type { ConnectionInfo } from './connection.ts'
import type { RefusalReason, RejectionReason } from './options.ts'

/** What the HTTP layer needs of a hub, and an application does not. */
export interface HubInternals {
  /**
   * Why the client can't have a stream now, or undefined if it can. The observer is notified of a refusal.
   * @throws {HubError} `invalid-address`
   */
  refusal(client: string, info?: ConnectionInfo): RefusalReason | undefined
  /** Counts a stream that the HTTP layer refused, and notifies the observer. */
  reject(client: string, reason: RejectionReason, info?: ConnectionInfo): void
  /** Whether a client is blocked now. */
  isBlocked(client: string): boolean
  /** True for the first call with this name within `ttlMs` milliseconds, on any hub that shares the journal. */
  useOnce(name: string, ttlMs: number): Promise<boolean>
  /** The frame that says goodbye to a stream that can't be opened. It counts as sent. */
  byeFrame(reason: ByeReason): Uint8Array
}

const internals = new WeakMap<object, HubInternals>()

/** Attaches its internals to a hub. */
export function attachInternals<Hub extends object>(hub: Hub, own: HubInternals): Hub {
  internals.set(hub, own)
  return hub
}

/** The internals of a hub. @throws {TypeError} when `createHub` of this package did not make it */
export function internalsOf(hub: object): HubInternals {
  const own = internals.get(hub)
  if (own) return own
  throw new TypeError('This hub was not made by createHub of this copy of hono-sse.')
}
