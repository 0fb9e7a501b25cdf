/** The route that issues tickets: a back end requests them for its pages. */
import { type Context, Hono } from 'hono'
import type { BlankEnv } from 'hono/types'
import type { z } from 'zod'
import type { Hub } from '../../hub/hub-types.ts'
import { internalsOf } from '../../hub/internals.ts'
import type { Access, TicketIssuer } from '../auth/authorizer.ts'
import { clientBlocked } from '../auth/errors.ts'
import { TICKET_SECONDS } from '../auth/tickets.ts'
import { jsonBody } from '../middleware/body.ts'
import { ISSUER } from '../middleware/variables.ts'
import { TicketBody } from '../schemas/requests.ts'
import type { IssuedTicket } from '../schemas/responses.ts'
import { asRoutes, type JsonRoute, jsonResponse } from './types.ts'

/** The type of the ticket route. */
export type TicketRoutes = {
  '/tickets': { $post: JsonRoute<{ json: z.input<typeof TicketBody> }, IssuedTicket> }
}

/** Creates the ticket route. */
export function ticketRoutes(hub: Hub, access: Access): Hono<BlankEnv, TicketRoutes> {
  const app = new Hono<{ Variables: { [ISSUER]: TicketIssuer } }>().post(
    '/tickets',
    async (c, next) => {
      c.set(ISSUER, await access.issuer(c as unknown as Context))
      await next()
    },
    jsonBody(TicketBody),
    async (c) => {
      const { client, topics, grantSeconds } = c.req.valid('json')
      if (internalsOf(hub).isBlocked(client)) throw clientBlocked()
      const ticket = await c.get(ISSUER)({ client, topics }, grantSeconds)
      c.header('Cache-Control', 'no-store')
      return jsonResponse<IssuedTicket>(c, { ticket, expiresInSeconds: TICKET_SECONDS })
    },
  )
  return asRoutes(app)
}
