/** One open stream of one client: frames go in, bytes leave as fast as the transport takes them. */
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
  now(): number
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
  /** When its life is over, in milliseconds since 1970. */
  readonly endsAt: number
  /** When the right to listen ends, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
  /** @defaultValue nothing is known */
  readonly info?: ConnectionInfo | undefined
}

const UNKNOWN: ConnectionInfo = {}

type State = 'open' | 'closing' | 'ended'

/** A class, because fifty thousand of them share one set of methods. */
export class Connection {
  readonly id: string
  readonly client: string
  readonly topics: readonly string[]
  /** Milliseconds since 1970. */
  readonly since: number
  /** When its life is over, in milliseconds since 1970. */
  readonly endsAt: number
  /** When the right to listen ends, in milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined
  readonly info: ConnectionInfo
  /** Events that were handed to its transport, the hub's own included. */
  sentEvents = 0
  sentBytes = 0
  /** The sequence of the last journalled event that it was given. */
  position = 0
  /** When its client's cursor last moved, in milliseconds since 1970. */
  movedAt: number
  /** Resolves when the stream is over. */
  readonly ended: Promise<void>
  readonly #carrier: ConnectionHooks
  readonly #stream: EventStream
  #state: State = 'open'
  #chain: FrameQueue
  #writingEvents = 0
  #writingBytes = 0
  #writingSince = 0
  #settle: () => void = () => {}

  constructor(init: ConnectionInit, carrier: ConnectionHooks) {
    const { id, client, topics, stream, endsAt, expiresAt, info = UNKNOWN } = init
    this.id = id
    this.client = client
    this.topics = topics
    this.since = carrier.now()
    this.movedAt = this.since
    this.endsAt = endsAt
    this.expiresAt = expiresAt
    this.info = info
    this.#carrier = carrier
    this.#stream = stream
    this.#chain = carrier.emptyQueue
    this.ended = new Promise((resolve) => {
      this.#settle = resolve
    })
  }

  get open(): boolean {
    return this.#state === 'open'
  }

  /** Bytes that wait here or that the transport has not taken yet. */
  get queuedBytes(): number {
    return this.#chain.byteLength + this.#writingBytes
  }

  /** Events that wait here or that the transport has not taken yet, the hub's own included. */
  get queuedEvents(): number {
    return this.#chain.length + this.#writingEvents
  }

  /** Since when the transport has been busy with one write, or undefined. Milliseconds since 1970. */
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
    if (this.#state !== 'open') return true
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
    if (this.#writingBytes > 0 || this.#chain === this.#carrier.emptyQueue) return
    const { length, byteLength } = this.#chain
    const bytes = toBytes(this.#chain)
    this.#chain = this.#carrier.emptyQueue
    this.sentEvents += length
    this.sentBytes += byteLength
    const busy = this.#write(bytes)
    if (busy) this.#await(busy, length, byteLength)
    else this.#written()
  }

  /** Forgets what waits: the client will find it in the journal. */
  discard(): void {
    this.#chain = this.#carrier.emptyQueue
  }

  /** Sends a last frame behind what is queued, then ends. */
  close(farewell: Uint8Array): void {
    if (this.#state !== 'open') return
    this.#state = 'closing'
    this.#push(farewell)
  }

  /** Ends at once, with what is still on its way. */
  abort(): void {
    if (this.#state === 'ended') return
    // First the end, so that the stream's own report of the abort finds nothing left to do.
    this.#end()
    try {
      this.#stream.abort()
    } catch {
      // The stream is over for the hub; one that can't be cut off must not keep others from their turn.
    }
  }

  #exceeds(frame: Uint8Array): boolean {
    return this.queuedBytes + frame.byteLength > this.#carrier.maxQueuedBytes
  }

  #push(frame: Uint8Array): void {
    const first = this.#chain === this.#carrier.emptyQueue
    this.#chain = enqueue(this.#chain, frame)
    if (first && this.#writingBytes === 0) this.#carrier.schedule(this)
  }

  #write(bytes: Uint8Array): PromiseLike<unknown> | undefined {
    try {
      return this.#stream.write(bytes)
    } catch {
      this.abort()
      return undefined
    }
  }

  #await(busy: PromiseLike<unknown>, events: number, byteLength: number): void {
    this.#writingEvents = events
    this.#writingBytes = byteLength
    this.#writingSince = this.#carrier.now()
    busy.then(
      () => this.#written(),
      () => this.abort(),
    )
  }

  #written(): void {
    this.#writingEvents = 0
    this.#writingBytes = 0
    if (this.#state === 'ended') return
    if (this.#chain !== this.#carrier.emptyQueue) this.flush()
    else if (this.#state === 'closing') this.#end()
    else this.#carrier.onDrained(this)
  }

  #end(): void {
    if (this.#state === 'ended') return
    this.#state = 'ended'
    this.#chain = this.#carrier.emptyQueue
    this.#settle()
    this.#carrier.onEnded(this)
  }
}
