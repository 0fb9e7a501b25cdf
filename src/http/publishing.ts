/** Routes that publish: to one client, to one topic, to everyone. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { Address } from '../hub/address.ts'
import type { EventInput } from '../hub/event.ts'
import type { Hub } from '../hub/hub.ts'
import type { Access } from './access/access.ts'
import { publishingBody } from './body.ts'
import { ClientParam, TopicParam } from './contract.ts'
import { publishers } from './guard.ts'
import { valid } from './valid.ts'

/** What publishing needs. */
export interface PublishingOptions {
  readonly hub: Hub
  readonly access: Access | undefined
  /** Limits how often is published. */
  readonly limit: MiddlewareHandler
}

/** The routes under which events come in. */
export function publishing({ hub, access, limit }: PublishingOptions): Hono {
  const body = publishingBody(hub.maxEventBytes)
  const client = valid('param', ClientParam)
  const topic = valid('param', TopicParam)
  const toClient = publishers(access, (c) => ({ client: c.req.param('id') ?? '' }))
  const toTopic = publishers(access, (c) => ({ topic: c.req.param('topic') ?? '' }))
  const toEveryone = publishers(access, () => 'everyone')
  return new Hono()
    .post('/ping/:id', client, toClient, limit, (c) =>
      send(c, { client: c.req.valid('param').id }, { data: 'hello' }),
    )
    .post('/clients/:id', client, toClient, limit, body, (c) =>
      send(c, { client: c.req.valid('param').id }, c.req.valid('json')),
    )
    .post('/topics/:topic', topic, toTopic, limit, body, (c) =>
      send(c, { topic: c.req.valid('param').topic }, c.req.valid('json')),
    )
    .post('/broadcast', toEveryone, limit, body, (c) => send(c, 'everyone', c.req.valid('json')))

  async function send(c: Context, address: Address, input: EventInput): Promise<Response> {
    return c.json(await hub.publish(address, input))
  }
}
