/** Where events live: the contract of a journal, from which a returning client catches up. */

import type { GapReason } from '../core/control-events.ts'
import type { Position } from '../core/cursor.ts'
import type { HubEvent } from '../core/event.ts'

/** A value now, or later. A journal in memory answers at once; one across a network can't. */
export type Awaitable<T> = T | Promise<T>

/** An event on its way to whoever listens. */
export interface Delivery {
  /** The key of its address. */
  readonly key: string
  readonly frame: Uint8Array
  /** Its place in the journal; ephemeral events have none. */
  readonly entry?: JournalEntry | undefined
}

/** A journalled event. */
export interface JournalEntry extends Position {
  readonly frame: Uint8Array
}

/** How far an event got, where several hubs share the journal. */
export interface Reach {
  /** How many hubs had a listener. */
  readonly instances?: number | undefined
}

/** A part of what was missed, oldest first. */
export interface ReplayBatch {
  readonly entries: readonly JournalEntry[]
  /** Where to read on. */
  readonly end: Position
  /** Whether nothing is left behind `end`. */
  readonly done: boolean
  /** Set when something was missed for good: the cursor's epoch is unknown, or entries were evicted. */
  readonly gap?: GapReason | undefined
}

/** The hub, as its journal sees it. */
export interface JournalHandler {
  /**
   * Events behind `head()` may have been stored and not delivered at the keys that `affects` names:
   * whoever listens there reads on from where it stands. Called before `head()` moves, and before
   * anything newer is delivered.
   */
  missed(affects: (key: string) => boolean): void
  /** Answers a question that a hub put to all; `keptMs` milliseconds are left of one that is kept. */
  respond(question: unknown, keptMs: number): unknown
}

/** How much a journal holds, and how it stands with the place where it is kept. */
export interface JournalStats {
  readonly events: number
  /** With what keeping them costs. */
  readonly bytes: number
  /** How often it was reached again after it was lost; absent where it can't be. */
  readonly reconnects?: number | undefined
}

/** A bounded store of recent events. */
export interface Journal {
  /** Names this hub among those that share the journal. @defaultValue none: nobody shares it */
  readonly instance?: string | undefined
  /** Whether events can be stored and read now. @defaultValue `true` */
  readonly ready?: boolean
  /** What it holds now, or held a moment ago. @defaultValue nobody knows */
  readonly stats?: JournalStats
  /**
   * Stores an event and delivers it. Deliveries MUST come in the order of their sequence.
   * @throws {HubError} `journal-unavailable` when it can't be stored, or nobody knows whether it was
   */
  append(key: string, event: HubEvent): Awaitable<Position & Reach>
  /** Delivers an event without storing it. @throws {HubError} `journal-unavailable` */
  relay(key: string, event: HubEvent): Awaitable<Reach | undefined>
  /**
   * What the addresses with these keys missed since `cursor` (`earliest`: all that is kept;
   * undefined: nothing, the page only says where the journal ends), one entry at least and about
   * `maxBytes` at the most. MUST tell every gap, and MUST NOT tell one for events of other addresses
   * where it can know. What comes at these keys behind the page MUST be delivered. A journal that
   * can't be reached answers when it can again.
   */
  read(
    keys: readonly string[],
    cursor: string | undefined,
    maxBytes: number,
  ): Awaitable<ReplayBatch>
  /** The newest event that was delivered here. */
  head(): Position
  /**
   * True for the first who asks with this name, false for all others within `ttlMs` milliseconds,
   * also when they ask at the same time, and wherever they ask of the hubs that share the journal.
   * @throws {HubError} `at-capacity` when too many names are remembered; `journal-unavailable`
   */
  useOnce(name: string, ttlMs: number): Awaitable<boolean>
  /** From now on somebody listens at this key. @defaultValue all is delivered, whoever listens */
  subscribe?(key: string): void
  /** Nobody listens at this key any more. */
  unsubscribe?(key: string): void
  /**
   * Puts a question to all hubs that share the journal, this one included; what they answered in
   * time. With `keepMs` it is kept so long, and put to those who come later, too.
   * @defaultValue nobody shares it
   * @throws {HubError} `journal-unavailable`
   */
  request?(question: unknown, keepMs?: number): Promise<readonly unknown[]>
  /** Names the one receiver of deliveries. Called once, before all else. */
  open(deliver: (delivery: Delivery) => void, receiver?: JournalHandler): void
  /** Frees what the journal holds. Safe to call twice. */
  close(): Awaitable<void>
}
