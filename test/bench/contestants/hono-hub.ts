/** One plain Hono route that reads JSON and publishes it at the hub: what publishing costs without the app around it. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'

const library = pathToFileURL(join(process.cwd(), 'dist/index.js')).href
const { createHub } = await import(library)

const hub = createHub({ heartbeatMs: 3_600_000, lifetimeMs: 86_400_000 })
const app = new Hono()
app.post('/broadcast', async (c) => c.json(await hub.publish('everyone', await c.req.json())))
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
