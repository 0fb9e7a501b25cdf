/** The route where a back end gets tickets for its pages. */
import { type Context, Hono } from 'hono'
import type { Hub } from '../hub/hub.ts'
import type { Access } from './access/access.ts'
import { forbidden } from './access/refusals.ts'
import { TICKET_SECONDS, type Tickets } from './access/tickets.ts'
import { jsonBody } from './body.ts'
import { TicketBody } from './contract.ts'
import { valid } from './valid.ts'

/** The route that issues tickets. */
export function ticketing(hub: Hub, access: Access): Hono {
  const app = new Hono<{ Variables: { tickets: Tickets } }>()
  app.post(
    '/tickets',
    async (c, next) => {
      c.set('tickets', await access.issueTickets(c as unknown as Context))
      await next()
    },
    jsonBody(),
    valid('json', TicketBody),
    async (c) => {
      const { client, topics, grantSeconds } = c.req.valid('json')
      if (hub.blocked(client)) throw forbidden('This client is blocked for now.')
      const ticket = await c.get('tickets').issue({ client, topics }, grantSeconds)
      c.header('Cache-Control', 'no-store')
      return c.json({ ticket, expiresInSeconds: TICKET_SECONDS })
    },
  )
  return app as unknown as Hono
}
