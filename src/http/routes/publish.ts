/** Routes that validate an event and publish it: to one client, to a topic, or to everyone. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { z } from 'zod'
import type { Address } from '../../core/address.ts'
import type { AnyEvents, EventOf } from '../../core/declared-events.ts'
import type { EventInput } from '../../core/event.ts'
import type { Hub } from '../../hub/hub-types.ts'
import type { Access } from '../auth/authorizer.ts'
import { requirePublish } from '../middleware/authorize.ts'
import { eventBody } from '../middleware/body.ts'
import { valid } from '../middleware/validate.ts'
import { ClientParam, TopicParam } from '../schemas/requests.ts'
import type { Published } from '../schemas/responses.ts'
import { asRoutes, type JsonRoute, jsonResponse } from './types.ts'

/** What the publish routes require. */
export interface PublishRoutesInit {
  readonly hub: Hub
  readonly access: Access | undefined
  /** Limits how often events are published. */
  readonly limit: MiddlewareHandler
}

type ToClient = { param: z.input<typeof ClientParam> }
type ToTopic = { param: z.input<typeof TopicParam> }
type AnEvent<Events extends object> = { json: EventOf<Events> }

/** The types of the publish routes. */
export type PublishRoutes<Events extends object = AnyEvents> = {
  '/ping/:id': { $post: JsonRoute<ToClient, Published> }
  '/clients/:id': { $post: JsonRoute<ToClient & AnEvent<Events>, Published> }
  '/topics/:topic': { $post: JsonRoute<ToTopic & AnEvent<Events>, Published> }
  '/broadcast': { $post: JsonRoute<AnEvent<Events>, Published> }
}

/** Creates the publish routes. */
export function publishRoutes(options: PublishRoutesInit): Hono<BlankEnv, PublishRoutes> {
  const { hub, access, limit } = options
  const body = eventBody(hub.maxEventBytes)
  const client = valid('param', ClientParam)
  const topic = valid('param', TopicParam)
  const toClient = requirePublish(access, (c) => ({ client: c.req.param('id') ?? '' }))
  const toTopic = requirePublish(access, (c) => ({ topic: c.req.param('topic') ?? '' }))
  const toEveryone = requirePublish(access, () => 'everyone')
  const app = new Hono()
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
  return asRoutes(app)

  async function send(c: Context, address: Address, input: EventInput) {
    return jsonResponse<Published>(c, await hub.publish(address, input))
  }
}
