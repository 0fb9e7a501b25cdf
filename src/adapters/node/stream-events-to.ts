/** Opens streams in Node's own request handlers: plain `node:http`, Express, Fastify. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import { checkOptions } from '../../core/options/option-kinds.ts'
import { bareContext } from '../../http/openers/bare-context.ts'
import type { NodeResponse } from '../../http/openers/node-response.ts'
import { feed } from '../../http/openers/node-sink.ts'
import type { OpenStream, Run } from '../../http/openers/open-stream.ts'
import { respondWithStream, STREAM_KINDS, type StreamSettings } from '../../http/stream.ts'

/**
 * Responds with a stream of a hub, as `streamEvents` does, on a response of Node that has not started. Headers
 * that were set on it before are sent.
 * @throws {HubError} `invalid-address` for the client id; `invalid-option` for an option that is unknown
 * or of another kind
 * @throws {TypeError} when the response has started, or `createHub` of this package did not create the hub
 */
export function streamEventsTo<Own>(
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  options: StreamSettings<Own>,
): void {
  checkOptions('streamEventsTo', options, STREAM_KINDS)
  if (response.headersSent)
    throw new TypeError('The response has started: streamEventsTo sends its headers.')
  const outgoing = response as NodeResponse
  let fed: Run | undefined
  const openStream: OpenStream = (c, run) => {
    fed = run
    return c.body(null)
  }
  const header = (name: string) => request.headers[name.toLowerCase()]?.toString()
  const c = bareContext({ method: request.method ?? 'GET', header }, { outgoing })
  const answer = respondWithStream(c, { ...options, openStream })
  if (!fed) {
    // A response that the host has meanwhile begun or broken is its own.
    send(answer, response).catch(() => {})
    return
  }
  const { headers } = answer as Response
  const vary = response.getHeader('Vary')
  if (vary !== undefined && headers.has('Vary')) headers.append('Vary', String(vary))
  outgoing.writeHead(200, Object.fromEntries(headers))
  outgoing.flushHeaders?.()
  feed(outgoing, fed)
}

/** Sends a response without a stream, which may be held for a second. */
async function send(
  answer: Response | Promise<Response>,
  response: ServerResponse | Http2ServerResponse,
): Promise<void> {
  const { status, headers, body } = await answer
  const bytes = body ? await new Response(body).arrayBuffer() : new ArrayBuffer(0)
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, Object.fromEntries(headers))
  response.end(new Uint8Array(bytes))
}
