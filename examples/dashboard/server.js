// @ts-check
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { createClientScript, createHub, streamEvents } from 'hono-sse'
import { serve } from 'hono-sse/serve'
import { z } from 'zod'

const SHOP = { topic: 'shop' }

const hub = createHub({
  events: {
    sample: z.object({ at: z.number(), orders: z.number(), responseMs: z.number() }),
    viewers: z.number(),
  },
  onConnect: () => countViewers(),
  onDisconnect: () => countViewers(),
})

function countViewers() {
  if (!hub.closing) hub.post(SHOP, { event: 'viewers', data: hub.stats().connections })
}

// This stands for your shop: it measures itself once a second.
let orders = 0
setInterval(() => {
  const at = Date.now()
  orders += Math.random() < 0.3 ? 1 : 0
  const responseMs = Math.round(80 + 30 * Math.sin(at / 9_000) + 25 * Math.random())
  if (!hub.closing) hub.post(SHOP, { event: 'sample', data: { at, orders, responseMs } })
}, 1_000)

const app = new Hono()

// Anyone may watch. With a login, return 401 to others here.
app.get('/events', (c) =>
  streamEvents(c, { hub, client: crypto.randomUUID(), topics: [SHOP.topic] }),
)

app.post('/orders', (c) => {
  orders += 1
  return c.body(null, 204)
})

app.route('/', createClientScript())
app.get('*', serveStatic({ root: './public' }))

const { url } = await serve(app, { hub, port: Number(process.env.PORT ?? 3000) })
console.log(url)
