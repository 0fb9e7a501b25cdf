/** The hub's side of a connection: its bounded queue holds frames until the transport accepts them. */
import type { Clock } from '../../core/clock.ts'
import type { ByeReason } from '../../core/control-events.ts'
import type { EventStream } from '../../core/event-stream.ts'
import { Progress } from '../../core/progress.ts'
import type { Phase, Replay } from './connection-state.ts'
import type { Connection, ConnectionInfo, ConnectionInit } from './connection-types.ts'
import { announceEnd, endOf } from './ending.ts'
import { enqueue, type FrameQueue, toBytes } from './frame-queue.ts'

/** What all connections of one hub share. */
export interface ConnectionHooks {
  readonly emptyQueue: FrameQueue
  /** The connections whose transport is busy with a write: each adds and removes itself. */
  readonly busy: Set<HubConnection>
  readonly maxQueuedBytes: number
  readonly clock: Pick<Clock, 'now' | 'monotonic'>
  /** Returns the keys of all addresses that the connection listens to. */
  keysOf(connection: HubConnection): string[]
  /** Flushes the connection in this turn of the event loop. */
  schedule(connection: HubConnection): void
  /** Called when the transport has accepted everything that was queued. */
  onDrained(connection: HubConnection): void
  onEnded(connection: HubConnection): void
  /** Called when the stream throws, before the connection ends. */
  onError(error: unknown): void
  /** Ends the connection with `hub:bye`. */
  dismiss(connection: HubConnection, reason: ByeReason): void
}

const UNKNOWN: ConnectionInfo = {}

/** Most connections have no context: beside them, it takes no memory in each. */
const contexts = new WeakMap<HubConnection, unknown>()

/** An open stream of a client. It is a class because fifty thousand connections then share one set of methods. */
export class HubConnection implements Connection {
  readonly id: string
  readonly client: string
  readonly topics: readonly string[]
  readonly since: number
  /** The same by the monotonic clock, from which its age is measured. */
  readonly openedAt: number
  /** When its lifetime ends, by the monotonic clock. */
  readonly endsAt: number
  /** When the permission to listen expires, in milliseconds since 1970; undefined for never. */
  readonly expiresAt: number | undefined
  readonly info: ConnectionInfo
  /** Delivery sets the phases up to `live`; the connection itself sets `closing` and `ended`. */
  phase: Phase = 'opening'
  replay: Replay | undefined
  /** Events written to its transport, including control events. */
  sentEvents = 0
  sentBytes = 0
  /** The sequence of the last journalled event that was queued for it. */
  position = 0
  /** When its last heartbeat was queued, or else when it opened, by the monotonic clock. */
  beatAt: number
  readonly #hooks: ConnectionHooks
  readonly #stream: EventStream
  #queue: FrameQueue
  #writingEvents = 0
  #writingBytes = 0
  #progress: Progress | undefined

  constructor(init: ConnectionInit, hooks: ConnectionHooks) {
    const { id, client, topics, stream, endsAt, expiresAt, info = UNKNOWN, context } = init
    this.id = id
    this.client = client
    this.topics = topics
    this.since = hooks.clock.now()
    this.openedAt = hooks.clock.monotonic()
    this.beatAt = this.openedAt
    this.endsAt = endsAt
    this.expiresAt = expiresAt
    this.info = info
    if (context !== undefined) contexts.set(this, context)
    this.#hooks = hooks
    this.#stream = stream
    this.#queue = hooks.emptyQueue
  }

  /** Resolves when the stream has ended. */
  get ended(): Promise<void> {
    return this.phase === 'ended' ? Promise.resolve() : endOf(this)
  }

  get context(): unknown {
    return contexts.get(this)
  }

  /** The keys of all addresses that it listens to. */
  get keys(): string[] {
    return this.#hooks.keysOf(this)
  }

  get open(): boolean {
    return this.phase !== 'closing' && this.phase !== 'ended'
  }

  /** Bytes that are queued or that the transport has not accepted yet. */
  get queuedBytes(): number {
    return this.#queue.byteLength + this.#writingBytes
  }

  /** Events that are queued or that the transport has not accepted yet, including control events. */
  get queuedEvents(): number {
    return this.#queue.length + this.#writingEvents
  }

  /** Whether the transport is busy with a write. */
  get busy(): boolean {
    return this.#writingBytes > 0
  }

  /** Returns for how many milliseconds the transport has made no progress. @see Progress.stalledMs */
  stalledMs(now: number): number {
    try {
      const { unsentBytes: unsent = this.#writingBytes, writtenBytes = this.sentBytes } =
        this.#stream
      this.#progress = unsent > 0 ? (this.#progress ?? new Progress()) : undefined
      return this.#progress?.stalledMs(writtenBytes, unsent, now) ?? 0
    } catch (error) {
      this.#fail(error)
      return 0
    }
  }

  /** Listens for the client's disconnect. It is separate from the constructor because it may end the connection at once. */
  listen(): void {
    try {
      if (this.#stream.aborted) this.#end()
      else this.#stream.onAbort(() => this.#end())
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Queues a frame if the stream is open. Returns false if it would exceed the bound. */
  enqueue(frame: Uint8Array): boolean {
    if (!this.open) return true
    if (this.#exceeds(frame)) {
      // A burst within one turn does not make a client slow: write the queue now if the transport is idle.
      this.flush()
      if (!this.open) return true
      if (this.#exceeds(frame)) return false
    }
    this.#push(frame)
    return true
  }

  /** Writes the queue to the transport in one write, unless the transport is still busy with the last one. */
  flush(): void {
    if (this.#writingBytes > 0 || this.#queue === this.#hooks.emptyQueue) return
    try {
      this.#write(this.#queue)
    } catch (error) {
      // An error ends only this connection: the flush continues with the others.
      this.#fail(error)
    }
  }

  /** Discards the queue. The client can replay it from the journal. */
  discard(): void {
    this.#queue = this.#hooks.emptyQueue
  }

  disconnect(reason: ByeReason = 'disconnected'): void {
    this.#hooks.dismiss(this, reason)
  }

  /** Sends a last frame after everything that is queued, then ends. The connection MUST be open. */
  close(byeFrame: Uint8Array): void {
    this.phase = 'closing'
    this.replay = undefined
    this.#push(byeFrame)
  }

  /** Ends at once and drops unsent bytes. */
  abort(): void {
    if (this.phase === 'ended') return
    // Ends first, so that the abort listener of the stream has no effect.
    this.#end()
    try {
      this.#stream.abort()
    } catch {
      // For the hub the stream has ended. An error here must not affect other connections.
    }
  }

  #fail(error: unknown): void {
    this.#hooks.onError(error)
    this.abort()
  }

  #exceeds(frame: Uint8Array): boolean {
    // An empty queue accepts any frame: one larger than the bound, published while the bound was higher,
    // would otherwise end the stream at every reconnect.
    return this.queuedBytes > 0 && this.queuedBytes + frame.byteLength > this.#hooks.maxQueuedBytes
  }

  #push(frame: Uint8Array): void {
    const first = this.#queue === this.#hooks.emptyQueue
    this.#queue = enqueue(this.#queue, frame)
    if (first && this.#writingBytes === 0) this.#hooks.schedule(this)
  }

  #write(queue: FrameQueue): void {
    const { length, byteLength } = queue
    this.#queue = this.#hooks.emptyQueue
    this.sentEvents += length
    this.sentBytes += byteLength
    const stream = this.#stream
    const drained = stream.writeFrames ? stream.writeFrames(queue) : stream.write(toBytes(queue))
    this.#writingEvents = length
    this.#writingBytes = byteLength
    // Our own promise settles once and later, whatever the transport returned.
    const accepted = drained && Promise.resolve(drained).then(() => this.#accepted())
    if (accepted) {
      if (this.phase !== 'ended') this.#hooks.busy.add(this)
      accepted.catch(() => this.abort())
    } else this.#written()
  }

  #accepted(): void {
    this.#hooks.busy.delete(this)
    this.#written()
  }

  #written(): void {
    this.#writingEvents = 0
    this.#writingBytes = 0
    if (this.phase === 'ended') return
    if (this.#queue !== this.#hooks.emptyQueue) this.flush()
    else if (this.phase === 'closing') {
      this.#end()
      this.#stream.end?.()
    } else this.#hooks.onDrained(this)
  }

  #end(): void {
    if (this.phase === 'ended') return
    this.phase = 'ended'
    this.replay = undefined
    this.#queue = this.#hooks.emptyQueue
    this.#hooks.busy.delete(this)
    announceEnd(this)
    this.#hooks.onEnded(this)
  }
}
