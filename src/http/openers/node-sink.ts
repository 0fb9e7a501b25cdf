/** Writes streams directly to Node's sockets: a frame is chunk-encoded once for all connections. */
import type { EventStream } from '../../core/event-stream.ts'
import { cutOffResponse, type NodeResponse } from './node-response.ts'
import type { Run } from './open-stream.ts'
import { RUNTIME } from './runtime.ts'
import { type Outlet, SLICE_BYTES, Slicer } from './slicer.ts'

/** Feeds a response whose headers are sent. */
export function feed(outgoing: NodeResponse, run: Run): void {
  const sink = sinkOf(outgoing)
  run(sink)?.catch(() => sink.abort())
}

function sinkOf(outgoing: NodeResponse): EventStream {
  if (outgoing.stream) return new OutletSink(outgoing, outgoing.stream, SLICE_BYTES.http2)
  // The sockets of servers that imitate Node's are none.
  return RUNTIME === 'node'
    ? new SocketSink(outgoing)
    : new OutletSink(outgoing, outgoing, SLICE_BYTES.http1)
}

/** A stream over HTTP/1.1: writes chunks to the socket, bypassing the buffers of the response. */
class SocketSink implements EventStream {
  readonly #outgoing: NodeResponse
  /** Stored here because the getter of the response takes longer than the rest of a write. Missing until the first write, as the response may be pipelined. */
  #slicer: Slicer | undefined
  readonly #chunked: boolean
  /** With the framing of the chunks, which `unsentBytes` contain, too. */
  writtenBytes = 0

  constructor(outgoing: NodeResponse) {
    this.#outgoing = outgoing
    this.#chunked = outgoing.chunkedEncoding ?? false
  }

  get aborted(): boolean {
    return this.#outgoing.destroyed
  }

  write(bytes: Uint8Array): Promise<unknown> | undefined {
    this.#slicer ??= this.#open()
    const chunk = this.#chunked ? asChunk(bytes) : bytes
    this.writtenBytes += chunk.byteLength
    return this.#slicer?.write(chunk)
  }

  #open(): Slicer | undefined {
    const { socket } = this.#outgoing
    return socket ? new Slicer(socket, SLICE_BYTES.http1) : undefined
  }

  get unsentBytes(): number {
    return this.#slicer?.unsentBytes ?? 0
  }

  onAbort(listener: () => void): void {
    this.#outgoing.on('close', listener)
  }

  abort(): void {
    cutOffResponse(this.#outgoing)
  }

  end(): void {
    if (!this.#outgoing.writableEnded) this.#outgoing.end()
  }
}

/** A stream over something that does the framing itself: a stream of HTTP/2, or a response. */
class OutletSink implements EventStream {
  readonly #outgoing: NodeResponse
  readonly #outlet: Outlet
  readonly #slicer: Slicer

  constructor(outgoing: NodeResponse, outlet: Outlet, sliceBytes: number) {
    this.#outgoing = outgoing
    this.#outlet = outlet
    this.#slicer = new Slicer(outlet, sliceBytes)
  }

  get aborted(): boolean {
    return this.#outlet.destroyed
  }

  write(bytes: Uint8Array): Promise<unknown> | undefined {
    return this.#slicer.write(bytes)
  }

  get unsentBytes(): number {
    return this.#slicer.unsentBytes
  }

  onAbort(listener: () => void): void {
    this.#outgoing.on('close', listener)
  }

  abort(): void {
    cutOffResponse(this.#outgoing)
  }

  end(): void {
    if (!this.#outgoing.writableEnded) this.#outgoing.end()
  }
}

/** Node's sockets copy nothing, but make a Buffer of each array that is none: here it is made once. */
interface BufferFactory {
  allocUnsafe(byteLength: number): Uint8Array & {
    write(text: string, offset: number, encoding: 'latin1'): number
  }
}

let latestBytes: Uint8Array | undefined
let latestChunk: Uint8Array = new Uint8Array(0)

/**
 * Encodes bytes as one chunk. A flush writes the same buffer to many connections one after another,
 * so remembering the latest chunk is enough to encode each buffer once.
 * @see https://www.rfc-editor.org/rfc/rfc9112#section-7.1
 */
function asChunk(bytes: Uint8Array): Uint8Array {
  if (bytes === latestBytes) return latestChunk
  const { Buffer } = globalThis as unknown as { readonly Buffer: BufferFactory }
  const head = `${bytes.byteLength.toString(16)}\r\n`
  const chunk = Buffer.allocUnsafe(head.length + bytes.byteLength + 2)
  chunk.write(head, 0, 'latin1')
  chunk.set(bytes, head.length)
  chunk.write('\r\n', head.length + bytes.byteLength, 'latin1')
  latestBytes = bytes
  latestChunk = chunk
  return chunk
}
