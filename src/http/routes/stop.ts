/** The route by which a client stops what is being published to it, such as the answer of a language model. */
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { z } from 'zod'
import type { StopResult } from '../../hub/cluster.ts'
import type { Hub } from '../../hub/hub-types.ts'
import type { Access } from '../auth/authorizer.ts'
import { passThrough } from '../middleware/authorize.ts'
import { valid } from '../middleware/validate.ts'
import { SUBJECT } from '../middleware/variables.ts'
import { StopQuery } from '../schemas/pipes.ts'
import { ClientParam } from '../schemas/requests.ts'
import { asRoutes, type JsonRoute, jsonResponse } from './types.ts'

type AStop = { param: z.input<typeof ClientParam>; query: z.input<typeof StopQuery> }

/** The type of the stop route. */
export type StopRoutes = { '/clients/:id/stop': { $post: JsonRoute<AStop, StopResult, 200 | 202> } }

/** Creates the stop route. @param limit - limits how often events are published, and streams are stopped */
export function stopRoutes(
  hub: Hub,
  access: Access | undefined,
  limit: MiddlewareHandler,
): Hono<BlankEnv, StopRoutes> {
  const app = new Hono().post(
    '/clients/:id/stop',
    valid('param', ClientParam),
    valid('query', StopQuery),
    access ? (c, next) => permit(access, c as unknown as Context, next) : passThrough,
    limit,
    async (c) => {
      const done = await hub.stop(c.req.valid('param').id, c.req.valid('query').key)
      const { asked = 0, answered = 0 } = done
      return jsonResponse<StopResult, 200 | 202>(c, done, answered < asked ? 202 : 200)
    },
  )
  return asRoutes(app)
}

/** Whoever may listen as the client may stop what is published to it, and so may whoever publishes to it. */
async function permit(access: Access, c: Context, next: () => Promise<void>): Promise<void> {
  const client = c.req.param('id') ?? ''
  const subject = access.stop
    ? await access.stop(c, client, c.req.query('ticket'))
    : await access.publish(c, { client })
  c.set(SUBJECT, subject)
  await next()
}
