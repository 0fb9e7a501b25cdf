/** How a stream opens: a Web Response whose bytes come from a connection of the hub. */
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import { checkName, checkTopics } from '../core/address.ts'
import type { ConnectionInfo, EventStream } from '../hub/connection.ts'
import type { ConnectOptions, Hub } from '../hub/hub.ts'
import { internalsOf } from '../hub/internals.ts'
import type { RefusalReason } from '../hub/options.ts'

/**
 * Opens a stream: makes the Response, calls `run` once for it, and closes the stream when the
 * promise of `run` settles. The headers set on the context MUST reach the client, those that
 * middleware sets behind the handler included.
 */
export type OpenStream = (c: Context, run: (stream: EventStream) => Promise<void>) => Response

/** Whose stream it is, beside what the request says. */
export interface StreamOptions {
  readonly hub: Hub
  /** The client id. It MUST come from the host's own login, or from whoever may choose it. */
  readonly client: string
  /** @defaultValue none */
  readonly topics?: readonly string[] | undefined
  /** The cursor to use when no `Last-Event-ID` header comes. @defaultValue none */
  readonly lastEventId?: string | undefined
  /** When the right to listen ends, in milliseconds since 1970: `hub:bye` `expired`. @defaultValue never */
  readonly expiresAt?: number | undefined
  /** How the request came in: shown to operators, kept as long as the stream. @defaultValue nothing is known */
  readonly info?: ConnectionInfo | undefined
  /** @defaultValue `portableStream()` */
  readonly openStream?: OpenStream | undefined
}

const HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  // no-transform: a proxy that compresses would hold the events back.
  'Cache-Control': 'private, no-cache, no-store, no-transform',
  // nginx: send each event on at once.
  'X-Accel-Buffering': 'no',
}

/**
 * The opener for any runtime: Hono's `streamSSE`.
 * @param cutOff - drops the socket of a client that no longer reads, where the runtime can
 */
export function portableStream(cutOff?: (c: Context) => void): OpenStream {
  return (c, run) => {
    const response = streamSSE(c, (stream) => run(cutOff ? withCutOff(stream, c, cutOff) : stream))
    // streamSSE puts its own on the context, which is merged into the response once middleware
    // (cors, say) has begun an answer there: they must go from both.
    for (const [name, value] of Object.entries(HEADERS)) {
      c.header(name, value)
      response.headers.set(name, value)
    }
    // They belong to one hop of HTTP/1.1; on HTTP/2 they are an error, and end a Node process.
    for (const name of ['Transfer-Encoding', 'Connection']) {
      c.header(name, undefined)
      response.headers.delete(name)
    }
    return response
  }
}

/**
 * Answers a request with a stream of a hub, from any route.
 * A stream that can't be had now is 200 with `hub:bye` and closed, because an EventSource gives up
 * at any other status; a blocked client gets 204, which tells it to stop.
 * @throws {HubError} `invalid-address`
 */
export function streamEvents(c: Context, options: StreamOptions): Response {
  const { hub, client, topics = [], expiresAt, info, openStream = portableStream() } = options
  checkTopics(topics)
  checkName('client id', client)
  if (c.req.method === 'HEAD') return streamHead(c)
  const refusal = internalsOf(hub).refusal(client, info)
  if (refusal === 'blocked') return c.body(null, 204)
  if (refusal) return refuseForNow(c, internalsOf(hub).byeFrame(refusal))
  const lastEventId = c.req.header('Last-Event-ID') || options.lastEventId || undefined
  for (const [name, value] of Object.entries(HEADERS)) c.header(name, value)
  return openStream(c, (stream) => {
    return attend(hub, { client, topics, lastEventId, expiresAt, info, stream })
  })
}

/** Lasts as long as the stream. Apart from the request, so that it does not keep it for as long. */
function attend(hub: Hub, options: ConnectOptions): Promise<void> {
  // An opener may wait for middleware before it runs this: the hub may have filled up since.
  const refused = internalsOf(hub).refusal(options.client, options.info)
  return refused ? turnAway(hub, options.stream, refused) : hub.connect(options).ended
}

async function turnAway(hub: Hub, stream: EventStream, refused: RefusalReason): Promise<void> {
  await stream.write(internalsOf(hub).byeFrame(refused === 'blocked' ? 'disconnected' : refused))
}

/** What HEAD gets: Hono would run GET's handler and drop the body unread, a stream for ever. */
export function streamHead(c: Context): Response {
  return c.body(null, 200, HEADERS)
}

/** Answers with `hub:bye` alone. At any status but 200 an EventSource would give up for good. */
export function refuseForNow(c: Context, bye: Uint8Array): Response {
  return c.body(bye.slice(), 200, HEADERS)
}

/** Hono's stream, whose abort drops the socket, too. */
function withCutOff(stream: EventStream, c: Context, cutOff: (c: Context) => void): EventStream {
  return {
    get aborted() {
      return stream.aborted
    },
    write: (bytes) => stream.write(bytes),
    onAbort: (listener) => stream.onAbort(listener),
    abort: () => {
      stream.abort()
      cutOff(c)
    },
  }
}
