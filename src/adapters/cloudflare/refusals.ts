/** What the router answers itself: a shard is unavailable, or may have stored an event, or shards can't do it together. */
import { type Context, Hono } from 'hono'
import type { Clock } from '../../core/clock.ts'
import { byeFrame } from '../../core/control-events.ts'
import { type HubErrorCode, RETRY_AFTER } from '../../core/errors.ts'
import { createHolding } from '../../core/holding.ts'
import { BROKEN_AT_ONCE } from '../../http/batch/respond-to-lines.ts'
import { allowOrigins } from '../../http/middleware/origins.ts'
import { decodeUtf8, fromJson } from '../../http/middleware/readers.ts'
import { problem } from '../../http/problem.ts'
import { respondLate } from '../../http/stream.ts'
import { maxBodyBytes, withStream } from './request.ts'

/** What refusals require. */
export interface RefusalsInit {
  readonly retryMs: number
  readonly corsOrigins: readonly string[]
  /** The maximum number of bytes of data in one event. */
  readonly maxEventBytes: number
  random(): number
  readonly clock: Pick<Clock, 'every'>
}

/** Creates a response. */
export type Respond = (c: Context) => Response | Promise<Response>

/** The refusals of a router. */
export interface Refusals {
  /** Ends the stream with 200: at any other status, an EventSource stops reconnecting. */
  retryLater(request: Request): Promise<Response>
  /** @param detail - what was done nevertheless. @defaultValue nothing was */
  unavailable(request: Request, detail?: string): Promise<Response>
  /** @param subject - the shards that may have stored the event without confirming it */
  unconfirmed(request: Request, subject: string): Promise<Response>
  /** Notes whether a body that was read has an idempotency key: then `unconfirmed` asks its client to repeat the request. */
  noteKey(request: Request, body: Uint8Array): void
  /** Returns the request, whose key is noted when its body has passed. */
  noteInPassing(request: Request): Request
  /** Answers that an idempotency key is that of another event, after some shards have published this one. */
  conflict(request: Request, published: number, count: number): Promise<Response>
  /** Answers that the body of the request ended early. */
  broken(request: Request): Promise<Response>
  /** Responds with the headers of CORS. */
  respond(request: Request, respond: Respond): Promise<Response>
}

/** Creates the refusals of a router. */
export function createRefusals(init: RefusalsInit): Refusals {
  const { retryMs, corsOrigins, maxEventBytes, random, clock } = init
  // Here rather than in the object: a Worker that waits costs nothing.
  const { hold } = createHolding(clock)
  // Without CORS headers a page of another origin can't read the response, and its EventSource stops reconnecting.
  const responder = new Hono<{ Bindings: { respond: Respond } }>()
    .use(allowOrigins(corsOrigins))
    .all('*', (c) => c.env.respond(c))
  const keyed = new WeakSet<Request>()
  return { retryLater, unavailable, unconfirmed, noteKey, noteInPassing, conflict, broken, respond }

  async function retryLater(request: Request): Promise<Response> {
    const bye = byeFrame('shutdown', retryMs * (1 + random()))
    const respond = (c: Context) => respondLate(c, bye, hold)
    return await responder.fetch(request, { respond })
  }

  async function unavailable(request: Request, detail?: string): Promise<Response> {
    const respond = (c: Context) => {
      c.header('Retry-After', RETRY_AFTER)
      return detail === undefined
        ? problem(c, 503, UNAVAILABLE, undefined, UNAVAILABLE_CODE)
        : problem(c, 503, detail)
    }
    return await responder.fetch(request, { respond })
  }

  async function unconfirmed(request: Request, subject: string): Promise<Response> {
    const response = await unavailable(request, unconfirmedBy(subject))
    // A client that follows it would publish the event again.
    const isKeyed = keyed.has(request) || request.headers.has('Idempotency-Key')
    if (!isKeyed) response.headers.delete('Retry-After')
    return response
  }

  function noteKey(request: Request, body: Uint8Array): void {
    const type = request.headers.get('Content-Type') ?? ''
    if (!type.startsWith('text/plain') && hasKey(body)) keyed.add(request)
  }

  function noteInPassing(request: Request): Request {
    if (!request.body) return request
    const parts: Uint8Array<ArrayBuffer>[] = []
    let left = maxBodyBytes(maxEventBytes)
    const noted = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        left -= chunk.length
        if (left >= 0) parts.push(chunk.slice())
        controller.enqueue(chunk)
      },
      flush: async () => noteKey(request, new Uint8Array(await new Blob(parts).arrayBuffer())),
    })
    return withStream(request, request.body.pipeThrough(noted))
  }

  async function conflict(request: Request, published: number, count: number): Promise<Response> {
    return await responder.fetch(request, {
      respond: (c) =>
        problem(c, 422, conflictAfter(published, count), undefined, 'idempotency-conflict'),
    })
  }

  async function broken(request: Request): Promise<Response> {
    return await respond(request, (c) => problem(c, 400, BROKEN_AT_ONCE.detail))
  }

  async function respond(request: Request, respond: Respond): Promise<Response> {
    return await responder.fetch(request, { respond })
  }
}

/** Why a shard does nothing. */
export const UNAVAILABLE = 'The Durable Object that holds the hub is unavailable. Try again.'

/** The code of that, as of a hub whose journal can’t be reached: nothing was published. */
export const UNAVAILABLE_CODE: HubErrorCode = 'journal-unavailable'

/** Says that an event may have been published. @param subject - the shards that may have stored it without confirming it */
export function unconfirmedBy(subject: string): string {
  return `${subject} did not confirm the event but may have stored it: publishing it again could duplicate it, unless it has an idempotency key.`
}

/** Says that an idempotency key is that of another event on some shards only. */
export function conflictAfter(published: number, count: number): string {
  return `${published} of ${count} shards have published the event. The others know its idempotency key from another event: with a new key, those ${published} would publish it again.`
}

/** Whether an event, as JSON or a form, has an idempotency key. */
export function hasKey(event: Uint8Array): boolean {
  const text = decodeUtf8(event) ?? ''
  try {
    return Object(fromJson(text)).idempotencyKey !== undefined
  } catch {
    return new URLSearchParams(text).has('idempotencyKey')
  }
}
