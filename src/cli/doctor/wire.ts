/** Sends requests over HTTP/1.1 or HTTP/2, as a browser would after ALPN: `fetch` offers only the former. */
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { connect } from 'node:http2'
import { request as requestHttps } from 'node:https'
import { Readable } from 'node:stream'

/** The protocol of a connection. */
export type Protocol = 'h2' | 'http/1.1'

/** A request. */
export interface WireRequest {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * Sends a request on a connection of its own. The body of a stream MUST be read or cancelled; any other ends in time.
 * Rejects with {@link NoResponseInTime}, or why the connection failed.
 */
export type Send = (url: URL, init?: WireRequest) => Promise<Response>

/** The headers of a response did not arrive in time. */
export class NoResponseInTime extends Error {
  override readonly name = 'NoResponseInTime'

  constructor(ms: number) {
    super(`no response within ${ms / 1_000} s`)
  }
}

/** Returns how requests are sent. @param timeoutMs - until the headers of the response, in milliseconds */
export function createSend(protocol: Protocol, timeoutMs: number): Send {
  const send = protocol === 'h2' ? sendHttp2 : sendHttp1
  return (url, init = {}) => send(url, init, timeoutMs)
}

function sendHttp1(url: URL, init: WireRequest, timeoutMs: number): Promise<Response> {
  const { method = 'GET', headers = {}, body } = init
  const send = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const request = send(url, { method, headers: { ...headers, ...lengthOf(body) }, agent: false })
    const timer = setTimeout(() => request.destroy(new NoResponseInTime(timeoutMs)), timeoutMs)
    request.once('response', (message: IncomingMessage) => {
      clearTimeout(timer)
      resolve(toResponse(message, message.statusCode, message.headers, timeoutMs))
    })
    request.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
    request.end(body)
  })
}

function sendHttp2(url: URL, init: WireRequest, timeoutMs: number): Promise<Response> {
  const { method = 'GET', headers = {}, body } = init
  return new Promise((resolve, reject) => {
    const session = connect(url.origin)
    const fail = (error: unknown) => {
      clearTimeout(timer)
      session.destroy()
      reject(error)
    }
    const timer = setTimeout(() => fail(new NoResponseInTime(timeoutMs)), timeoutMs)
    session.on('error', fail)
    const path = url.pathname + url.search
    const lowerCase = Object.fromEntries(new Headers({ ...headers, ...lengthOf(body) }))
    const stream = session.request({ ':method': method, ':path': path, ...lowerCase })
    stream.on('error', fail)
    stream.once('close', () => {
      clearTimeout(timer)
      session.destroy()
      reject(new Error('the connection was closed'))
    })
    stream.once('response', (received) => {
      clearTimeout(timer)
      resolve(toResponse(stream, received[':status'], received, timeoutMs))
    })
    stream.end(body)
  })
}

function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }
}

/** Statuses whose Response may have no body. */
const WITHOUT_BODY = [204, 205, 304]

function toResponse(
  body: Readable,
  code: number | undefined,
  received: Readonly<Record<string, string | readonly string[] | number | undefined>>,
  timeoutMs: number,
): Response {
  // A stream that is cut in the middle is an end like any other.
  body.on('error', () => {})
  const headers = new Headers()
  for (const [name, value] of Object.entries(received)) {
    if (name.startsWith(':') || value === undefined) continue
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, String(one))
  }
  // A Response can have no other status.
  const status = code !== undefined && code >= 200 && code < 600 ? code : 599
  const isStream = status === 200 && /^text\/event-stream/i.test(headers.get('Content-Type') ?? '')
  if (!isStream) limitTime(body, timeoutMs)
  if (!WITHOUT_BODY.includes(status)) {
    return new Response(Readable.toWeb(body) as ReadableStream<Uint8Array>, { status, headers })
  }
  body.resume()
  return new Response(null, { status, headers })
}

/** Ends a body, other than that of a stream, that does not end by itself. */
function limitTime(body: Readable, timeoutMs: number): void {
  const timer = setTimeout(() => body.destroy(new NoResponseInTime(timeoutMs)), timeoutMs)
  body.once('close', () => clearTimeout(timer))
}
