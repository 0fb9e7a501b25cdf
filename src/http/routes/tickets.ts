/** The route where a back end gets tickets for its pages. */
import { type Context, Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { z } from 'zod'
import type { Hub } from '../../hub/hub.ts'
import type { Access, Issuer } from '../auth/authorizer.ts'
import { forbidden } from '../auth/errors.ts'
import { TICKET_SECONDS } from '../auth/tickets.ts'
import { jsonBody } from '../middleware/body.ts'
import { TicketBody } from '../schemas/requests.ts'
import type { IssuedTicket } from '../schemas/responses.ts'
import { type Answering, answer, declared } from './types.ts'

/** The route that issues tickets, as a type. */
export type TicketingRoutes = {
  '/tickets': { $post: Answering<{ json: z.input<typeof TicketBody> }, IssuedTicket> }
}

/** The route that issues tickets. */
export function ticketing(hub: Hub, access: Access): Hono<BlankEnv, TicketingRoutes> {
  const app = new Hono<{ Variables: { issue: Issuer } }>().post(
    '/tickets',
    async (c, next) => {
      c.set('issue', await access.issuer(c as unknown as Context))
      await next()
    },
    jsonBody(TicketBody),
    async (c) => {
      const { client, topics, grantSeconds } = c.req.valid('json')
      if (hub.blocked(client)) throw forbidden('This client is blocked for now.')
      const ticket = await c.get('issue')({ client, topics }, grantSeconds)
      c.header('Cache-Control', 'no-store')
      return answer<IssuedTicket>(c, { ticket, expiresInSeconds: TICKET_SECONDS })
    },
  )
  return declared(app)
}
