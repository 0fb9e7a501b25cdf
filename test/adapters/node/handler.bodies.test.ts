/** Bodies without a declared length, in a process where nothing has replaced Node's own Request. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import express from 'express'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type NodeHandler, toNodeHandler } from '../../../src/adapters/node/handler.ts'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'

/** Middleware of the host may make another request of the first one, to bound its body. */
const limit = bodyLimit({ maxSize: 100_000 })

function createHandler(): NodeHandler {
  const app = createApp({ hub: createHub({ maxEventBytes: 1_000 }), access: 'anyone' })
  const host = new Hono().use(limit, async (c, next) => {
    await next()
    // Middleware of the host may read the body once more.
    if (c.res.ok) c.header('Body-Length', `${(await c.req.text()).length}`)
  })
  return toNodeHandler(host.route('/', app))
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

type Answer = readonly [status: number, bodyLength: string | undefined]

/** Sends a body in parts, so that its length is unknown. */
async function overHttp1(type: string, parts: readonly string[]): Promise<Answer> {
  const handler = createHandler()
  const port = await portOf(createServer((req, res) => void handler(req, res)))
  const headers = { 'Content-Type': type, 'Transfer-Encoding': 'chunked' }
  const req = request({ port, path: '/broadcast', method: 'POST', headers, agent: false })
  for (const part of parts) req.write(part)
  req.end()
  const [response] = (await once(req, 'response')) as [IncomingMessage]
  response.resume()
  return [response.statusCode ?? 0, response.headers['body-length'] as string | undefined]
}

async function overHttp2(type: string, parts: readonly string[]): Promise<Answer> {
  const handler = createHandler()
  const port = await portOf(createHttp2Server((req, res) => void handler(req, res)))
  const session = connect(`http://127.0.0.1:${port}`)
  onTestFinished(() => session.destroy())
  const req = session.request({ ':path': '/broadcast', ':method': 'POST', 'content-type': type })
  for (const part of parts) req.write(part)
  req.end()
  const [headers] = await once(req, 'response')
  return [headers[':status'], headers['body-length']]
}

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
])('over %s', (_, send) => {
  test('an event arrives', async () => {
    expect(await send('application/json', ['{"data"', ':1}'])).toEqual([200, '10'])
  })

  test('another type is refused as such', async () => {
    expect((await send('application/xml', ['<a', '/>']))[0]).toBe(415)
  })

  test('a body that is too large is refused as such', async () => {
    const parts = Array.from({ length: 12 }, () => 'x'.repeat(1_000))
    expect((await send('text/plain', parts))[0]).toBe(413)
  })
})

test.each(['DELETE', 'OPTIONS'])('a request without a body is answered: %s', async (method) => {
  const handler = createHandler()
  const port = await portOf(createServer((req, res) => void handler(req, res)))
  const headers = { Connection: 'close' }
  const response = await fetch(`http://127.0.0.1:${port}/clients/alice`, { method, headers })
  expect(response.ok).toBe(true)
})

test.each([
  ['an array', 'application/json', '[{"to":"everyone","data":1},{"to":"everyone","data":2}]'],
  ['NDJSON', 'application/x-ndjson', '{"to":"everyone","data":1}\n{"to":"everyone","data":2}'],
])('a batch is published that a parser of the host has read: %s', async (_, type, body) => {
  const hub = createHub()
  const parsers = [express.json(), express.text({ type: 'application/x-ndjson' })]
  const host = express().use(parsers, toNodeHandler(createApp({ hub, access: 'anyone' })))
  const port = await portOf(createServer(host))
  const url = `http://127.0.0.1:${port}/publish`
  const headers = { 'Content-Type': type, Connection: 'close' }
  const response = await fetch(url, { method: 'POST', headers, body })
  expect(response.status).toBe(200)
  expect((await response.text()).match(/"connections":0/g)).toHaveLength(2)
  expect(hub.stats().published).toBe(2)
})
