/** Routes that publish: to one client, to one topic, to everyone. */
import { type Context, Hono } from 'hono'
import type { Address } from '../hub/address.ts'
import type { EventInput } from '../hub/event.ts'
import type { Hub } from '../hub/hub.ts'
import { publishingBody } from './body.ts'
import { ClientParam, PublishBody, TopicParam } from './contract.ts'
import { valid } from './valid.ts'

/** The routes under which events come in. */
export function publishing(hub: Hub): Hono {
  const body = publishingBody(hub.maxEventBytes)
  const event = valid('json', PublishBody)
  return new Hono()
    .post('/ping/:id', valid('param', ClientParam), (c) =>
      send(c, { client: c.req.valid('param').id }, { data: 'hello' }),
    )
    .post('/clients/:id', valid('param', ClientParam), body, event, (c) =>
      send(c, { client: c.req.valid('param').id }, c.req.valid('json')),
    )
    .post('/topics/:topic', valid('param', TopicParam), body, event, (c) =>
      send(c, { topic: c.req.valid('param').topic }, c.req.valid('json')),
    )
    .post('/broadcast', body, event, (c) => send(c, 'everyone', c.req.valid('json')))

  async function send(c: Context, address: Address, input: EventInput): Promise<Response> {
    return c.json(await hub.publish(address, input))
  }
}
