/** The contract of a backplane: how several hubs share a journal, or how one hub survives a restart. */
import type { HubEvent } from '../core/event.ts'

/** The result of relaying an event without storing it. */
export interface RelayResult {
  /** How many hubs had a listener. Absent where only one hub uses the journal. */
  readonly instances?: number | undefined
}

/** The responses to a control request. */
export interface ControlResponses {
  /** One response from each hub that responded in time. A hub that does not know the request sends none. */
  readonly responses: readonly unknown[]
  /** How many hubs were asked: all that may be alive. */
  readonly asked: number
}

/** What a journal offers in addition to its log. Members that a hub can do without are optional. */
export interface Backplane {
  /** The id of this hub among those that share the journal. @defaultValue none: a single hub uses it */
  readonly instance?: string
  /**
   * Delivers an event to all hubs without storing it.
   * @defaultValue the hub delivers it to its own connections
   * @throws {HubError} `journal-unavailable`
   */
  relay?(key: string, event: HubEvent): RelayResult | Promise<RelayResult>
  /** Called when the first connection of this hub listens to this key. @defaultValue all keys are delivered */
  subscribe?(key: string): void
  /** Called when the last connection of this hub that listened to this key has ended. */
  unsubscribe?(key: string): void
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
}
