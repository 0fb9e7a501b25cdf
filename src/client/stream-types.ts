/** The types of the client: what an app passes to `connect`, and what it receives. */

/** An event that a stream received. */
export interface ReceivedEvent {
  /** The event's id. Ephemeral events have none. */
  readonly id?: string | undefined
  /** The event's name; `message` if it was published without one. */
  readonly event: string
  readonly data: string
  /** The topic that it was published to; undefined for events to the client, to everyone or to several addresses. */
  readonly topic?: string | undefined
  /** The key that it was published with. */
  readonly key?: string | undefined
  /** Set if it is retained: new streams receive it until another one replaces it. */
  readonly retained?: boolean | undefined
}

/** Events that this client missed and that can't be replayed. Reload the state from your own server. */
export interface Gap {
  /** The journal has evicted events, or it started anew. */
  readonly reason: 'evicted' | 'epoch'
  /** The id of the first event that can still be replayed. More may be missing after it. */
  readonly earliest: string | null
}

/**
 * A step of a stream: to the cursor `id`, by an event or without one. Ephemeral events have no id, and
 * the cursor stays. With a gap, events before `id` were lost.
 */
export interface Step {
  readonly id?: string | undefined
  readonly event?: ReceivedEvent | undefined
  readonly gap?: Gap | undefined
}

/** How a stream started: without a cursor; without loss; after a loss, which `onGap` reported. */
export type ResumeKind = 'fresh' | 'complete' | 'gap'

/** The state of a stream. */
export type ClientStatus =
  | { readonly state: 'connecting' }
  | { readonly state: 'live'; readonly client: string; readonly resume: ResumeKind }
  /** It reconnects at `until`, in milliseconds since 1970. `reason` is for people. */
  | { readonly state: 'waiting'; readonly until: number; readonly reason: string }
  | EndedStatus

/** The state of a stream that does not reconnect. */
export interface EndedStatus {
  readonly state: 'ended'
  readonly reason: EndedReason
  /** What the server answered, for people. */
  readonly detail?: string | undefined
}

/**
 * Why a stream has ended for good: `close` was called; the hub blocks the client; the hub accepts no
 * credential that the app provides; the hub refused the request.
 */
export type EndedReason = 'closed' | 'blocked' | 'unauthorized' | 'refused'

/** The client and the topics that a ticket is requested for. */
export interface TicketRequest {
  readonly client: string | undefined
  readonly topics: readonly string[]
}

/** Where a stream comes from, and with which credentials. */
export interface RequestOptions {
  /** The URL of the stream, absolute or relative to the page: `/sse`. */
  readonly url: string | URL
  /** The client id. @defaultValue the one that the ticket or the login names, or else a random one */
  readonly client?: string | undefined
  /** The topics to follow, or patterns, such as `orders/*`; up to 50. @defaultValue none */
  readonly topics?: readonly string[] | undefined
  /**
   * Gets a ticket from your own server. It is called for the first stream, and again when the hub no
   * longer accepts the last one. A rejection is retried; `undefined` or null ends the stream as `unauthorized`.
   * @defaultValue none
   */
  readonly ticket?: ((request: TicketRequest) => Promise<string | null | undefined>) | undefined
  /** Headers of each request, for example `Authorization`. Called anew for each. @defaultValue none */
  readonly headers?: (() => Record<string, string> | Promise<Record<string, string>>) | undefined
  /** Whether cookies are sent. @defaultValue `same-origin` */
  readonly credentials?: 'omit' | 'same-origin' | 'include' | undefined
  /** The cursor to start from; `earliest` for everything that the journal has; null for none. @defaultValue none: new events only */
  readonly lastEventId?: string | null | undefined
  /** @defaultValue the global `fetch` */
  readonly fetch?: typeof fetch | undefined
}
