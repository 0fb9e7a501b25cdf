/** Routes that tell who is connected, and that send a client away. */
import { Hono } from 'hono'
import { isoTime } from '../hub/clock.ts'
import type { Connection } from '../hub/connection.ts'
import type { Hub } from '../hub/hub.ts'
import type { Access } from './access/access.ts'
import { ClientParam, DisconnectQuery, ListQuery, TopicParam } from './contract.ts'
import { operators } from './guard.ts'
import { valid } from './valid.ts'

/** One connection, as listings show it. */
interface ConnectionRow {
  readonly connection: string
  readonly client: string
  readonly topics: readonly string[]
  /** ISO 8601. */
  readonly since: string
  readonly queuedBytes: number
}

/** The routes about clients and their connections. */
export function presence(hub: Hub, access: Access | undefined): Hono {
  const operator = operators(access)
  return new Hono()
    .get('/clients', operator, valid('query', ListQuery), (c) => {
      const rows = take(hub.clients(), c.req.valid('query').limit).map(clientRow)
      return c.json({ clients: rows, total: hub.stats().clients })
    })
    .get('/clients/:id', operator, valid('param', ClientParam), (c) => {
      const { id } = c.req.valid('param')
      const rows = [...hub.listeners({ client: id })].map(connectionRow)
      return c.json({ client: id, connections: rows })
    })
    .get('/topics/:topic', operator, valid('param', TopicParam), valid('query', ListQuery), (c) => {
      const { topic } = c.req.valid('param')
      const listeners = hub.listeners({ topic })
      const rows = take(listeners, c.req.valid('query').limit).map(connectionRow)
      return c.json({ topic, connections: rows, total: listeners.size })
    })
    .delete(
      '/clients/:id',
      operator,
      valid('param', ClientParam),
      valid('query', DisconnectQuery),
      (c) => {
        const { block } = c.req.valid('query')
        const disconnected = hub.disconnect(c.req.valid('param').id, block * 1_000)
        return c.json({ disconnected, blockedSeconds: block })
      },
    )

  function clientRow(client: string) {
    const connections = [...hub.listeners({ client })]
    // Those who came first are first.
    const since = isoTime(connections[0]?.since ?? 0)
    const queuedBytes = connections.reduce((sum, connection) => sum + connection.queuedBytes, 0)
    return { client, connections: connections.length, since, queuedBytes }
  }
}

function connectionRow({ id, client, topics, since, queuedBytes }: Connection): ConnectionRow {
  return { connection: id, client, topics, since: isoTime(since), queuedBytes }
}

function take<T>(items: Iterable<T>, limit: number): T[] {
  const taken: T[] = []
  for (const item of items) {
    if (taken.length === limit) break
    taken.push(item)
  }
  return taken
}
