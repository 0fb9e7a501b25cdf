/** Routes that list clients, topics, connections and retained events, and that disconnect a client. */
import { Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { z } from 'zod'
import { isoTime } from '../../core/clock.ts'
import type { Hub } from '../../hub/hub-types.ts'
import type { ConnectionSummary } from '../../hub/presence.ts'
import type { Access } from '../auth/authorizer.ts'
import { requireOperate } from '../middleware/authorize.ts'
import { valid } from '../middleware/validate.ts'
import {
  ClientParam,
  DisconnectQuery,
  FollowedParam,
  ListQuery,
  TopicParam,
} from '../schemas/requests.ts'
import type {
  ClientConnections,
  Clients,
  Disconnected,
  Listed,
  TopicConnections,
  Topics,
} from '../schemas/responses.ts'
import type { TopicRetained } from '../schemas/retained.ts'
import { asRoutes, type JsonRoute, jsonResponse } from './types.ts'

/** The maximum number of connections listed for one client: more than it may have by default. */
const MAX_ROWS = 10_000

type OfClient = { param: z.input<typeof ClientParam> }
type OfTopic = { param: z.input<typeof FollowedParam> }
type OfList = { query?: z.input<typeof ListQuery> }
type OfDisconnect = { query?: z.input<typeof DisconnectQuery> }

/** The types of the client routes. */
export type ClientRoutes = {
  '/clients': { $get: JsonRoute<OfList, Clients> }
  '/clients/:id': {
    $get: JsonRoute<OfClient, ClientConnections>
    $delete: JsonRoute<OfClient & OfDisconnect, Disconnected, 200 | 202>
  }
  '/topics': { $get: JsonRoute<OfList, Topics> }
  '/topics/:topic': { $get: JsonRoute<OfTopic & OfList, TopicConnections> }
  '/topics/:topic/retained': { $get: JsonRoute<OfTopic & OfList, TopicRetained> }
}

/** Creates the client routes. */
export function clientRoutes(hub: Hub, access: Access | undefined): Hono<BlankEnv, ClientRoutes> {
  const operator = requireOperate(access)
  const app = new Hono()
    .get('/clients', operator, valid('query', ListQuery), async (c) => {
      const { rows, ...counts } = await hub.clients(c.req.valid('query').limit)
      return jsonResponse<Clients>(c, { clients: rows.map(withTime), ...counts })
    })
    .get('/clients/:id', operator, valid('param', ClientParam), async (c) => {
      const { id } = c.req.valid('param')
      const { rows, ...counts } = await hub.connections({ client: id }, MAX_ROWS)
      const connections = rows.map(listed)
      return jsonResponse<ClientConnections>(c, { client: id, connections, ...counts })
    })
    .get('/topics', operator, valid('query', ListQuery), async (c) => {
      const { rows, ...counts } = await hub.topics(c.req.valid('query'))
      return jsonResponse<Topics>(c, { topics: rows, ...counts })
    })
    .get(
      '/topics/:topic',
      operator,
      valid('param', FollowedParam),
      valid('query', ListQuery),
      async (c) => {
        const { topic } = c.req.valid('param')
        const { limit } = c.req.valid('query')
        const { rows, ...counts } = await hub.connections({ topic }, limit)
        const connections = rows.map(listed)
        return jsonResponse<TopicConnections>(c, { topic, connections, ...counts })
      },
    )
    .get(
      '/topics/:topic/retained',
      operator,
      valid('param', TopicParam),
      valid('query', ListQuery),
      async (c) => {
        const { topic } = c.req.valid('param')
        const { rows, complete } = await hub.retained({ topic }, c.req.valid('query'))
        return jsonResponse<TopicRetained>(c, { topic, retained: rows, complete })
      },
    )
    .delete(
      '/clients/:id',
      operator,
      valid('param', ClientParam),
      valid('query', DisconnectQuery),
      async (c) => {
        const { block } = c.req.valid('query')
        const done = await hub.disconnect(c.req.valid('param').id, block * 1_000)
        const { disconnected, ...coverage } = done
        const { asked = 0, answered = 0 } = coverage
        const body = { disconnected, blockedSeconds: block, ...coverage }
        return jsonResponse<Disconnected, 200 | 202>(c, body, answered < asked ? 202 : 200)
      },
    )
  return asRoutes(app)
}

/** A row with its time in ISO 8601. */
function withTime<Row extends { readonly since: number }>(row: Row): Listed<Row> {
  return { ...row, since: isoTime(row.since) }
}

/** A connection without the host's own data about it, which never leaves its process. */
function listed({ context, ...row }: ConnectionSummary): Listed<ConnectionSummary> {
  return withTime(row)
}
