/** The route that opens streams. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { BlankEnv } from 'hono/types'
import { HubError, type HubErrorCode } from '../../core/errors.ts'
import type { ConnectionInfo } from '../../hub/connection.ts'
import type { Hub } from '../../hub/hub.ts'
import { internalsOf } from '../../hub/internals.ts'
import type { Access, StreamGrant } from '../auth/authorizer.ts'
import { isTemporary } from '../auth/errors.ts'
import { valid } from '../middleware/validate.ts'
import { StreamQuery, type StreamQueryInput } from '../schemas/requests.ts'
import {
  type OpenStream,
  refuseWithBye,
  streamBlocked,
  streamEvents,
  streamHead,
} from '../stream.ts'
import { asRoutes, type StreamRoute } from './types.ts'

/** What the stream route requires. */
export interface SseRoutesInit {
  readonly hub: Hub
  readonly access: Access | undefined
  readonly openStream: OpenStream | undefined
  /** Describes the request that opened a stream, for operators. */
  connectionInfo(c: Context): ConnectionInfo | undefined
  /** Limits how often streams are opened. Over the limit, it must respond with `refuseWithBye`. */
  readonly limit: MiddlewareHandler
}

/** The type of the stream route. */
export type SseRoutes = {
  '/sse': { $get: StreamRoute<{ query: StreamQueryInput }> }
}

/** Creates the stream route. */
export function sseRoutes(options: SseRoutesInit): Hono<BlankEnv, SseRoutes> {
  const { hub, access, openStream, connectionInfo, limit } = options
  const app = new Hono<{ Variables: { grant: StreamGrant; subject: string } }>().get(
    '/sse',
    valid('query', StreamQuery),
    async (c, next) => {
      const granted = await grantOrRefuse(c, c.req.valid('query'))
      if (granted instanceof Response) return granted
      // Hono runs the GET handler for HEAD and drops the body unread: that stream would never end.
      if (c.req.method === 'HEAD') {
        return internalsOf(hub).isBlocked(granted.client) ? streamBlocked(c) : streamHead(c)
      }
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
      // A temporary failure: at 503, an EventSource would stop reconnecting.
      if (isTemporary(error) || hasCode(error, 'at-capacity', 'journal-unavailable'))
        return refuseWithBye(c, internalsOf(hub).byeFrame('at-capacity'))
      if (hasCode(error, 'blocked')) return streamBlocked(c)
      throw error
    }
  }
}

function hasCode(error: unknown, ...codes: HubErrorCode[]): boolean {
  return error instanceof HubError && codes.includes(error.code)
}
