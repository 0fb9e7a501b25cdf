/** The route where clients listen. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { BlankEnv } from 'hono/types'
import { HubError, type HubErrorCode } from '../../core/errors.ts'
import type { ConnectionInfo } from '../../hub/connection.ts'
import type { Hub } from '../../hub/hub.ts'
import { internalsOf } from '../../hub/internals.ts'
import type { Access, StreamGrant } from '../auth/authorizer.ts'
import { isForNow } from '../auth/errors.ts'
import { valid } from '../middleware/validate.ts'
import { StreamQuery, type StreamQueryInput } from '../schemas/requests.ts'
import { type OpenStream, refuseForNow, streamEvents, streamHead } from '../stream.ts'
import { asRoutes, type StreamRoute } from './types.ts'

/** What listening needs. */
export interface SseRoutesInit {
  readonly hub: Hub
  readonly access: Access | undefined
  readonly openStream: OpenStream | undefined
  /** How a request came in. */
  connectionInfo(c: Context): ConnectionInfo | undefined
  /** Limits how often streams are opened; it answers what `refuseForNow` answers. */
  readonly limit: MiddlewareHandler
}

/** The route of the stream, as a type. */
export type SseRoutes = {
  '/sse': { $get: StreamRoute<{ query: StreamQueryInput }> }
}

/** The route of the stream. */
export function sseRoutes(options: SseRoutesInit): Hono<BlankEnv, SseRoutes> {
  const { hub, access, openStream, connectionInfo, limit } = options
  const app = new Hono<{ Variables: { grant: StreamGrant; subject: string } }>().get(
    '/sse',
    valid('query', StreamQuery),
    async (c, next) => {
      // Hono answers HEAD with GET's handler and drops the body unread: it would be a stream for ever.
      if (c.req.method === 'HEAD') return streamHead(c)
      const granted = await grantOrRefuse(c, c.req.valid('query'))
      if (granted instanceof Response) return granted
      c.set('grant', granted)
      if (access) c.set('subject', `client:${granted.client}`)
      return await next()
    },
    limit,
    (c) => {
      const { lastEventId } = c.req.valid('query')
      const info = connectionInfo(c as unknown as Context)
      return streamEvents(c, { hub, ...c.get('grant'), lastEventId, info, openStream })
    },
  )
  return asRoutes(app)

  async function grantOrRefuse(c: Context, query: StreamQuery): Promise<StreamGrant | Response> {
    const { id, topic, ticket } = query
    if (!access) return { client: id ?? crypto.randomUUID(), topics: topic }
    try {
      return await access.listen(c, { client: id, topics: topic, ticket })
    } catch (error) {
      // An EventSource would give up at 503, though it is only now that nobody can tell.
      if (isForNow(error) || hasCode(error, 'at-capacity', 'journal-unavailable'))
        return refuseForNow(c, internalsOf(hub).byeFrame('at-capacity'))
      if (hasCode(error, 'blocked')) return c.body(null, 204)
      throw error
    }
  }
}

function hasCode(error: unknown, ...codes: HubErrorCode[]): boolean {
  return error instanceof HubError && codes.includes(error.code)
}
