/** The route that opens streams. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { BlankEnv } from 'hono/types'
import { type HubErrorCode, isHubError } from '../../core/errors.ts'
import type { ConnectionInfo } from '../../hub/connections/connection-types.ts'
import type { Hub } from '../../hub/hub-types.ts'
import type { Access, StreamGrant } from '../auth/authorizer.ts'
import { isTemporary } from '../auth/errors.ts'
import { valid } from '../middleware/validate.ts'
import { GRANT, SUBJECT } from '../middleware/variables.ts'
import type { OpenStream } from '../openers/open-stream.ts'
import { StreamQuery, type StreamQueryInput } from '../schemas/requests.ts'
import { refuseWithBye, streamBlocked, streamEvents, streamHead } from '../stream.ts'
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

/** What the handlers of a stream hand to each other. */
type StreamEnv = { Variables: { [GRANT]: StreamGrant; [SUBJECT]: string } }

/** Creates the stream route. */
export function sseRoutes(options: SseRoutesInit): Hono<BlankEnv, SseRoutes> {
  const { hub, access, openStream, connectionInfo, limit } = options
  const app = new Hono<StreamEnv>().get(
    '/sse',
    valid('query', StreamQuery),
    async (c, next) => {
      const granted = await grantOrRefuse(c)
      if (granted instanceof Response) return granted
      if (c.req.method === 'HEAD') return streamHead(c, hub, granted.client)
      c.set(GRANT, granted)
      if (access) c.set(SUBJECT, `client:${granted.client}`)
      return await next()
    },
    limit,
    (c) => {
      const { lastEventId } = c.req.valid('query')
      const info = connectionInfo(c as unknown as Context)
      return streamEvents(c, { hub, ...c.get(GRANT), lastEventId, info, openStream })
    },
  )
  return asRoutes(app)

  async function grantOrRefuse(
    c: Context<StreamEnv, '/sse', { out: { query: StreamQuery } }>,
  ): Promise<StreamGrant | Response> {
    const { id, topic, ticket } = c.req.valid('query')
    if (!access) return { client: id ?? crypto.randomUUID(), topics: topic }
    try {
      return await access.listen(c, { client: id, topics: topic, ticket })
    } catch (error) {
      // A temporary failure: at 503, an EventSource would stop reconnecting.
      if (isTemporary(error) || hasCode(error, 'at-capacity', 'journal-unavailable'))
        return refuseWithBye(c, hub, 'at-capacity')
      if (hasCode(error, 'blocked')) return await streamBlocked(c, hub)
      throw error
    }
  }
}

function hasCode(error: unknown, ...codes: HubErrorCode[]): boolean {
  return isHubError(error) && codes.includes(error.code)
}
