/** What the router answers itself: a shard is unavailable, or may have stored an event, or shards can't do it together. */
import { type Context, Hono } from 'hono'
import type { Clock } from '../../core/clock.ts'
import { byeFrame } from '../../core/control-events.ts'
import { RETRY_AFTER } from '../../core/errors.ts'
import { createHolding } from '../../core/holding.ts'
import { allowOrigins } from '../../http/middleware/origins.ts'
import { problem } from '../../http/problem.ts'
import { respondLate } from '../../http/stream.ts'
import { discardBody } from './request.ts'

/** What refusals require. */
export interface RefusalsInit {
  readonly retryMs: number
  readonly corsOrigins: readonly string[]
  random(): number
  readonly clock: Pick<Clock, 'every'>
}

/** The refusals of a router. */
export interface Refusals {
  /** Ends the stream with 200: at any other status, an EventSource stops reconnecting. */
  retryLater(request: Request): Promise<Response>
  unavailable(request: Request, detail?: string): Promise<Response>
  /** @param subject - the shards that may have stored the event without confirming it */
  unconfirmed(request: Request, subject: string): Promise<Response>
  /** Refuses events to several addresses in one request. */
  noBatch(request: Request): Promise<Response>
}

/** Creates the refusals of a router. */
export function createRefusals({ retryMs, corsOrigins, random, clock }: RefusalsInit): Refusals {
  // Here rather than in the object: a Worker that waits costs nothing.
  const { hold } = createHolding(clock)
  // Without CORS headers a page of another origin can't read the response, and its EventSource stops reconnecting.
  const responder = new Hono<{ Bindings: { respond: (c: Context) => Response } }>()
    .use(allowOrigins(corsOrigins))
    .all('*', (c) => c.env.respond(c))
  return { retryLater, unavailable, unconfirmed, noBatch }

  async function retryLater(request: Request): Promise<Response> {
    const bye = byeFrame('shutdown', retryMs * (1 + random()))
    const respond = (c: Context) => respondLate(c, bye, hold)
    return await responder.fetch(request, { respond })
  }

  async function unavailable(request: Request, detail = UNAVAILABLE): Promise<Response> {
    const respond = (c: Context) => {
      c.header('Retry-After', RETRY_AFTER)
      return problem(c, 503, detail)
    }
    return await responder.fetch(request, { respond })
  }

  async function unconfirmed(request: Request, subject: string): Promise<Response> {
    const detail = `${subject} did not confirm the event but may have stored it: publishing it again could duplicate it.`
    const response = await unavailable(request, detail)
    // A client that follows it would publish the event again.
    response.headers.delete('Retry-After')
    return response
  }

  async function noBatch(request: Request): Promise<Response> {
    // workerd cuts the connection when a response is sent while the request's body is unread.
    if (request.body) await discardBody(request.body)
    return await responder.fetch(request, { respond: (c) => problem(c, 501, NO_BATCH) })
  }
}

const UNAVAILABLE = 'The Durable Object that holds the hub is unavailable. Try again.'

/** Why a hub of several shards accepts no batch for all of them. */
export const NO_BATCH =
  'With HUB_SHARDS above 1, only the events of one client can be published together: publish these one by one.'
