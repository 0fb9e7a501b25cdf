/** The route where clients listen. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { Trace } from '../hub/connection.ts'
import { HubError, type HubErrorCode } from '../hub/errors.ts'
import type { Hub } from '../hub/hub.ts'
import type { Access, Listening } from './access/access.ts'
import { isForNow } from './access/refusals.ts'
import { StreamQuery, type StreamQueryInput } from './contract.ts'
import { type OpenStream, refuseForNow, streamEvents, streamHead } from './stream.ts'
import { declared, type Sending } from './typing.ts'
import { valid } from './valid.ts'

/** What listening needs. */
export interface ListeningOptions {
  readonly hub: Hub
  readonly access: Access | undefined
  readonly openStream: OpenStream | undefined
  /** How a request came in. */
  traceOf(c: Context): Trace | undefined
  /** Limits how often streams are opened; it answers what `refuseForNow` answers. */
  readonly limit: MiddlewareHandler
}

/** The route of the stream, as a type. */
export type ListeningRoutes = {
  '/sse': { $get: Sending<{ query: StreamQueryInput }> }
}

/** The route of the stream. */
export function listening(options: ListeningOptions): Hono<BlankEnv, ListeningRoutes> {
  const { hub, access, openStream, traceOf, limit } = options
  const app = new Hono<{ Variables: { listening: Listening; holder: string } }>().get(
    '/sse',
    valid('query', StreamQuery),
    async (c, next) => {
      // Hono answers HEAD with GET's handler and drops the body unread: it would be a stream for ever.
      if (c.req.method === 'HEAD') return streamHead(c)
      const granted = await grantOrRefuse(c, c.req.valid('query'))
      if (granted instanceof Response) return granted
      c.set('listening', granted)
      if (access) c.set('holder', `client:${granted.client}`)
      return await next()
    },
    limit,
    (c) => {
      const { lastEventId } = c.req.valid('query')
      const trace = traceOf(c as unknown as Context)
      return streamEvents(c, { hub, ...c.get('listening'), lastEventId, trace, openStream })
    },
  )
  return declared(app)

  async function grantOrRefuse(c: Context, query: StreamQuery): Promise<Listening | Response> {
    const { id, topic, ticket } = query
    if (!access) return { client: id ?? crypto.randomUUID(), topics: topic }
    try {
      return await access.listen(c, { client: id, topics: topic, ticket })
    } catch (error) {
      // An EventSource would give up at 503, though it is only now that nobody can tell.
      if (isForNow(error) || hasCode(error, 'at-capacity', 'journal-unavailable'))
        return refuseForNow(c, hub)
      if (hasCode(error, 'blocked')) return c.body(null, 204)
      throw error
    }
  }
}

function hasCode(error: unknown, ...codes: HubErrorCode[]): boolean {
  return error instanceof HubError && codes.includes(error.code)
}
