/** Streams that write directly to Node's sockets: a frame is chunk-encoded once for all connections. */
import type { ServerResponse } from 'node:http'
import { constants, type Http2ServerResponse } from 'node:http2'
import { TLSSocket } from 'node:tls'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import type { EventStream } from '../../core/event-stream.ts'
import type { OpenStream } from '../../http/stream.ts'
import { SLICE_BYTES, Slicer } from './slicer.ts'

/** The bindings that `@hono/node-server` passes to an app. */
export interface NodeBindings {
  readonly outgoing: ServerResponse | Http2ServerResponse
}

/** A fetch handler for `@hono/node-server`. */
export type NodeFetch<Env> = (request: Request, env: Env) => Response | Promise<Response>

/** A stream opener, and the wrapper of the app's fetch that it requires. */
export interface NodeStreams {
  /** @throws {TypeError} when the fetch of the app is not wrapped by `serve` */
  readonly openStream: OpenStream
  /**
   * Wraps a fetch handler: takes over the responses of streams after all middleware has run. A
   * pipelined request is handled only when the response before it has ended, because Node does not
   * report a disconnect to queued requests.
   */
  serve<Env extends NodeBindings>(fetch: NodeFetch<Env>): NodeFetch<Env>
}

/** The maximum number of pipelined requests that wait on one connection. */
const MAX_PIPELINED = 100

const NOT_WRAPPED =
  'The opener of createNodeStreams() requires its fetch wrapper: pass createNodeStreams().serve(app.fetch), of the same streams, to the server.'

type Run = (stream: EventStream) => Promise<void>

/** Creates the opener of one server. */
export function createNodeStreams(): NodeStreams {
  /** The responses of the requests that `serve` handles, with what feeds their streams. */
  const runs = new WeakMap<object, Run | undefined>()
  const queued = new WeakMap<object, number>()
  return { openStream, serve }

  function openStream(c: Context, run: Run): Response {
    const { outgoing } = (c.env ?? {}) as Partial<NodeBindings>
    if (!outgoing || !runs.has(outgoing)) throw new TypeError(NOT_WRAPPED)
    runs.set(outgoing, run)
    return c.body(null)
  }

  function serve<Env extends NodeBindings>(fetch: NodeFetch<Env>): NodeFetch<Env> {
    return async (request, env) => {
      const { outgoing } = env
      if (!outgoing.socket) await untilCurrent(outgoing as ServerResponse)
      runs.set(outgoing, undefined)
      const response = await fetch(request, env)
      const run = runs.get(outgoing)
      // If middleware replaced the response, for example with an error, it is sent as usual.
      if (!run || !isStream(response)) return response
      runs.delete(outgoing)
      if (!outgoing.destroyed) begin(outgoing, response.headers, run)
      return RESPONSE_ALREADY_SENT
    }
  }

  /**
   * Resolves when a pipelined response may be written. After a stream that may never happen, and Node
   * keeps reading requests: a connection with too many of them is closed.
   */
  async function untilCurrent(outgoing: ServerResponse): Promise<void> {
    const { socket } = outgoing.req
    const count = (queued.get(socket) ?? 0) + 1
    queued.set(socket, count)
    if (count > MAX_PIPELINED) socket.destroy()
    await once(outgoing, 'socket')
    queued.set(socket, (queued.get(socket) ?? 1) - 1)
  }
}

/** Aborts a stream and drops its unsent data. Closes the socket, or only the stream with HTTP/2. */
export function cutOff(outgoing: NodeBindings['outgoing']): void {
  if (isHttp2(outgoing)) outgoing.stream.close(constants.NGHTTP2_CANCEL)
  // A reset also drops the data in the kernel's buffer. It works with plain TCP only, not with TLS.
  else if (outgoing.socket instanceof TLSSocket) outgoing.socket.destroy()
  else outgoing.socket?.resetAndDestroy()
}

function isStream({ status, headers }: Response): boolean {
  return status === 200 && (headers.get('Content-Type') ?? '').startsWith('text/event-stream')
}

function begin(outgoing: NodeBindings['outgoing'], headers: Headers, run: Run): void {
  const cookies = headers.getSetCookie()
  const fields = Object.fromEntries(headers)
  outgoing.writeHead(200, cookies.length > 0 ? { ...fields, 'set-cookie': cookies } : fields)
  const stream = isHttp2(outgoing) ? new Http2Sink(outgoing) : new SocketSink(outgoing)
  const end = () => void (outgoing.writableEnded || outgoing.end())
  run(stream).then(end, () => cutOff(outgoing))
}

function isHttp2(outgoing: NodeBindings['outgoing']): outgoing is Http2ServerResponse {
  return 'stream' in outgoing
}

/** A stream over HTTP/1.1: writes chunks to the socket, bypassing the buffers of the response. */
class SocketSink implements EventStream {
  readonly #outgoing: ServerResponse
  /** Stored here because the getter of the response takes longer than the rest of a write. */
  readonly #socket: Slicer | undefined
  readonly #chunked: boolean

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing
    // The response sends its headers, which must precede the first chunk.
    outgoing.flushHeaders()
    this.#socket = outgoing.socket ? new Slicer(outgoing.socket, SLICE_BYTES.http1) : undefined
    this.#chunked = outgoing.chunkedEncoding
  }

  get aborted(): boolean {
    return this.#outgoing.destroyed
  }

  write(bytes: Uint8Array): Promise<unknown> | undefined {
    return this.#socket?.write(this.#chunked ? asChunk(bytes) : bytes)
  }

  get unsentBytes(): number {
    return this.#socket?.unsentBytes ?? 0
  }

  onAbort(listener: () => void): void {
    this.#outgoing.on('close', listener)
  }

  abort(): void {
    cutOff(this.#outgoing)
  }
}

/** A stream over HTTP/2, which does the framing and the flow control. */
class Http2Sink implements EventStream {
  readonly #outgoing: Http2ServerResponse
  readonly #slicer: Slicer

  constructor(outgoing: Http2ServerResponse) {
    this.#outgoing = outgoing
    this.#slicer = new Slicer(outgoing.stream, SLICE_BYTES.http2)
  }

  get aborted(): boolean {
    return this.#outgoing.stream.destroyed
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
    cutOff(this.#outgoing)
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
  const head = `${bytes.byteLength.toString(16)}\r\n`
  const chunk = Buffer.allocUnsafe(head.length + bytes.byteLength + 2)
  chunk.write(head, 'latin1')
  chunk.set(bytes, head.length)
  chunk.write('\r\n', head.length + bytes.byteLength, 'latin1')
  latestBytes = bytes
  latestChunk = chunk
  return chunk
}

function once(emitter: NodeJS.EventEmitter, event: string): Promise<unknown> {
  return new Promise((resolve) => emitter.once(event, resolve))
}
