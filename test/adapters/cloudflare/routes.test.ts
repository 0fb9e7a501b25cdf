/** Where requests go: the router reads URLs exactly as the app does. */
import { type Context, Hono } from 'hono'
import { expect, test } from 'vitest'
import { shardRoute } from '../../../src/adapters/cloudflare/routes.ts'
import { seeded } from '../../support/seeded-random.ts'

/** What the app makes of a request: the route, and the client. */
function setUp() {
  const named = (to: string) => (c: Context) => c.json({ to, client: c.req.param('id') })
  const plain = (to: string) => (c: Context) => c.json({ to })
  const app = new Hono()
    .get('/sse', (c) => c.json({ to: 'stream', client: c.req.query('id') }))
    .post('/ping/:id', named('client'))
    .post('/clients/:id', named('client'))
    .post('/clients/:id/stop', named('stop'))
    .get('/clients/:id', named('client'))
    .delete('/clients/:id', (c) => named(c.req.query('block') ? 'block' : 'client')(c))
    .post('/topics/:topic', plain('publish'))
    .post('/broadcast', plain('publish'))
    .get('/clients', plain('clients'))
    .get('/topics', plain('topics'))
    .get('/topics/:topic', plain('connections'))
    .get('/metrics', plain('metrics'))
    .post('/tickets', plain('ticket'))
    // Not a route for '*': before Hono 4.13, that matched no path with a line break.
    .notFound(plain('any'))
  return async ({ url, method }: Request) => {
    // The body says which route it was, and HEAD has none.
    const request = new Request(url, { method: method === 'HEAD' ? 'GET' : method })
    const { to, client } = (await (await app.fetch(request)).json()) as Record<string, unknown>
    return { to, client }
  }
}

function routed(request: Request) {
  const route = shardRoute(request)
  return { to: route.to, client: 'client' in route ? route.client : undefined }
}

const PATHS = [
  'sse',
  'ping',
  'clients',
  'stop',
  'topics',
  'broadcast',
  'metrics',
  'tickets',
  'other',
]
const PIECES = [
  'a',
  '/',
  '%',
  '%2',
  '%25',
  '%2F',
  '%E0',
  '%E0%A4',
  '%C3%A9',
  '%0A',
  '%00',
  '+',
  'é',
]
const COUNT = 500
const METHODS = ['GET', 'HEAD', 'POST', 'DELETE', 'PUT']

test('the router parses random URLs as the app does', async () => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  const random = seeded(seed)
  const read = setUp()
  const one = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const pieces = () => Array.from({ length: Math.floor(random() * 4) }, () => one(PIECES)).join('')
  const escaped = (text: string) =>
    text.replace(/./g, (letter) => {
      return random() < 0.1 ? `%${letter.charCodeAt(0).toString(16)}` : letter
    })
  for (let i = 0; i < COUNT; i++) {
    const path = `${escaped(one(PATHS))}${one(['', '/', `/${pieces()}`])}`
    const query = one(['', `?${escaped('id')}=${pieces()}`, `?${escaped('block')}=1`, '?id=a&id=b'])
    const request = new Request(`http://localhost/${path}${query}`, { method: one(METHODS) })
    expect(routed(request), `seed ${seed}: ${request.method} ${request.url}`).toEqual(
      await read(request),
    )
  }
})

test('a request for a client id that can’t be decoded goes to the shard where the app expects that client', () => {
  const get = (path: string) => routed(new Request(`http://localhost${path}`)).client
  expect(get('/sse?id=%E0')).toBe('%E0')
  expect(get('/clients/%25E0')).toBe('%E0')
})
