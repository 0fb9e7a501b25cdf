/** What a hub offers: the interface of a hub, and the options of a connection. */
import type { Address, Addresses } from '../core/address.ts'
import type { AnyEvents, EventNamed, EventOf } from '../core/declared-events.ts'
import type { EventStream } from '../core/event-stream.ts'
import type { Coverage, DisconnectResult, StopResult } from './cluster.ts'
import type { Connection, ConnectionInfo } from './connections/connection-types.ts'
import type { PublishResult } from './delivery.ts'
import type { PublishOptions } from './idempotency/once-of.ts'
import type { HubStats } from './metrics.ts'
import type { PipeOptions, PipeResult } from './piping/pipe.ts'
import type { PipeSource } from './piping/run-pipe.ts'
import type { ClientSummary, ConnectionSummary, Listing, TopicSummary } from './presence.ts'
import type { RetainedList, RetainedOptions } from './retained/list-retained.ts'
import type { EventItemOf } from './subscription/read-items.ts'
import type { EventsOptions } from './subscription/subscribe.ts'

/** The stream to open, and its client. */
export interface ConnectOptions<Context = unknown> {
  readonly client: string
  /** The topics to follow, or patterns: `orders/*` for all one level below `orders`, `orders/**` for all below it. @defaultValue none */
  readonly topics?: readonly string[] | undefined
  /** The client's cursor, or `earliest` for everything that is stored. @defaultValue none: new events only */
  readonly lastEventId?: string | undefined
  /** When the permission to listen expires, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
  /** How the request arrived, for operators. @defaultValue unknown */
  readonly info?: ConnectionInfo | undefined
  /** Your own data about the connection, for hooks and listings. It never leaves this process. @defaultValue none */
  readonly context?: NoInfer<Context> | undefined
  /** Ends the stream with `hub:bye` `disconnected` when it is aborted, for example at a log-out. @defaultValue none */
  readonly signal?: AbortSignal | undefined
  readonly stream: EventStream
}

/** Options of `close`. */
export interface CloseOptions {
  /** Ends all streams at once when it is aborted. @defaultValue none */
  readonly signal?: AbortSignal | undefined
}

/** Options of `topics`. */
export interface ListOptions {
  /** The maximum number of rows. @defaultValue 1,000 */
  readonly limit?: number | undefined
}

/**
 * A hub.
 * @typeParam Events - the events that it declares, name → data
 * @typeParam Context - your own data about each connection
 */
export interface Hub<Events extends object = AnyEvents, Context = unknown> {
  /** Only a type: the events that the hub declares. */
  readonly '~events'?: Events | undefined
  /** The maximum number of bytes of data in one event. */
  readonly maxEventBytes: number
  /** Whether the hub is closing or closed. */
  readonly closing: boolean
  /** Whether the hub can store events and open streams now. */
  readonly ready: boolean
  /**
   * The cursor of now: a client or loop that resumes from it receives what is published from now on. Read it
   * before the state that events change, so that nothing is missed in between.
   */
  readonly cursor: string
  /**
   * Opens a stream. The stream has ended when the connection's `ended` resolves.
   * @throws {HubError} `invalid-address`, `at-capacity`, `blocked`, `hub-closed`
   */
  connect(options: ConnectOptions<Context>): Connection<Context>
  /**
   * Stores an event, unless it is ephemeral, and queues it for all connections that listen to the address, also by a
   * pattern, or to any of up to 1,000: each receives it once, under one id. With schemas, publishes the data that the schema of
   * the event returns.
   * @throws {HubError} `invalid-address`, `invalid-event`, `event-too-large`, `hub-closed`; and
   * `journal-unavailable`, or whatever else the journal throws, when it can't store the event. With an idempotency
   * key also `idempotency-conflict`; `at-capacity` when 100,000 keys are stored; `not-supported`; `invalid-option`
   */
  publish(
    addresses: Addresses,
    event: EventOf<Events>,
    options?: PublishOptions,
  ): Promise<PublishResult>
  /** The same for a generic function that passes a name and its data on. */
  publish<Name extends keyof Events>(
    addresses: Addresses,
    event: EventNamed<Events, Name>,
    options?: PublishOptions,
  ): Promise<PublishResult>
  /** Publishes an event without waiting for it. A failure goes to `onError`. */
  post(addresses: Addresses, event: EventOf<Events>): void
  /** The same for a generic function that passes a name and its data on. */
  post<Name extends keyof Events>(addresses: Addresses, event: EventNamed<Events, Name>): void
  /**
   * Publishes the events of an event stream, such as the answer of a language model, each as it arrives: their
   * names and their data as text. It reads no faster than events are stored. Resolves when the stream has ended.
   * A hub that closes ends it once it has drained.
   * @throws {HubError} as `publish` does, for the first event that can't be published, `invalid-option`, and
   * `hub-closed` when the hub closes; or whatever the stream failed with
   */
  pipe(addresses: Addresses, source: PipeSource, options?: PipeOptions): Promise<PipeResult>
  /**
   * Ends what is piped to the client under the key now, on all hubs that share the journal, and cancels its stream.
   * @throws {HubError} `invalid-address`, `invalid-event` for an invalid key
   */
  stop(client: string, key: string): Promise<StopResult>
  /**
   * Iterates over the events to addresses or patterns, up to 52 of them, with the promises of a stream: in order,
   * each once, what was missed since `lastEventId` first, and a gap as an item. It starts with the
   * loop, and counts neither as a connection nor as a client. A loop that leaves, or whose signal is
   * aborted, leaves nothing behind; without a loop, call `return` of the iterator. It ends when the hub
   * has closed.
   * @throws {HubError} `invalid-address`, `invalid-option`; and in the loop `hub-closed`; or, with the
   * `lastEventId` to resume from, `slow-consumer` when more than `maxQueuedBytes` wait, and
   * `journal-unavailable`
   */
  events(addresses: Addresses, options?: EventsOptions): AsyncIterable<EventItemOf<Events>>
  /**
   * Ends all connections of a client with `hub:bye`, on all hubs that share the journal, and refuses
   * the client for `blockMs` milliseconds (default 0). Resolves with how many connections it ended,
   * and how many hubs have responded. The others do so once they reach the journal again.
   * @throws {HubError} `invalid-address`; `invalid-option`; `at-capacity` when 100,000 clients are blocked
   */
  disconnect(client: string, blockMs?: number): Promise<DisconnectResult>
  /**
   * Lists the clients connected to all hubs that share the journal, longest connected first: the
   * first `limit` of them (default 1,000), and the total.
   * @throws {HubError} `invalid-option`
   */
  clients(limit?: number): Promise<Listing<ClientSummary> & Coverage>
  /**
   * Lists the topics and patterns that connections to all hubs that share the journal follow, in alphabetical order: the
   * first `limit` of them, and the total. A connection does not count where it follows a pattern that covers the name.
   * @throws {HubError} `invalid-option`
   */
  topics(options?: ListOptions): Promise<Listing<TopicSummary> & Coverage>
  /**
   * Lists the connections that listen to an address, or that follow a pattern, on all hubs that share the journal: the first
   * `limit` of them (default 1,000), and the total. Those of this hub have their `context`.
   * @throws {HubError} `invalid-address`, `invalid-option`
   */
  connections(
    address: Address,
    limit?: number,
  ): Promise<Listing<ConnectionSummary<Context>> & Coverage>
  /**
   * Lists the retained events of an address, up to `limit` of them (default 1,000), and up to about 1 MB.
   * @throws {HubError} `invalid-address`, `invalid-option`, `journal-unavailable`, `hub-closed`
   */
  retained(address: Address, options?: RetainedOptions): Promise<RetainedList>
  /** Returns the statistics of this hub. Takes time proportional to the number of connections that have something queued. */
  stats(): HubStats
  /**
   * Refuses new streams and ends the open ones with `hub:bye`, spread over the first half of
   * `drainMs` milliseconds (default 0: at once). At the end of `drainMs`, or as soon as no stream is
   * left, it aborts the rest and closes the journal; even at once, a stream has a tenth of a second for its `hub:bye`. Publishing works until then, also in hooks: it
   * then ends the pipes, and waits up to 500 milliseconds for them, and as long again until the journal has stored that. Safe to call twice: the second call
   * waits for the first, and its signal counts, too.
   */
  close(drainMs?: number, options?: CloseOptions): Promise<void>
}
