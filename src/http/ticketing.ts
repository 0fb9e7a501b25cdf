/** The route where a back end gets tickets for its pages. */
import { type Context, Hono } from 'hono'
import type { Hub } from '../hub/hub.ts'
import type { Access, Issuer } from './access/access.ts'
import { forbidden } from './access/refusals.ts'
import { TICKET_SECONDS } from './access/tickets.ts'
import { jsonBody } from './body.ts'
import { TicketBody } from './contract.ts'

/** The route that issues tickets. */
export function ticketing(hub: Hub, access: Access): Hono {
  const app = new Hono<{ Variables: { issue: Issuer } }>()
  app.post(
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
      return c.json({ ticket, expiresInSeconds: TICKET_SECONDS })
    },
  )
  return app as unknown as Hono
}
