/** Streams on a plain `ReadableStream`, on any runtime: with a third as many promises as Hono's `streamSSE`. */
import type { Clock } from '../../core/clock.ts'
import type { EventStream } from '../../core/event-stream.ts'
import type { OpenStream, Run } from './open-stream.ts'
import { cutOffOf } from './runtime.ts'

/** Bytes queued in a stream above which its reader counts as busy. */
const HIGH_WATER_BYTES = 65_536

/** Bytes in one chunk: with large chunks, the progress of a slow reader would not be visible. */
const SLICE_BYTES = 65_536

/**
 * Counts bytes, and requests none before the reader does. Bun allocates memory according to the
 * high-water mark: with 64 KiB, an idle stream would take 4 KB more.
 */
export const STRATEGY: QueuingStrategy<Uint8Array> = {
  highWaterMark: 0,
  size: (chunk) => chunk?.byteLength ?? 0,
}

/** Bytes that a stream sends before it starts, to find out whether its reader comes back for more. */
export interface ReaderProbe {
  readonly bytes: Uint8Array
  /** Milliseconds after which a reader that has not come back is cut off. */
  readonly maxWaitMs: number
  readonly clock: Pick<Clock, 'every'>
}

/**
 * Opens streams on runtimes that feed their sockets from Web streams.
 * @param probe - for runtimes that may read the first bytes for a client that has left, and not
 * report it: the stream starts at the second read
 */
export function webStream(probe?: ReaderProbe): OpenStream {
  return (c, run) => c.body(webBody(run, cutOffOf(c), probe) as ReadableStream)
}

/**
 * Creates the body of a stream.
 * @param cutOff - closes the socket of a client that no longer reads, where the runtime allows it. It is
 * stored as long as the stream is open and SHOULD NOT refer to the context.
 */
export function webBody(
  run: Run,
  cutOff?: () => void,
  probe?: ReaderProbe,
): ReadableStream<Uint8Array> {
  return new ReadableStream(new Source(run, cutOff, probe), STRATEGY)
}

/** Both ends of one stream. It is a class, so that many thousands of streams share one set of methods. */
export class Source implements EventStream {
  readonly #cutOff: (() => void) | undefined
  /** Feeds the stream. Undefined once it was called. */
  #run: Run | undefined
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #over = false
  #aborted = false
  #onAbort: (() => void) | undefined
  #onRoom: (() => void) | undefined
  #allowPull: (() => void) | undefined
  #probe: ReaderProbe | undefined
  #stopWaiting: (() => void) | undefined

  constructor(run: Run, cutOff?: () => void, probe?: ReaderProbe) {
    this.#run = run
    this.#cutOff = cutOff
    this.#probe = probe
  }

  get aborted(): boolean {
    return this.#aborted
  }

  /** Called by the runtime, as are `pull` and `cancel`. */
  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller
  }

  /**
   * Called when the reader requests more bytes than are queued, the first time to start. It is not called again while the
   * promise is pending: each call would cost more than the write itself.
   * https://streams.spec.whatwg.org/#readable-stream-default-controller-call-pull-if-needed
   */
  pull(): Promise<void> | undefined {
    if (this.#probe) return this.#sendProbe(this.#probe)
    if (this.#run) this.#start(this.#run)
    const room = this.#onRoom
    this.#onRoom = undefined
    room?.()
    return new Promise((resolve) => {
      this.#allowPull = resolve
    })
  }

  cancel(): void {
    this.#leave()
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#over || !this.#controller) return undefined
    for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) {
      this.#controller.enqueue(bytes.subarray(at, at + SLICE_BYTES))
    }
    if (-(this.#controller.desiredSize ?? 0) < HIGH_WATER_BYTES) return undefined
    return new Promise((resolve) => {
      this.#onRoom = resolve
      this.#allowPull?.()
    })
  }

  /** Bytes that the runtime has not read yet. */
  get unsentBytes(): number {
    return this.#over ? 0 : -(this.#controller?.desiredSize ?? 0)
  }

  onAbort(listener: () => void): void {
    this.#onAbort = listener
  }

  abort(): void {
    // An error frees the queued bytes. The socket itself belongs to the runtime.
    const reason = new DOMException('The reader was cut off.', 'AbortError')
    this.#quietly(() => this.#controller?.error(reason))
    this.#leave()
    this.#cutOff?.()
  }

  /** Ends the stream after everything that was written. */
  end(): void {
    this.#quietly(() => this.#controller?.close())
    this.#over = true
  }

  #sendProbe({ bytes, maxWaitMs, clock }: ReaderProbe): undefined {
    this.#probe = undefined
    this.#stopWaiting = clock.every(maxWaitMs, () => this.abort())
    this.#controller?.enqueue(bytes)
  }

  #start(run: Run): void {
    this.#run = undefined
    this.#stopWaiting?.()
    run(this)?.catch(() => this.abort())
  }

  #leave(): void {
    if (this.#over) return
    this.#over = true
    this.#aborted = true
    this.#stopWaiting?.()
    this.#onAbort?.()
  }

  /** A controller throws when its stream has already ended, which is fine here. */
  #quietly(end: () => void): void {
    if (this.#over) return
    try {
      end()
    } catch {
      this.#over = true
    }
  }
}
