/** The contract of a backplane: how several hubs share a journal, or how one hub survives a restart. */
import type { AddressKeys } from '../core/address.ts'
import type { Clock } from '../core/clock.ts'
import type { HubEvent } from '../core/event.ts'

/** The result of relaying an event without storing it. */
export interface RelayResult {
  /** How many hubs had a listener; at several keys, at least. Absent where only one hub uses the journal. */
  readonly instances?: number | undefined
  /** How many connections of all hubs listen to the addresses; to several, at most. Absent if the journal does not count them. */
  readonly connections?: number | undefined
}

/** The responses to a control request. */
export interface ControlResponses {
  /** One response from each hub that responded in time. A hub that does not know the request sends none. */
  readonly responses: readonly unknown[]
  /** How many hubs were asked: all that may be alive. */
  readonly asked: number
}

/** The clients of one hub, and what it does when one comes online or goes offline. */
export interface OnlineClientsInit {
  readonly clock: Clock
  /** Milliseconds that a client may be without a connection before it is offline. */
  readonly graceMs: number
  /** Returns whether the client has a connection to this hub. */
  isConnected(client: string): boolean
  /** Iterates over the clients that have one. */
  clients(): Iterable<string>
  /** Counts the clients that have one. */
  count(): { readonly clients: number }
  /**
   * They MAY return a promise. A journal that survives a restart MAY call a hook again whose promise had not settled.
   * @param at - when that was, in milliseconds since 1970: by one clock for all hubs, so that later reports have later times
   */
  readonly hooks: {
    onClientOnline(client: string, at: number): unknown
    onClientOffline(client: string, at: number): unknown
    onError(error: unknown, stage: 'journal'): void
  }
}

/** Calls the hooks of one hub when clients come online and go offline. */
export interface OnlineClients {
  /** Must be called after the first connection of a client to this hub has opened, and after its last one was removed. */
  update(client: string): void
  /** Must be called when the hub has closed. Calls the hook for all clients that are online if no other hub is left. */
  close(): void | Promise<void>
  /**
   * Returns how many clients are connected to any of the hubs, each of them once; undefined if that isn't known now,
   * or if a hub may be alive that does not follow its clients. @defaultValue the responses of all hubs are added up
   */
  count?(): Promise<number | undefined>
}

/** Which clients are connected to any of the hubs that share a journal, or to the one whose journal survives a restart. */
export interface SharedPresence {
  /**
   * Starts to report the clients of all hubs that call this function. Exactly one of them calls the hook when
   * a client has opened its first connection to any of them, and when it has been without one for `graceMs`
   * milliseconds. If a hub dies, another one does the same for its clients, within 30 s; one that is alone does so
   * itself, within 30 s after its restart.
   */
  follow(init: OnlineClientsInit): OnlineClients
}

/** What a journal offers in addition to its log. Members that a hub can do without are optional. */
export interface Backplane {
  /** The id of this hub among those that share the journal. @defaultValue none: a single hub uses it */
  readonly instance?: string
  /** How many hubs may be alive, as far as this one knows. @defaultValue 1 */
  readonly instances?: number
  /**
   * Delivers an event to all hubs without storing it: once, if it is for several addresses, as `append` does.
   * @defaultValue the hub delivers it to its own connections
   * @throws {HubError} `journal-unavailable`
   */
  relay?(keys: AddressKeys, event: HubEvent): RelayResult | Promise<RelayResult>
  /** Called when the first connection of this hub listens to this key. @defaultValue all keys are delivered */
  subscribe?(key: string): void
  /** Called when the last connection of this hub that listened to this key has ended. */
  unsubscribe?(key: string): void
  /**
   * Called when another number of connections of this hub listens to this key, before `unsubscribe` and after
   * `subscribe`. @defaultValue publishing returns the connections of the hub that it was called on
   */
  count?(key: string, connections: number): void
  /**
   * Sends a control request to all hubs that share the journal, this one included, and resolves with
   * the responses that arrived in time. A request with `keepMs` is stored for that many milliseconds
   * and also sent to hubs that connect during this time.
   * @param until - `answered` if the request need not be stored once every hub that connected within
   * the last `keepMs` has responded
   * @throws {HubError} `journal-unavailable`
   */
  request(request: unknown, keepMs: number, until?: 'answered'): Promise<ControlResponses>
  /**
   * Returns true for the first call with this name, and false for every other call within `ttlMs`
   * milliseconds on any hub that shares the journal, including concurrent calls.
   * @throws {HubError} `at-capacity` if too many names are stored; `journal-unavailable`
   */
  useOnce(name: string, ttlMs: number): boolean | Promise<boolean>
  /** Used by hubs with a hook that needs it. @defaultValue a client is online while it is connected to this hub */
  readonly presence?: SharedPresence
}
