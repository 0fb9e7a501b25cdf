/** The app in Express, Fastify and plain `node:http`: streams and every way to publish, behind parsers of bodies. */
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type Context, Hono } from 'hono'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  type NodeApp,
  type NodeHandler,
  toNodeHandler,
} from '../../../src/adapters/node/handler.ts'
import { createApp } from '../../../src/http/app.ts'
import { streamEvents } from '../../../src/http/stream.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { listen } from '../../support/client.ts'
import { hasData } from '../../support/events.ts'
import { eventually } from '../../support/eventually.ts'

type Middleware = (req: IncomingMessage, res: ServerResponse, next: () => void) => void

/** The part of Express that these tests use; its types are for the documentation. */
interface Express {
  (): Middleware & { use(...handlers: unknown[]): void }
  json(options?: object): Middleware
  text(options?: object): Middleware
  raw(options?: object): Middleware
  urlencoded(options?: object): Middleware
}

interface Fastify {
  readonly server: Server
  all(path: string, handler: (request: FastifyRequest, reply: FastifyReply) => void): void
  listen(options: { port: number; host: string }): Promise<string>
  close(): Promise<void>
}
interface FastifyRequest {
  readonly raw: IncomingMessage
  readonly body: unknown
}
interface FastifyReply {
  readonly raw: ServerResponse
  hijack(): void
}

// Not imported by name, so that the types of all tests do not depend on these packages.
const EXPRESS: string = 'express'
const FASTIFY: string = 'fastify'
const { default: express } = (await import(EXPRESS)) as { default: Express }
const { default: fastify } = (await import(FASTIFY)) as { default: () => Fastify }

function hubAndHandler() {
  const hub = createHub()
  onTestFinished(() => hub.close())
  const app = createApp({ hub, access: 'anyone' })
  return { hub, app, handler: toNodeHandler(app) }
}

/** Listens, and returns the URL under which the app is mounted. */
async function urlOf(
  listener: (req: IncomingMessage, res: ServerResponse) => void,
): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const JSON_TYPE = { 'Content-Type': 'application/json' }
const FORM_TYPE = { 'Content-Type': 'application/x-www-form-urlencoded' }

const bodies: [string, RequestInit][] = [
  ['JSON', { headers: JSON_TYPE, body: '{"data":"hello é"}' }],
  ['a form', { headers: FORM_TYPE, body: 'data=hello%20%C3%A9' }],
  ['text', { headers: { 'Content-Type': 'text/plain' }, body: 'hello é' }],
  ['bytes', { headers: JSON_TYPE, body: new TextEncoder().encode('{"data":"hello é"}') }],
]

async function carries(url: string, [, init]: (typeof bodies)[number]): Promise<void> {
  const listener = await listen(url, 'id=alice')
  const response = await fetch(`${url}/clients/alice`, { method: 'POST', ...init })
  expect(await response.json()).toMatchObject({ connections: 1 })
  await listener.next(hasData('hello é'))
  await listener.close()
}

describe('in Express', () => {
  const parsers: [string, Middleware[]][] = [
    ['no parser', []],
    ['all parsers', [express.json(), express.text(), express.urlencoded({ extended: true })]],
    ['a parser of text for everything', [express.text({ type: '*/*' })]],
    ['a parser of bytes for everything', [express.raw({ type: '*/*' })]],
  ]
  describe.each(parsers)('behind %s', (_, before) => {
    test.each(bodies)('events arrive that are published as %s', async (...body) => {
      const { handler } = hubAndHandler()
      const host = express()
      host.use(...before, (_req: unknown, _res: unknown, next: () => void) => next())
      host.use('/realtime', handler)
      await carries(`${await urlOf(host as never)}/realtime`, body)
    })

    test('wrong bodies are refused as without a parser', async () => {
      const { handler } = hubAndHandler()
      const host = express()
      host.use(...before, handler)
      const url = `${await urlOf(host as never)}/broadcast`
      const statusOf = async (init: RequestInit) =>
        (await fetch(url, { method: 'POST', ...init })).status
      expect(await statusOf({ headers: JSON_TYPE, body: '{"data":1e999}' })).toBe(400)
      expect(await statusOf({ headers: JSON_TYPE, body: '{"unknown":1}' })).toBe(400)
      expect(await statusOf({ headers: JSON_TYPE, body: '[]' })).toBe(400)
      expect(await statusOf({ headers: FORM_TYPE, body: 'data=1&data=2' })).toBe(400)
      expect(await statusOf({ headers: FORM_TYPE, body: 'data[a]=1' })).toBe(400)
      expect(await statusOf({ headers: { 'Content-Type': 'text/xml' }, body: '<a/>' })).toBe(415)
      expect(await statusOf({ headers: JSON_TYPE })).toBe(400)
    })
  })

  test.each(['GET', 'HEAD'])('%s with a body is answered as without one', async (method) => {
    const { handler } = hubAndHandler()
    const host = express()
    host.use(express.json(), handler)
    const sent = request(`${await urlOf(host as never)}/healthz`, {
      method,
      headers: { ...JSON_TYPE, 'Content-Length': 2 },
    }).end('{}')
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    response.resume()
    expect(response.statusCode).toBe(200)
  })

  test('what a reviver has made of JSON that can’t be written again is refused', async () => {
    const { handler } = hubAndHandler()
    const host = express()
    host.use(
      express.json({ reviver: (_key: string, value: unknown) => (value === 1 ? 1n : value) }),
      handler,
    )
    const url = `${await urlOf(host as never)}/broadcast`
    const response = await fetch(url, { method: 'POST', headers: JSON_TYPE, body: '{"data":1}' })
    expect(response.status).toBe(400)
  })

  test('a body that the parser has decompressed is used', async () => {
    const { handler } = hubAndHandler()
    const host = express()
    host.use(express.json(), handler)
    const headers = { ...JSON_TYPE, 'Content-Encoding': 'gzip' }
    const body = gzipSync('{"data":"hello"}')
    const url = `${await urlOf(host as never)}/broadcast`
    expect((await fetch(url, { method: 'POST', headers, body })).status).toBe(200)
  })

  test('a stream carries the headers of the host, and writes directly to its socket', async () => {
    const { hub, handler } = hubAndHandler()
    let writes = 0
    const host = express()
    host.use((_req: unknown, res: ServerResponse, next: () => void) => {
      res.setHeader('X-Host', 'express')
      const { write } = res
      res.write = (...args: unknown[]) => {
        writes += 1
        return write.apply(res, args as never)
      }
      next()
    }, handler)
    const url = await urlOf(host as never)
    const response = await fetch(`${url}/sse?id=alice`)
    expect(response.headers.get('X-Host')).toBe('express')
    await eventually(() => expect(hub.stats().connections).toBe(1))
    expect(writes).toBe(0)
    await response.body?.cancel()
    await eventually(() => expect(hub.stats().connections).toBe(0))
  })
})

describe('in Fastify', () => {
  test.each(bodies.slice(0, 1).concat(bodies.slice(2, 3)))(
    'events arrive that are published as %s',
    async (...body) => {
      const { app } = hubAndHandler()
      const handler = toNodeHandler(new Hono().route('/realtime', app))
      const host = fastify()
      host.all('/realtime/*', (request, reply) => {
        reply.hijack()
        void handler(Object.assign(request.raw, { body: request.body }), reply.raw)
      })
      const url = await host.listen({ port: 0, host: '127.0.0.1' })
      onTestFinished(async () => {
        host.server.closeAllConnections()
        await host.close()
      })
      await carries(`${url}/realtime`, body)
    },
  )
})

test('plain node:http needs nothing else, and its globals stay', async () => {
  const { Request: request, Response: response } = globalThis
  const { handler } = hubAndHandler()
  await carries(await urlOf((req, res) => void handler(req, res)), bodies[0] as never)
  expect([globalThis.Request, globalThis.Response]).toEqual([request, response])
})

test.each([
  ['text', (c: Context) => c.text('ok')],
  ['a stream', (c: Context) => streamEvents(c, { hub: hubAndHandler().hub, client: 'alice' })],
])('cookies and Vary of the host are kept beside those of the app: %s', async (_, respond) => {
  const app = new Hono().get('/', async (c, next) => {
    c.header('Set-Cookie', 'b=2')
    c.header('Vary', 'Accept')
    await next()
  })
  const handler = toNodeHandler(app.get('/', respond))
  const { headers, body } = await fetch(await urlOf(withHeaders(handler)))
  await body?.cancel()
  expect(headers.getSetCookie()).toEqual(['a=1', 'c=3', 'b=2'])
  expect(headers.get('Vary')).toBe('Origin, Accept')
})

test('a response with other headers, or whose headers can’t be changed, is sent as it is', async () => {
  const { url } = await fetch(await urlOf((_, res) => res.setHeader('Vary', 'Accept').end('ok')))
  const app = new Hono().get('/', (c) => c.text('ok')).get('/fetched', () => fetch(url))
  const host = await urlOf(withHeaders(toNodeHandler(app)))
  const own = await fetch(host)
  expect(own.headers.get('Vary')).toBe('Origin')
  expect(own.headers.getSetCookie()).toEqual(['a=1', 'c=3'])
  const fetched = await fetch(`${host}/fetched`)
  expect([fetched.status, await fetched.text()]).toEqual([200, 'ok'])
})

/** Sets headers before the handler, as middleware of Express does. */
function withHeaders(handler: NodeHandler): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    res.setHeader('Set-Cookie', ['a=1', 'c=3'])
    res.setHeader('Vary', 'Origin')
    void handler(req, res)
  }
}

test.each([undefined, {}, () => {}])('an app without fetch is refused: %s', (app) => {
  const make = (): NodeHandler => toNodeHandler(app as unknown as NodeApp)
  expect(make).toThrow('toNodeHandler requires an app with fetch')
})

test.each([new Error('broken'), 'no error, but text'])(
  'what an app throws is logged, and does not reach the client: %s',
  async (thrown) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    onTestFinished(() => log.mockRestore())
    const handler = toNodeHandler({
      fetch: () => {
        throw thrown
      },
    })
    const response = await fetch(await urlOf((req, res) => void handler(req, res)))
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('Internal Server Error')
    expect(log).toHaveBeenCalledWith(thrown)
  },
)
