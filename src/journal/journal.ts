/** The contract of a journal: a bounded log of recent events, from which a reconnecting client catches up. */
import type { AddressKeys } from '../core/address.ts'
import type { GapReason } from '../core/control-events.ts'
import type { Position } from '../core/cursor.ts'
import type { HubEvent } from '../core/event.ts'
import type { Backplane } from './backplane.ts'
import type { Once } from './once.ts'

/** A value, or a promise of it. A journal in memory returns at once; one across a network can't. */
export type Awaitable<T> = T | Promise<T>

/** An event on its way to the connections that listen to its addresses. */
export interface DeliveredEvent {
  /** The keys of its addresses; those without a listener on this hub may be left out. */
  readonly keys: AddressKeys
  readonly frame: Uint8Array
  /** Its position in the journal. Ephemeral events have none. */
  readonly entry?: JournalEntry | undefined
  /** Of an ephemeral event: the sequence of the newest event stored before it, at any address. @defaultValue that of `head()` */
  readonly after?: number | undefined
}

/** A stored event. */
export interface JournalEntry extends Position {
  readonly frame: Uint8Array
}

/** Where an event was stored. */
export interface AppendResult extends Position {
  /** How many hubs had a listener; at several keys, at least. Absent where only one hub uses the journal. */
  readonly instances?: number | undefined
  /** How many connections of all hubs listen to the addresses; to several, at most. Absent if the journal does not count them. */
  readonly connections?: number | undefined
  /** Whether an earlier call with the same name has stored the event. @defaultValue false */
  readonly repeated?: boolean | undefined
}

/** Retained events at some addresses, oldest first. */
export interface RetainedBatch {
  readonly entries: readonly JournalEntry[]
  /** Whether nothing is left after them. */
  readonly done: boolean
}

/** One batch of what a client missed, oldest first. */
export interface ReplayBatch {
  readonly entries: readonly JournalEntry[]
  /** Where the next batch starts. */
  readonly end: Position
  /** Whether nothing is left after `end`. */
  readonly done: boolean
  /** Set when events are lost: the cursor's epoch is unknown, or entries were evicted. */
  readonly gap?: GapReason | undefined
  /**
   * Of a read without a cursor: up to this sequence, events may be missing at its keys, so that a read from before it
   * would report a gap. @defaultValue 0
   */
  readonly completeAfter?: number | undefined
  /** Of a read without a cursor: the first retained events at its keys. Absent if there are none. */
  readonly retained?: RetainedBatch | undefined
}

/** The hub, as its journal calls it. */
export interface JournalHandler {
  /** Delivers an event to this hub's connections. */
  deliver(event: DeliveredEvent): void
  /**
   * Events after `head()` may have been stored without being delivered, at the keys that `affects`
   * accepts: connections that listen there continue from their position. A journal MUST call it
   * before `head()` moves and before it delivers anything newer.
   */
  missed(affects: (key: string) => boolean): void
  /** Returns the response to a control request. @param remainingMs - how long the request is still stored; 0 if it is not */
  respond(request: unknown, remainingMs: number): unknown
}

/** The size of a journal. */
export interface JournalStats {
  /** An event at several addresses may count at each of them, also among those evicted. */
  readonly events: number
  /** Bytes of all events, including the cost of storing them. */
  readonly bytes: number
  /** The bound of `bytes`. Absent if there is none. */
  readonly maxBytes?: number | undefined
  /** Events evicted since this process started, by any hub and whatever the bound. Absent if they are not counted. */
  readonly evicted?: number | undefined
  /** The retained events, which the other figures do not count. Absent if the journal retains none. */
  readonly retained?: Pick<JournalStats, 'events' | 'bytes' | 'maxBytes' | 'evicted'> | undefined
  /** How often the connection to the journal was restored. Absent for a journal without one. */
  readonly reconnects?: number | undefined
  /** Messages from other instances or programs that the journal could not use. Absent if it receives none. */
  readonly ignored?: number | undefined
}

/** A bounded log of recent events. `createMemoryJournal` is the smallest one. */
export interface Journal {
  /** Whether events can be stored and read now. @defaultValue `true` */
  readonly ready?: boolean
  /** The size of the journal now, or at the last measurement. @defaultValue unknown */
  readonly stats?: JournalStats
  /** What several hubs need to share this journal. @defaultValue none: a single hub uses it */
  readonly backplane?: Backplane
  /**
   * Whether `append` can store an event once. @defaultValue `false`: the hub refuses idempotency keys
   */
  readonly appendsOnce?: boolean
  /**
   * Stores an event and delivers it. Deliveries MUST come in the order of their sequence. An event for
   * several addresses has one sequence, MUST be found at each of them, and MUST be delivered once. The keys of a topic
   * with levels come with those of the patterns that cover it: such an event may also be delivered once for each of these
   * keys, one after another, because no connection listens to two of them. An event with `replace` supersedes all
   * earlier ones with its `key` at each of its addresses: from then on, reads MUST NOT return them there, and MUST NOT
   * report them as lost. At the key of a pattern, it supersedes those of the same topic only, and an event for several
   * addresses MUST stay until each of its topics has a newer one, and MAY stay longer. One with `retain` is only evicted
   * because of a bound of its own; at the key of a pattern, there is one for each topic and `key`, also if it was published
   * before the pattern was followed.
   * @param once - if a call with this name was made within its `ttlMs` milliseconds, by any hub that shares the
   * journal, then this one MUST store and deliver nothing and return the result of that call. Concurrent calls count.
   * The name MUST be stored in the same step as the event, survive a restart if the event does, and count against
   * a bound. Only passed if `appendsOnce` is true
   * @throws {HubError} `journal-unavailable` when the event was not stored, or may not have been;
   * `idempotency-conflict` for a name with another digest; `at-capacity` if too many names are stored; `event-too-large` for a
   * retained event whose copies exceed the bound of all of them
   */
  append(keys: AddressKeys, event: HubEvent, once?: Once): Awaitable<AppendResult>
  /**
   * Reads what the addresses with these keys missed since `cursor`, each entry once: at least one if there is
   * one, and about `maxBytes` at most. `earliest` reads everything that is stored; undefined reads only what
   * is retained, and returns where the journal ends. MUST report every gap, and MUST NOT report one
   * for events of other addresses if it can distinguish them. Events at these keys after the batch MUST be
   * delivered. If the journal can't be reached, the promise resolves once it can be again.
   * @param isNeeded - returns whether the batch is still needed. A journal that queues reads may call it
   * before each of them and return any batch if it returns false
   */
  read(
    keys: readonly string[],
    cursor: string | undefined,
    maxBytes: number,
    isNeeded?: () => boolean,
  ): Awaitable<ReplayBatch>
  /**
   * Reads the retained events at these keys with a sequence above `after`, each once, in batches as `read` does.
   * @param isNeeded - as that of `read`. Without it, a journal that can't be reached rejects the read instead of queueing it
   * @defaultValue the journal retains none, and the hub refuses events with `retain`
   * @throws {HubError} `journal-unavailable`
   */
  retained?(
    keys: readonly string[],
    after: number,
    maxBytes: number,
    isNeeded?: () => boolean,
  ): Awaitable<RetainedBatch>
  /**
   * The position of the newest event that was delivered to this hub; before the first, where the journal starts. It
   * MUST NOT include an event before that was delivered at all of its keys: a client may continue from here.
   */
  head(): Position
  /** Starts delivering to the hub. Called once, before anything else. */
  open(handler: JournalHandler): void
  /**
   * Frees what the journal holds. Safe to call twice. The hub has waited for calls of `append` before, but
   * not for long: those that are still pending SHOULD be rejected.
   */
  close(): Awaitable<void>
}
