/** Streams on Node: once `@hono/node-server` has sent the headers of a response, its stream writes directly to the socket. */
import type { Context } from 'hono'
import { systemClock } from '../../core/clock.ts'
import { handoverOf } from './handed-over.ts'
import { cutOffResponse, type NodeResponse } from './node-response.ts'
import { feed } from './node-sink.ts'
import type { Run } from './open-stream.ts'
import { Source, STRATEGY } from './web-stream.ts'

type Bytes = ReadableStreamDefaultReader<Uint8Array>
type Chunk = Awaited<ReturnType<Bytes['read']>>

/** Responds with a stream that takes over the response of Node when the server starts to read its body. */
export function nodeStream(c: Context, outgoing: NodeResponse, run: Run): Response {
  const handover = handoverOf(c)
  if (handover) return Object.assign(handover, { run, response: c.body(null) }).response
  return c.body(new TakeoverBody(outgoing, run) as ReadableStream)
}

/**
 * A body for `@hono/node-server`. If something else reads it, such as a clone of the response or middleware that
 * transforms the body, it is an ordinary stream.
 */
class TakeoverBody extends ReadableStream<Uint8Array> {
  readonly #outgoing: NodeResponse
  readonly #run: Run

  constructor(outgoing: NodeResponse, run: Run) {
    super(new Source(run, () => cutOffResponse(outgoing)), STRATEGY)
    this.#outgoing = outgoing
    this.#run = run
  }

  /** The server calls this method. Clones and pipes read in another way, which can't be observed. */
  override getReader(options?: { mode?: 'byob' }): never {
    if (options) return super.getReader(options as never) as never
    return new TakeoverReader(super.getReader(), this.#outgoing, this.#run) as never
  }
}

/**
 * Recognizes the server by what it does: it reads once, sends the headers, and then asks when the stream
 * is `closed`, in this turn of the event loop. Then the response is fed directly, and the read stays pending.
 */
class TakeoverReader implements Bytes {
  readonly #reader: Bytes
  readonly #outgoing: NodeResponse
  readonly #run: Run
  /** Reads from the ordinary stream. Undefined before the first read, and once it can't be the server's any more. */
  #fallBack: (() => void) | undefined
  #state: 'unread' | 'undecided' | 'taken' | 'ordinary' = 'unread'

  constructor(reader: Bytes, outgoing: NodeResponse, run: Run) {
    this.#reader = reader
    this.#outgoing = outgoing
    this.#run = run
  }

  read(): Promise<Chunk> {
    if (this.#state === 'taken') throw new TypeError('The server feeds this response itself.')
    if (this.#state !== 'unread') {
      this.#decline()
      return this.#reader.read()
    }
    this.#state = 'undecided'
    return new Promise((resolve) => {
      this.#fallBack = () => resolve(this.#reader.read())
      systemClock.soon(() => this.#decline())
    })
  }

  get closed(): Bytes['closed'] {
    if (this.#state === 'undecided' && this.#outgoing.headersSent) {
      this.#state = 'taken'
      this.#fallBack = undefined
      feed(this.#outgoing, this.#run)
    }
    // The server then forgets the body, which stays unread.
    return this.#state === 'taken' ? (Promise.resolve() as Bytes['closed']) : this.#reader.closed
  }

  cancel(reason?: unknown): Promise<void> {
    const cancelled = this.#reader.cancel(reason)
    this.#decline()
    return cancelled
  }

  releaseLock(): void {
    this.#decline()
    this.#reader.releaseLock()
  }

  #decline(): void {
    if (this.#state === 'taken' || this.#state === 'ordinary') return
    this.#state = 'ordinary'
    this.#fallBack?.()
    this.#fallBack = undefined
  }
}
