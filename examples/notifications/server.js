// @ts-check
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { createApp, createClientScript, createHub } from 'hono-sse'
import { serve } from 'hono-sse/serve'
import { z } from 'zod'

const SESSION_SECONDS = 86_400

/** @typedef {{ id: number, from: string, text: string }} Message */

// These stand for your database.
const passwords = new Map(Object.entries({ alice: 'wonderland', bob: 'builder' }))
/** @type {Map<string, { user: string, expiresAt: number }>} */
const sessions = new Map()
/** @type {(Message & { to: string })[]} */
const messages = []
/** @type {Map<string, number>} the id of the last message that each user has read */
const readUpTo = new Map()
/** @type {Set<string>} */
const online = new Set()

const hub = createHub({
  events: {
    message: z.object({ id: z.number(), from: z.string(), text: z.string() }),
    read: z.number(),
    online: z.array(z.string()),
  },
  onClientOnline: (user) => setOnline(user, true),
  onClientOffline: (user) => setOnline(user, false),
})

/** @param {string} user @param {boolean} isOnline */
function setOnline(user, isOnline) {
  online[isOnline ? 'add' : 'delete'](user)
  // A hub that closes sends everybody offline, and accepts no more events.
  if (!hub.closing) hub.post({ topic: 'people' }, { event: 'online', data: [...online] })
}

/** @param {import('hono').Context} c */
function sessionOf(c) {
  const session = sessions.get(getCookie(c, 'session') ?? '')
  return session && session.expiresAt > Date.now() ? session : undefined
}

/** The stream is for whoever is logged in, and ends with the session. */
const realtime = createApp({
  hub,
  clientScript: createClientScript(),
  access: (c) => {
    const session = sessionOf(c)
    return session && { client: session.user, topics: ['people'], expiresAt: session.expiresAt }
  },
})

/** @type {Hono<{ Variables: { user: string } }>} */
const api = new Hono()
api.use(async (c, next) => {
  const session = sessionOf(c)
  if (!session) return c.text('Log in first.', 401)
  c.set('user', session.user)
  await next()
})

api.get('/state', (c) => {
  const user = c.get('user')
  const own = messages.filter(({ to }) => to === user).map((message) => [message.id, message])
  const read = readUpTo.get(user) ?? 0
  return c.json({ user, read, online: [...online], messages: Object.fromEntries(own) })
})

api.post('/messages/:to', async (c) => {
  const to = c.req.param('to')
  const text = (await c.req.text()).trim().slice(0, 500)
  if (!passwords.has(to) || !text) return c.text('Send a text to somebody.', 400)
  // Store first: the journal of the hub holds minutes.
  const message = { id: messages.length + 1, from: c.get('user'), text }
  messages.push({ ...message, to })
  hub.post({ client: to }, { event: 'message', data: message })
  return c.json(message, 201)
})

api.post('/read/:id', (c) => {
  const user = c.get('user')
  const id = Math.min(Number(c.req.param('id')) || 0, messages.length)
  readUpTo.set(user, id)
  hub.post({ client: user }, { event: 'read', data: id })
  return c.body(null, 204)
})

const app = new Hono().route('/realtime', realtime).route('/api', api)

app.post('/login', async (c) => {
  const { user, password } = await c.req.parseBody()
  if (typeof user !== 'string' || !password || password !== passwords.get(user))
    return c.redirect('/?failed', 303)
  const id = crypto.randomUUID()
  sessions.set(id, { user, expiresAt: Date.now() + SESSION_SECONDS * 1_000 })
  // With https, also `secure: true`.
  setCookie(c, 'session', id, { httpOnly: true, sameSite: 'Lax', maxAge: SESSION_SECONDS })
  return c.redirect('/', 303)
})

app.post('/logout', async (c) => {
  const session = sessionOf(c)
  sessions.delete(getCookie(c, 'session') ?? '')
  // Ends the streams of this user: those of other sessions reconnect, this one's get 401.
  if (session) await hub.disconnect(session.user)
  return c.redirect('/', 303)
})

app.get('*', serveStatic({ root: './public' }))

const { url } = await serve(app, { hub, port: Number(process.env.PORT ?? 3000) })
console.log(url)
