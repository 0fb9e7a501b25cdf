/** Routes that tell who is connected, and that send a client away. */
import { Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { z } from 'zod'
import { isoTime } from '../../core/clock.ts'
import type { Hub } from '../../hub/hub.ts'
import type { Access } from '../auth/authorizer.ts'
import { operators } from '../middleware/authorize.ts'
import { valid } from '../middleware/validate.ts'
import { ClientParam, DisconnectQuery, ListQuery, TopicParam } from '../schemas/requests.ts'
import type {
  ClientConnections,
  Clients,
  Disconnected,
  Told,
  TopicConnections,
} from '../schemas/responses.ts'
import { type Answering, answer, declared } from './types.ts'

/** Connections of one client that are shown: more than it may have by default. */
const MAX_ROWS = 10_000

type OfClient = { param: z.input<typeof ClientParam> }
type OfTopic = { param: z.input<typeof TopicParam> }
type Listed = { query?: z.input<typeof ListQuery> }
type SentAway = { query?: z.input<typeof DisconnectQuery> }

/** The routes about clients and their connections, as types. */
export type PresenceRoutes = {
  '/clients': { $get: Answering<Listed, Clients> }
  '/clients/:id': {
    $get: Answering<OfClient, ClientConnections>
    $delete: Answering<OfClient & SentAway, Disconnected>
  }
  '/topics/:topic': { $get: Answering<OfTopic & Listed, TopicConnections> }
}

/** The routes about clients and their connections. */
export function presence(hub: Hub, access: Access | undefined): Hono<BlankEnv, PresenceRoutes> {
  const operator = operators(access)
  const app = new Hono()
    .get('/clients', operator, valid('query', ListQuery), async (c) => {
      const { rows, total } = await hub.presence.clients(c.req.valid('query').limit)
      return answer<Clients>(c, { clients: rows.map(withTime), total })
    })
    .get('/clients/:id', operator, valid('param', ClientParam), async (c) => {
      const { id } = c.req.valid('param')
      const { rows } = await hub.presence.connections({ client: id }, MAX_ROWS)
      return answer<ClientConnections>(c, { client: id, connections: rows.map(withTime) })
    })
    .get(
      '/topics/:topic',
      operator,
      valid('param', TopicParam),
      valid('query', ListQuery),
      async (c) => {
        const { topic } = c.req.valid('param')
        const { limit } = c.req.valid('query')
        const { rows, total } = await hub.presence.connections({ topic }, limit)
        return answer<TopicConnections>(c, { topic, connections: rows.map(withTime), total })
      },
    )
    .delete(
      '/clients/:id',
      operator,
      valid('param', ClientParam),
      valid('query', DisconnectQuery),
      async (c) => {
        const { block } = c.req.valid('query')
        const disconnected = await hub.disconnect(c.req.valid('param').id, block * 1_000)
        return answer<Disconnected>(c, { disconnected, blockedSeconds: block })
      },
    )
  return declared(app)
}

/** A row with its time as ISO 8601. */
function withTime<Row extends { readonly since: number }>(row: Row): Told<Row> {
  return { ...row, since: isoTime(row.since) }
}
