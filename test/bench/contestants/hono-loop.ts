/** A loop over `streamSSE` streams: what one writes with Hono's documentation at hand. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'

const streams = new Map<string, SSEStreamingApi>()
let id = 0

const app = new Hono()
app.get('/sse', (c) =>
  streamSSE(c, async (stream) => {
    const client = c.req.query('id') ?? ''
    streams.set(client, stream)
    await stream.writeSSE({ event: 'ready', data: client })
    await new Promise<void>((resolve) => stream.onAbort(resolve))
    streams.delete(client)
  }),
)
app.post('/broadcast', async (c) => {
  const data = await c.req.text()
  id += 1
  for (const stream of streams.values()) void stream.writeSSE({ id: String(id), data })
  return c.json({ id })
})
app.post('/clients/:id', async (c) => {
  const data = await c.req.text()
  id += 1
  await streams.get(c.req.param('id'))?.writeSSE({ id: String(id), data })
  return c.json({ id })
})
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
