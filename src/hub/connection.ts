/** One open stream of one client: frames go in, bytes leave as fast as the transport takes them. */
import type { Clock } from '../core/clock.ts'
import type { JournalEntry } from '../journal/journal.ts'
import { enqueue, type FrameQueue, toBytes } from './frame-queue.ts'

/** The part of Hono's streaming API that the hub needs. An opener closes it once `run` settles. */
export interface EventStream {
  /** Whether the stream is over already, so that no listener would hear of it. */
  readonly aborted: boolean
  /** Takes bytes. A promise means: the transport can take more once it resolves. MUST NOT be called meanwhile. */
  write(bytes: Uint8Array): PromiseLike<unknown> | undefined
  /** Tells when the client has left. */
  onAbort(listener: () => void): void
  /** Cuts the stream off at once, with what is still on its way. */
  abort(): void
}

/** What all connections of one hub share. */
export interface ConnectionHooks {
  readonly emptyQueue: FrameQueue
  readonly maxQueuedBytes: number
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** Flushes the connection in this turn of the event loop. */
  schedule(connection: Connection): void
  /** The transport has taken all that was queued. */
  onDrained(connection: Connection): void
  /** The stream is over. */
  onEnded(connection: Connection): void
}

/** How a stream came in, as far as its host tells: for operators and logs, never for listeners. */
export interface ConnectionInfo {
  /** The way in which it was opened: `native` or `portable`, say. */
  readonly opener?: string | undefined
  /** Where the request came from. */
  readonly remoteAddress?: string | undefined
  /** What the request is called in the log. */
  readonly requestId?: string | undefined
}

/** Whose stream it is. */
export interface ConnectionInit {
  readonly id: string
  readonly client: string
  readonly topics: readonly string[]
  readonly stream: EventStream
  /** When its lifetime is over, by the monotonic clock. */
  readonly endsAt: number
  /** When the right to listen ends, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
  /** @defaultValue nothing is known */
  readonly info?: ConnectionInfo | undefined
}

const UNKNOWN: ConnectionInfo = {}

/** How far a connection has caught up. */
export interface Replay {
  cursor: string | undefined
  reading: boolean
  /** Live events that came during the current read. */
  tail: JournalEntry[]
  tailBytes: number
  /** The first of them, whether or not the tail could hold it. */
  first: JournalEntry | undefined
}

/**
 * Where a connection stands. `opening`: it waits for `hub:ready`. `catching-up`: it replays the
 * journal. `live`: it gets events as they come. `closing`: it was sent `hub:bye`. `ended`: it is over.
 */
export type Phase = 'opening' | 'catching-up' | 'live' | 'closing' | 'ended'

/** A class, because fifty thousand of them share one set of methods. */
export class Connection {
  readonly id: string
  readonly client: string
  readonly topics: readonly string[]
  /** Milliseconds since 1970. */
  readonly since: number
  /** The same by the monotonic clock, from which its age is measured. */
  readonly openedAt: number
  /** When its lifetime is over, by the monotonic clock. */
  readonly endsAt: number
  /** When the right to listen ends, in milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined
  readonly info: ConnectionInfo
  /** Delivery moves it up to `live`; closing and the end of the stream set the rest. */
  phase: Phase = 'opening'
  /** How far it has caught up, while it does. */
  replay: Replay | undefined
  /** Events that were handed to its transport, the hub's own included. */
  sentEvents = 0
  sentBytes = 0
  /** The sequence of the last journalled event that it was given. */
  position = 0
  /** When it was sent its last heartbeat, or else opened, by the monotonic clock. */
  beatAt: number
  /** Resolves when the stream is over. */
  readonly ended: Promise<void>
  readonly #hooks: ConnectionHooks
  readonly #stream: EventStream
  #queue: FrameQueue
  #writingEvents = 0
  #writingBytes = 0
  #writingSince = 0
  #resolveEnded: () => void = () => {}

  constructor(init: ConnectionInit, hooks: ConnectionHooks) {
    const { id, client, topics, stream, endsAt, expiresAt, info = UNKNOWN } = init
    this.id = id
    this.client = client
    this.topics = topics
    this.since = hooks.clock.now()
    this.openedAt = hooks.clock.monotonic()
    this.beatAt = this.openedAt
    this.endsAt = endsAt
    this.expiresAt = expiresAt
    this.info = info
    this.#hooks = hooks
    this.#stream = stream
    this.#queue = hooks.emptyQueue
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
  }

  get open(): boolean {
    return this.phase !== 'closing' && this.phase !== 'ended'
  }

  /** Bytes that wait here or that the transport has not taken yet. */
  get queuedBytes(): number {
    return this.#queue.byteLength + this.#writingBytes
  }

  /** Events that wait here or that the transport has not taken yet, the hub's own included. */
  get queuedEvents(): number {
    return this.#queue.length + this.#writingEvents
  }

  /** Since when the transport has been busy with one write, by the monotonic clock; or undefined. */
  get stalledSince(): number | undefined {
    return this.#writingBytes > 0 ? this.#writingSince : undefined
  }

  /** Begins to listen for the client's leaving. Apart from the constructor, so that it can end at once. */
  listen(): void {
    if (this.#stream.aborted) this.#end()
    else this.#stream.onAbort(() => this.#end())
  }

  /** Queues a frame, if the stream is open; false when it would exceed the bound. */
  enqueue(frame: Uint8Array): boolean {
    if (!this.open) return true
    if (this.#exceeds(frame)) {
      // A burst within one turn is no slow reader: what waits leaves now, if the transport takes it.
      this.flush()
      if (!this.open) return true
      if (this.#exceeds(frame)) return false
    }
    this.#push(frame)
    return true
  }

  /** Hands what is queued to the transport in one write, unless it is still busy with the last one. */
  flush(): void {
    if (this.#writingBytes > 0 || this.#queue === this.#hooks.emptyQueue) return
    const { length, byteLength } = this.#queue
    const bytes = toBytes(this.#queue)
    this.#queue = this.#hooks.emptyQueue
    this.sentEvents += length
    this.sentBytes += byteLength
    const busy = this.#write(bytes)
    if (busy) this.#awaitDrain(busy, length, byteLength)
    else this.#written()
  }

  /** Forgets what waits: the client will find it in the journal. */
  discard(): void {
    this.#queue = this.#hooks.emptyQueue
  }

  /** Sends a last frame behind what is queued, then ends. */
  close(farewell: Uint8Array): void {
    if (!this.open) return
    this.phase = 'closing'
    this.replay = undefined
    this.#push(farewell)
  }

  /** Ends at once, with what is still on its way. */
  abort(): void {
    if (this.phase === 'ended') return
    // First the end, so that the stream's own report of the abort finds nothing left to do.
    this.#end()
    try {
      this.#stream.abort()
    } catch {
      // The stream is over for the hub; one that can't be cut off must not keep others from their turn.
    }
  }

  #exceeds(frame: Uint8Array): boolean {
    // An empty queue takes any frame: one larger than the bound, published while the bound was higher,
    // would otherwise end the stream at every return.
    const { queuedBytes } = this
    return queuedBytes > 0 && queuedBytes + frame.byteLength > this.#hooks.maxQueuedBytes
  }

  #push(frame: Uint8Array): void {
    const first = this.#queue === this.#hooks.emptyQueue
    this.#queue = enqueue(this.#queue, frame)
    if (first && this.#writingBytes === 0) this.#hooks.schedule(this)
  }

  #write(bytes: Uint8Array): PromiseLike<unknown> | undefined {
    try {
      return this.#stream.write(bytes)
    } catch {
      this.abort()
      return undefined
    }
  }

  #awaitDrain(busy: PromiseLike<unknown>, events: number, byteLength: number): void {
    this.#writingEvents = events
    this.#writingBytes = byteLength
    this.#writingSince = this.#hooks.clock.monotonic()
    busy.then(
      () => this.#written(),
      () => this.abort(),
    )
  }

  #written(): void {
    this.#writingEvents = 0
    this.#writingBytes = 0
    if (this.phase === 'ended') return
    if (this.#queue !== this.#hooks.emptyQueue) this.flush()
    else if (this.phase === 'closing') this.#end()
    else this.#hooks.onDrained(this)
  }

  #end(): void {
    if (this.phase === 'ended') return
    this.phase = 'ended'
    this.replay = undefined
    this.#queue = this.#hooks.emptyQueue
    this.#resolveEnded()
    this.#hooks.onEnded(this)
  }
}
