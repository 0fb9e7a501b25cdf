/** Opens streams: a Web Response whose bytes come from a connection of the hub. */
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import { checkName, checkTopics } from '../core/address.ts'
import { HubError } from '../core/errors.ts'
import type { EventStream } from '../core/event-stream.ts'
import type { ConnectionInfo } from '../hub/connection.ts'
import type { ConnectOptions, Hub } from '../hub/hub.ts'
import { internalsOf } from '../hub/internals.ts'
import type { RefusalReason } from '../hub/options.ts'
import { problem } from './problem.ts'

/**
 * Opens a stream: creates the Response, calls `run` once with the stream when the body is read for the
 * first time, and closes it when the promise of `run` settles. A body that nobody reads, because
 * middleware threw or replaced the response, MUST NOT call `run`: the hub would keep a connection. The
 * headers set on the context MUST reach the client, including those that middleware sets after the
 * handler.
 */
export type OpenStream = (c: Context, run: (stream: EventStream) => Promise<void>) => Response

/** Options of {@link streamEvents}. */
export interface StreamOptions {
  readonly hub: Hub
  /** The client id. It MUST come from your own login or another source that you trust. */
  readonly client: string
  /** The topics to follow. @defaultValue none */
  readonly topics?: readonly string[] | undefined
  /** The cursor to resume from when the request has no `Last-Event-ID` header. @defaultValue none: new events only */
  readonly lastEventId?: string | undefined
  /** When the stream must end, with `hub:bye` `expired`, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
  /** Describes the request to operators. It is stored as long as the stream is open. @defaultValue nothing */
  readonly info?: ConnectionInfo | undefined
  /** How the stream opens on this runtime. @defaultValue `portableStream()` */
  readonly openStream?: OpenStream | undefined
}

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  // no-transform: a proxy that compresses would delay the events.
  'Cache-Control': 'private, no-cache, no-store, no-transform',
  // nginx: forward each event at once.
  'X-Accel-Buffering': 'no',
}

/**
 * Opens streams on any runtime, with Hono's `streamSSE`.
 * @param cutOff - closes the socket of a client that no longer reads, where the runtime allows it
 */
export function portableStream(cutOff?: (c: Context) => void): OpenStream {
  return (c, run) => {
    const response = streamSSE(c, async (stream) => {
      await untilRead(stream)
      if (!stream.aborted) await run(sliced(stream, cutOff && (() => cutOff(c))))
    })
    // streamSSE sets its own headers on the context as well. Once middleware such as cors has started a
    // response there, they are merged into this one: replace them in both places.
    for (const [name, value] of Object.entries(HEADERS)) {
      c.header(name, value)
      response.headers.set(name, value)
    }
    // Hop-by-hop headers of HTTP/1.1. On HTTP/2 they are an error that ends a Node process.
    for (const name of ['Transfer-Encoding', 'Connection']) {
      c.header(name, undefined)
      response.headers.delete(name)
    }
    return response
  }
}

/**
 * Responds with a stream of a hub, from any route. If the stream can't be opened now, the
 * response is 200 with `hub:bye`, and it ends: at any other status, an EventSource would stop
 * reconnecting. A blocked client receives 204, at which an EventSource stops. Invalid topics, which may
 * come from the request, lead to 400.
 * @throws {HubError} `invalid-address` for the client id
 * @throws {TypeError} when `createHub` of this package did not create the hub
 */
export function streamEvents(c: Context, options: StreamOptions): Response {
  const { hub, client, topics = [], expiresAt, info, openStream = portableStream() } = options
  checkName('client id', client)
  const invalid = topicsProblem(c, topics)
  if (invalid) return invalid
  if (c.req.method === 'HEAD') return streamHead(c)
  const refusal = internalsOf(hub).refusal(client, info)
  if (refusal === 'blocked') return streamBlocked(c)
  if (refusal) return refuseWithBye(c, internalsOf(hub).byeFrame(refusal))
  const lastEventId = c.req.header('Last-Event-ID') || options.lastEventId || undefined
  for (const [name, value] of Object.entries(HEADERS)) c.header(name, value)
  const turn = untilItsTurn(c.env)
  return openStream(c, async (stream) => {
    await turn
    await connectStream(hub, { client, topics, lastEventId, expiresAt, info, stream })
  })
}

/** The part of Node's response that shows whether it may be sent. */
interface NodeResponse {
  readonly socket: unknown
  once(event: 'socket', listener: () => void): void
}

/**
 * On Node, waits until a pipelined request may be answered: the response has its socket then. Node
 * handles all of them at once and reports no disconnect to those that still wait.
 */
function untilItsTurn(env: { outgoing?: NodeResponse } | undefined): Promise<void> | undefined {
  const response = env?.outgoing
  if (response?.socket !== null) return undefined
  return new Promise((resolve) => response.once('socket', resolve))
}

const NO_BYTES = new Uint8Array(0)

/** Resolves when the body is read. Hono's stream accepts one write at once, and a second one when the first was read. */
async function untilRead(stream: EventStream): Promise<void> {
  await stream.write(NO_BYTES)
  await stream.write(NO_BYTES)
}

/** Returns a 400 response for invalid topics; undefined for valid ones. */
function topicsProblem(c: Context, topics: readonly string[]): Response | undefined {
  try {
    checkTopics(topics)
    return undefined
  } catch (error) {
    if (error instanceof HubError) return problem(c, 400, error.message)
    throw error
  }
}

/** Connects a stream. It does not see the request, which would otherwise stay in memory as long as the stream. */
function connectStream(hub: Hub, options: ConnectOptions): Promise<void> {
  // The hub may have become full between the response and its reader.
  const refused = internalsOf(hub).refusal(options.client, options.info)
  return refused ? sayGoodbye(hub, options.stream, refused) : hub.connect(options).ended
}

async function sayGoodbye(hub: Hub, stream: EventStream, refused: RefusalReason): Promise<void> {
  await stream.write(internalsOf(hub).byeFrame(refused === 'blocked' ? 'disconnected' : refused))
}

/** Responds to HEAD. Hono would run the GET handler and drop the body unread: that stream would never end. */
export function streamHead(c: Context): Response {
  return c.body(null, 200, HEADERS)
}

/** Responds to a blocked client with 204, at which an EventSource stops; a cache must not store it beyond the block. */
export function streamBlocked(c: Context): Response {
  return c.body(null, 204, { 'Cache-Control': 'no-store' })
}

/** Responds with `hub:bye` alone. At any status but 200, an EventSource would stop reconnecting. */
export function refuseWithBye(c: Context, bye: Uint8Array): Response {
  return c.body(bye.slice(), 200, HEADERS)
}

/** Bytes in one write: with large writes, the progress of a slow reader would not be visible. */
const SLICE_BYTES = 65_536

/** Hono's stream, except that large writes go in slices and `abort` also closes the socket. */
function sliced(stream: EventStream, cutOff?: () => void): EventStream {
  let restBytes = 0
  return {
    get aborted() {
      return stream.aborted
    },
    get unsentBytes() {
      return restBytes > 0 ? restBytes : undefined
    },
    write: (bytes) => (bytes.byteLength > SLICE_BYTES ? writeSlices(bytes) : stream.write(bytes)),
    onAbort: (listener) => stream.onAbort(listener),
    abort: () => {
      stream.abort()
      cutOff?.()
    },
  }

  async function writeSlices(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) {
      restBytes = bytes.byteLength - at
      await stream.write(bytes.subarray(at, at + SLICE_BYTES))
    }
    restBytes = 0
  }
}
