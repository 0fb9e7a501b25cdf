/** Mounts an app in servers of Node: Express, Fastify, plain `node:http`, behind parsers of bodies as well. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { getRequestListener, type Http2Bindings, type HttpBindings } from '@hono/node-server'
import { answerFailures } from '../../server/failed-request.ts'
import { sendable } from './connection-headers.ts'
import { parsedBodyOf } from './parsed-body.ts'

/** An app: a Hono app, or anything else with `fetch`. */
export interface NodeApp {
  fetch(request: Request, bindings: HttpBindings | Http2Bindings): Response | Promise<Response>
}

type Incoming = IncomingMessage | Http2ServerRequest

/** Handles a request of Node. Its promise resolves when the response has been handed over; it never rejects. */
export type NodeHandler = (
  request: Incoming,
  response: ServerResponse | Http2ServerResponse,
) => Promise<void>

/**
 * Creates a handler of Node for an app: `express().use('/realtime', toNodeHandler(app))`. If a parser such
 * as `express.json()` has read the body of a request, the app receives what the parser left in `request.body`.
 * What the app throws is logged with `console.error`, and the client receives 500.
 * @throws {TypeError} for an app without `fetch`
 */
export function toNodeHandler(app: NodeApp): NodeHandler {
  if (typeof app?.fetch !== 'function')
    throw new TypeError('toNodeHandler requires an app with fetch: pass the app itself.')
  const handle = answerFailures<[HttpBindings | Http2Bindings]>(
    (request, bindings) => {
      const { incoming, outgoing } = bindings
      const response = app.fetch(withParsedBody(request, incoming), bindings)
      const keep = (answer: Response) => withHeadersOf(outgoing, sendable(outgoing, answer))
      return response instanceof Promise ? response.then(keep) : keep(response)
    },
    (error) => console.error(error),
  )
  // The host may depend on the Request and Response that Node has.
  return getRequestListener(handle, { overrideGlobalObjects: false })
}

/** Keeps the cookies and `Vary` that the host has set: the server would replace them by those of the app. */
function withHeadersOf(
  outgoing: ServerResponse | Http2ServerResponse,
  response: Response,
): Response {
  for (const name of ['Set-Cookie', 'Vary']) {
    const set = outgoing.getHeader(name)
    if (set === undefined || !response.headers.has(name)) continue
    const { headers } = response
    const own = name === 'Vary' ? headers.get(name) : headers.getSetCookie()
    try {
      headers.delete(name)
      // Of two cookies with the same name, the later one counts.
      for (const value of [set, own].flat()) headers.append(name, String(value))
    } catch {
      // Those of a response of `fetch` can't be changed.
    }
  }
  return response
}

/** The request with the body that a parser has read; otherwise the request itself, or its copy. */
function withParsedBody(request: Request, incoming: Incoming): Request {
  // Requests of Fetch have no body with these methods.
  if (request.method === 'GET' || request.method === 'HEAD') return request
  const body = parsedBodyOf(incoming, request.headers.get('Content-Type'))
  if (body === undefined) return hasLength(request) ? request : copyOf(request, incoming)
  const headers = new Headers(request.headers)
  // The parser has decompressed and decoded it.
  for (const name of ['Content-Encoding', 'Transfer-Encoding']) headers.delete(name)
  headers.set('Content-Length', String(body.bytes.byteLength))
  if (body.type !== undefined) headers.set('Content-Type', body.type)
  return new Request(request.url, { method: request.method, headers, body: body.bytes })
}

function hasLength({ headers }: Request): boolean {
  return headers.has('Content-Length') && !headers.has('Transfer-Encoding')
}

/**
 * A request whose middleware may make others of it, as Hono's `bodyLimit` does if the length is unknown: without the global
 * objects of `@hono/node-server`, Node refuses to do that with its requests. Others are cheaper to read as they are.
 */
function copyOf(request: Request, incoming: Incoming): Request {
  const { url, method, headers, signal } = request
  const isEmpty =
    'stream' in incoming ? incoming.stream.endAfterHeaders : !headers.has('Transfer-Encoding')
  const body = isEmpty ? null : lateBodyOf(request)
  return new Request(url, { method, headers, signal, body, duplex: 'half' } as RequestInit)
}

/** The body of a request, which is not touched before it is read: the server discards what nothing has read. */
function lateBodyOf(request: Request): ReadableStream<Uint8Array> {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  const readerOf = () => {
    reader ??= request.body?.getReader() as ReadableStreamDefaultReader<Uint8Array>
    return reader
  }
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await readerOf().read()
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel: (reason) => readerOf().cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
