// @ts-check
import { serveStatic } from '@hono/node-server/serve-static'
import { Hono } from 'hono'
import { getCookie, setCookie } from 'hono/cookie'
import { createClientScript, createHub, streamEvents } from 'hono-sse'
import { serve } from 'hono-sse/serve'
import { z } from 'zod'
import { answer } from './provider.js'

const Chat = z.object({
  id: z.string(),
  question: z.string(),
  text: z.string(),
  state: z.enum(['writing', 'done', 'stopped', 'failed']),
})
/** @typedef {z.infer<typeof Chat>} Chat */

const hub = createHub({
  events: {
    chat: Chat,
    token: z.object({ id: z.string(), offset: z.number(), text: z.string() }),
  },
})

/** @type {Map<string, Record<string, Chat>>} the chats of each visitor: this stands for your database */
const chats = new Map()
/** @type {Map<string, AbortController>} */
const writing = new Map()

/** Writes an answer, whether or not a page is open. @param {string} client @param {Chat} chat */
async function write(client, chat) {
  const abort = new AbortController()
  writing.set(chat.id, abort)
  hub.post({ client }, { event: 'chat', data: chat })
  try {
    for await (const text of answer(chat.question, abort.signal)) {
      const offset = chat.text.length
      chat.text += text
      hub.post({ client }, { event: 'token', data: { id: chat.id, offset, text } })
    }
    chat.state = 'done'
  } catch (error) {
    chat.state = abort.signal.aborted ? 'stopped' : 'failed'
    if (chat.state === 'failed') console.error(error)
  }
  writing.delete(chat.id)
  hub.post({ client }, { event: 'chat', data: chat })
}

/** @type {Hono<{ Variables: { client: string } }>} */
const app = new Hono()

// Your login goes here. In its place, a cookie identifies the browser.
app.use(async (c, next) => {
  const client = getCookie(c, 'visitor') ?? crypto.randomUUID()
  setCookie(c, 'visitor', client, { httpOnly: true, sameSite: 'Lax', maxAge: 86_400 })
  c.set('client', client)
  await next()
})

app.get('/events', (c) => streamEvents(c, { hub, client: c.get('client') }))

app.get('/chats', (c) => c.json(chats.get(c.get('client')) ?? {}))

app.post('/chats', async (c) => {
  const question = (await c.req.text()).trim().slice(0, 500)
  if (!question) return c.text('Ask something.', 400)
  /** @type {Chat} */
  const chat = { id: crypto.randomUUID(), question, text: '', state: 'writing' }
  chats.set(c.get('client'), { ...chats.get(c.get('client')), [chat.id]: chat })
  void write(c.get('client'), chat)
  return c.json({ id: chat.id }, 201)
})

app.post('/chats/:id/stop', (c) => {
  const { id } = c.req.param()
  // Only its own visitor may stop it.
  if (chats.get(c.get('client'))?.[id]) writing.get(id)?.abort()
  return c.body(null, 204)
})

app.route('/', createClientScript())
app.get('*', serveStatic({ root: './public' }))

const { url } = await serve(app, { hub, port: Number(process.env.PORT ?? 3000) })
console.log(url)
