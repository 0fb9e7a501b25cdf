/** Where events live: the contract of a journal, from which a returning client catches up. */
import type { HubEvent } from './event.ts'
import type { GapReason } from './frames.ts'

/** A value now, or later. A journal in memory answers at once; one across a network can't. */
export type Awaitable<T> = T | Promise<T>

/** An event on its way to whoever listens. */
export interface Delivery {
  /** The key of its address. */
  readonly key: string
  readonly frame: Uint8Array
  /** Its place in the journal; ephemeral events have none. */
  readonly entry?: Entry | undefined
}

/** A place in the journal: what clients keep as their cursor. */
export interface Place {
  /** `<epoch>-<sequence>`, as clients see it. */
  readonly id: string
  /** Grows with each event of one epoch, whatever its address. */
  readonly sequence: number
}

/** A journalled event. */
export interface Entry extends Place {
  readonly frame: Uint8Array
}

/** A part of what was missed, oldest first. */
export interface Page {
  readonly entries: readonly Entry[]
  /** Where to read on. */
  readonly end: Place
  /** Whether nothing is left behind `end`. */
  readonly done: boolean
  /** Set when something was missed for good: the cursor's epoch is unknown, or entries were evicted. */
  readonly gap?: GapReason | undefined
}

/** A bounded store of recent events. */
export interface Journal {
  /** Stores an event and delivers it. Deliveries MUST come in the order of their sequence. */
  append(key: string, event: HubEvent): Awaitable<Entry>
  /** Delivers an event without storing it. */
  relay(key: string, event: HubEvent): Awaitable<void>
  /**
   * What the addresses with these keys missed since `cursor` (`earliest`: all that is kept),
   * one entry at least and about `maxBytes` at the most. MUST tell every gap, and MUST NOT tell
   * one for events of other addresses where it can know.
   */
  read(keys: readonly string[], cursor: string, maxBytes: number): Awaitable<Page>
  /** The newest event that was delivered here. */
  head(): Place
  /**
   * True for the first who asks with this name, false for all others within `ttlMs` milliseconds,
   * also when they ask at the same time, and wherever they ask of the hubs that share the journal.
   * @throws {HubError} `at-capacity` when too many names are remembered
   */
  useOnce(name: string, ttlMs: number): Awaitable<boolean>
  /** Names the one receiver of deliveries. Called once, before all else. */
  open(deliver: (delivery: Delivery) => void): void
  /** Frees what the journal holds. Safe to call twice. */
  close(): Awaitable<void>
}
