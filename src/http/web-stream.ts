/** A stream of one's own `ReadableStream`: a third of the promises of Hono's `streamSSE`, on any runtime. */
import type { Context } from 'hono'
import type { EventStream } from '../hub/connection.ts'
import type { OpenStream } from './stream.ts'

/** Bytes that may wait in a stream before its reader counts as busy. */
const HIGH_WATER_BYTES = 65_536

/**
 * Bytes are counted, and none are asked for before the reader wants some. Bun sets aside memory of
 * the size of the mark: with 64 KiB an idle stream takes 4 KB more.
 */
const STRATEGY: QueuingStrategy<Uint8Array> = {
  highWaterMark: 0,
  size: (chunk) => chunk?.byteLength ?? 0,
}

/**
 * The opener for runtimes whose sockets are fed by Web streams.
 * @param cutOffOf - makes what drops the socket of a client that no longer reads, where the runtime
 * can. It is kept as long as the stream, and SHOULD NOT keep the context.
 */
export function webStream(cutOffOf?: (c: Context) => () => void): OpenStream {
  return (c, run) => {
    const source = new Source(cutOffOf?.(c))
    const body = new ReadableStream<Uint8Array>(source, STRATEGY)
    run(source).then(
      () => source.finish(),
      () => source.abort(),
    )
    return c.body(body as ReadableStream)
  }
}

/** Both ends of one stream. A class, so that many thousands share one set of methods. */
class Source implements EventStream {
  readonly #cutOff: (() => void) | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #over = false
  #aborted = false
  #onAbort: (() => void) | undefined
  #onRoom: (() => void) | undefined
  #askAgain: (() => void) | undefined

  constructor(cutOff: (() => void) | undefined) {
    this.#cutOff = cutOff
  }

  get aborted(): boolean {
    return this.#aborted
  }

  /** Called by the runtime, as are `pull` and `cancel`. */
  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
  }

  /**
   * Called when the reader wants more than there is. While the promise is pending it is not called
   * again: each call would cost more than the write itself.
   * https://streams.spec.whatwg.org/#readable-stream-default-controller-call-pull-if-needed
   */
  pull(): Promise<void> {
    const room = this.#onRoom
    this.#onRoom = undefined
    room?.()
    return new Promise((resolve) => {
      this.#askAgain = resolve
    })
  }

  cancel(): void {
    this.#end()
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#over || !this.#controller) return undefined
    this.#controller.enqueue(bytes)
    if (-(this.#controller.desiredSize ?? 0) < HIGH_WATER_BYTES) return undefined
    return new Promise((resolve) => {
      this.#onRoom = resolve
      this.#askAgain?.()
    })
  }

  onAbort(listener: () => void): void {
    this.#onAbort = listener
  }

  abort(): void {
    // An error frees what waits in the stream; the socket itself is the runtime's.
    this.#quietly(() => this.#controller?.error(new Error('The reader was cut off.')))
    this.#end()
    this.#cutOff?.()
  }

  /** Ends the stream behind what was written. */
  finish(): void {
    this.#quietly(() => this.#controller?.close())
    this.#over = true
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#aborted = true
    this.#onAbort?.()
  }

  /** A controller throws when its stream is over already, which is what is wanted here. */
  #quietly(end: () => void): void {
    if (this.#over) return
    try {
      end()
    } catch {
      this.#over = true
    }
  }
}
