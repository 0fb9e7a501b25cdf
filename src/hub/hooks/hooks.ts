/** Hooks: functions of the application that the hub calls, so that none of them can interrupt it. */
import type { ByeReason } from '../../core/control-events.ts'
import { KIND, type Kinds } from '../../core/options/option-kinds.ts'
import type { HubConnection } from '../connections/connection.ts'
import type { Connection, ConnectionInfo } from '../connections/connection-types.ts'
import { viewOf } from '../connections/connection-view.ts'
import { isolate, isolatedReport } from './isolate.ts'

/** Why a stream ended: the hub sent `hub:bye`, or the client left. */
export type EndReason = ByeReason | 'left'

/** Why the hub refuses a stream; `blocked` until the block ends. */
export type RefusalReason = 'shutdown' | 'at-capacity' | 'blocked'

/** Why a stream is refused: by the hub, or by the rate limit of the HTTP layer. */
export type RejectionReason = RefusalReason | 'rate-limited'

/**
 * What failed: `replay`, which ends that stream; the `stream` that was passed to `connect`, which ends, too; another
 * call of the `journal`, without which the hub continues; `publish`, for an event that was posted; or another `hook`.
 */
export type ErrorStage = 'replay' | 'stream' | 'journal' | 'publish' | 'hook'

/**
 * Functions that the hub calls; they may return promises, which it does not wait for. If one throws or
 * rejects, the hub continues and calls `onError`.
 * @typeParam Context - your own data about each connection, passed as `context` when it opens
 */
export interface HubHooks<Context = unknown> {
  /** Called when a stream has opened. What you publish here reaches it. @defaultValue none */
  readonly onConnect?: ((connection: Connection<Context>) => void) | undefined
  /** Called when a stream has ended, once for each call of `onConnect`. @defaultValue none */
  readonly onDisconnect?: ((connection: Connection<Context>, reason: EndReason) => void) | undefined
  /**
   * Called when the first connection of a client has opened, to this hub or to any that shares its journal:
   * in Redis, exactly one of them calls it. `at` is when that was, in milliseconds since 1970, by one clock for all of
   * them: it tells which of two reports about a client, by different hubs, is the later one. With a journal in SQLite, a
   * call is repeated after a restart if the promise that it has returned had not settled. @defaultValue none
   */
  readonly onClientOnline?: ((client: string, at: number) => void) | undefined
  /**
   * Called when a client has been without any connection for `offlineGraceMs`, and when the last hub has
   * closed: once for each call of `onClientOnline`, but perhaps by another hub. It is repeated in the same case. @defaultValue none
   */
  readonly onClientOffline?: ((client: string, at: number) => void) | undefined
  /** Called when a stream was refused. @defaultValue none */
  readonly onRefuse?:
    | ((client: string, reason: RejectionReason, info: ConnectionInfo) => void)
    | undefined
  /** Called when background work or a hook has failed. @defaultValue `console.error` */
  readonly onError?: ((error: unknown, stage: ErrorStage) => void) | undefined
}

/** The hooks as the hub calls them: all are present, and none throws. */
export interface IsolatedHooks {
  onConnect(connection: HubConnection): void
  onDisconnect(connection: HubConnection, reason: EndReason): void
  onClientOnline(client: string, at: number): Promise<unknown> | undefined
  onClientOffline(client: string, at: number): Promise<unknown> | undefined
  onRefuse(client: string, reason: RejectionReason, info: ConnectionInfo): void
  onError(error: unknown, stage: ErrorStage): void
}

/** The kinds of the hooks. */
export const HOOK_KINDS: Kinds<HubHooks> = {
  onConnect: KIND.function,
  onDisconnect: KIND.function,
  onClientOnline: KIND.function,
  onClientOffline: KIND.function,
  onRefuse: KIND.function,
  onError: KIND.function,
}

/**
 * Wraps hooks, which MUST have been checked, so that their errors can't interrupt the hub. An error of `onError`
 * itself goes to `console.error`.
 */
export function isolateHooks(hooks: HubHooks): IsolatedHooks {
  const onError = isolatedReport(hooks.onError)
  const report = (error: unknown) => onError(error, 'hook')
  return {
    onConnect: (connection) => isolate(() => hooks.onConnect?.(viewOf(connection)), report),
    onDisconnect: (connection, reason) =>
      isolate(() => hooks.onDisconnect?.(viewOf(connection), reason), report),
    onClientOnline: (client, at) => isolate(() => hooks.onClientOnline?.(client, at), report),
    onClientOffline: (client, at) => isolate(() => hooks.onClientOffline?.(client, at), report),
    onRefuse: (client, reason, info) =>
      isolate(() => hooks.onRefuse?.(client, reason, info), report),
    onError,
  }
}
