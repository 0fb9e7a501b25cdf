/** A bare Hono route that reads a body and answers: the least that publishing can cost on Hono. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

let id = 0

const app = new Hono()
app.post('/broadcast', async (c) => {
  const data = await c.req.text()
  id += 1
  return c.json({ id, bytes: data.length })
})
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
