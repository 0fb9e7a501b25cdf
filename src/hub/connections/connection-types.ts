/** What an application sees of a connection, and what the hub needs to open one. */
import type { ByeReason } from '../../core/control-events.ts'
import type { EventStream } from '../../core/event-stream.ts'

/** How the request of a stream arrived, as far as the application reports it: for operators and logs, never for clients. */
export interface ConnectionInfo {
  /** The name of the opener, for example `native` or `portable`. */
  readonly opener?: string | undefined
  /** The address that the request came from. */
  readonly remoteAddress?: string | undefined
  readonly requestId?: string | undefined
}

/**
 * An open stream of a client.
 * @typeParam Context - your own data about it, which you passed as `context` when you opened it
 */
export interface Connection<Context = unknown> {
  /** The connection's id within its hub. */
  readonly id: string
  readonly client: string
  readonly topics: readonly string[]
  /** When it opened, in milliseconds since 1970. */
  readonly since: number
  /** The same by the hub's monotonic clock, from which its age is measured. */
  readonly openedAt: number
  readonly info: ConnectionInfo
  /** Undefined if none was passed. It never leaves this process. */
  readonly context: Context | undefined
  /** Events written to its transport, including control events. */
  readonly sentEvents: number
  readonly sentBytes: number
  /** Resolves when the stream has ended. */
  readonly ended: Promise<void>
  /**
   * Ends the stream with `hub:bye`, unless it is ending already. The client may reconnect.
   * @param reason - what `hub:bye` says. @defaultValue `disconnected`
   * @throws {HubError} `invalid-option` for an unknown reason
   */
  disconnect(reason?: ByeReason): void
}

/** The client of a connection, and its limits. */
export interface ConnectionInit {
  readonly id: string
  readonly client: string
  readonly topics: readonly string[]
  readonly stream: EventStream
  /** When its lifetime ends, by the monotonic clock. */
  readonly endsAt: number
  /** When the permission to listen expires, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
  readonly info?: ConnectionInfo | undefined
  /** @defaultValue none */
  readonly context?: unknown
}
