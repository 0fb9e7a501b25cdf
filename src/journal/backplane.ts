/** The contract of a backplane: how several hubs share a journal, or one hub outlives its memory. */
import type { HubEvent } from '../core/event.ts'

/** How far an event got that was not stored. */
export interface RelayResult {
  /** How many hubs had a listener. Absent where only one hub uses the journal. */
  readonly instances?: number | undefined
}

/** What a journal offers besides its log. Every member a hub may do without is optional. */
export interface Backplane {
  /** Names this hub among those that share the journal. @defaultValue none: a single hub uses it */
  readonly instance?: string
  /**
   * Delivers an event to all hubs without storing it.
   * @defaultValue the hub delivers it to its own connections
   * @throws {HubError} `journal-unavailable`
   */
  relay?(key: string, event: HubEvent): RelayResult | Promise<RelayResult>
  /** The first connection of this hub listens at this key. @defaultValue all keys are delivered */
  subscribe?(key: string): void
  /** The last connection of this hub that listened at this key is gone. */
  unsubscribe?(key: string): void
  /**
   * Sends a control request to all hubs that share the journal, this one included, and resolves with
   * the responses that came in time. A request with `keepMs` is kept for so many milliseconds and
   * sent to hubs that start later, too.
   * @throws {HubError} `journal-unavailable`
   */
  request(request: unknown, keepMs: number): Promise<readonly unknown[]>
  /**
   * True for the first call with this name, false for every other one within `ttlMs` milliseconds,
   * also for calls at the same time, on any hub that shares the journal.
   * @throws {HubError} `at-capacity` when too many names are remembered; `journal-unavailable`
   */
  useOnce(name: string, ttlMs: number): boolean | Promise<boolean>
}
