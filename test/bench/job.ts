/** The jobs the bench gives its load client, and the results it returns. */

/** The paths and features of a contestant. `{id}` stands for a client id. */
export interface Protocol {
  /** The path of a stream that receives broadcasts. */
  readonly stream: string
  /** The path to publish to everyone. */
  readonly broadcast: string
  /** The path of one client's stream, if it differs. */
  readonly ownStream?: string
  /** What a publish request contains. @defaultValue the data alone, as text */
  readonly envelope?: Envelope
  /** The path to publish to one client; absent if the contestant can't. */
  readonly target?: string
  /** Where and how to publish many events in one request; absent if the contestant can't. */
  readonly batch?: {
    readonly path: string
    readonly type: 'application/json' | 'application/x-ndjson'
    /** What each event has beside its data. */
    readonly fields: object
  }
  /** Whether a client that returns with `Last-Event-ID` gets what it missed. */
  readonly replays?: boolean
  /** What streams accept, as in `Accept-Encoding`. @defaultValue nothing */
  readonly encoding?: string
  /** A path that answers at once. */
  readonly health?: string
  /** Offset from the port to that of the instance with the streams. @defaultValue `0` */
  readonly streamPort?: number
  /** A path that answers with the milliseconds of a round trip to Redis. */
  readonly roundTrip?: string
}

/** The head and the body of publish requests. `{data}` stands for the data, `{to}` for what follows `to=` in the path. */
export interface Envelope {
  /** Header lines. */
  readonly headers: string
  readonly body: string
}

/** What is measured. */
export type ScenarioName =
  | 'broadcast'
  | 'burst'
  | 'latency'
  | 'targeted'
  | 'storm'
  | 'idle'
  | 'replay'
  | 'snapshot'
  | 'publish'
  | 'publish-batch'
  | 'health'
  | 'cluster'

/** How much of it. */
export interface Size {
  readonly connections: number
  /** The number of events to publish, or the maximum. */
  readonly events: number
  /** Milliseconds after which nothing new starts. */
  readonly maxMs: number
}

/** One run of the load client. */
export interface Job extends Size {
  readonly scenario: ScenarioName
  readonly port: number
  /** The process of the server, whose CPU time and memory are read. */
  readonly pid: number
  readonly protocol: Protocol
}

/** Figures by name; the name includes the unit. */
export type Figures = Readonly<Record<string, number>>

/** What the load client prints: figures, or why there are none. */
export type Answer = { readonly figures: Figures } | { readonly error: string }
