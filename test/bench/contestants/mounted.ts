/** The hub mounted in an app of one's own, served as Hono's documentation does. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { cors } from 'hono/cors'

const library = pathToFileURL(join(process.cwd(), 'dist/index.js')).href
const { createApp, createHub } = await import(library)

const hub = createHub({ heartbeatMs: 3_600_000, lifetimeMs: 86_400_000 })
const app = new Hono().use(cors()).route('/', createApp({ hub, access: 'anyone' }))
serve({ fetch: app.fetch, port: Number(process.env.PORT), hostname: '127.0.0.1' })
