/** Routes that tell who is connected, and that send a client away. */
import { Hono } from 'hono'
import { isoTime } from '../hub/clock.ts'
import type { Hub } from '../hub/hub.ts'
import type { Access } from './access/access.ts'
import { ClientParam, DisconnectQuery, ListQuery, TopicParam } from './contract.ts'
import { operators } from './guard.ts'
import { valid } from './valid.ts'

/** Connections of one client that are shown: more than it may have by default. */
const MAX_ROWS = 10_000

/** The routes about clients and their connections. */
export function presence(hub: Hub, access: Access | undefined): Hono {
  const operator = operators(access)
  return new Hono()
    .get('/clients', operator, valid('query', ListQuery), async (c) => {
      const { rows, total } = await hub.presence.clients(c.req.valid('query').limit)
      return c.json({ clients: rows.map(withTime), total })
    })
    .get('/clients/:id', operator, valid('param', ClientParam), async (c) => {
      const { id } = c.req.valid('param')
      const { rows } = await hub.presence.connections({ client: id }, MAX_ROWS)
      return c.json({ client: id, connections: rows.map(withTime) })
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
        return c.json({ topic, connections: rows.map(withTime), total })
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
        return c.json({ disconnected, blockedSeconds: block })
      },
    )
}

/** A row with its time as ISO 8601. */
function withTime<Row extends { readonly since: number }>(row: Row) {
  return { ...row, since: isoTime(row.since) }
}
