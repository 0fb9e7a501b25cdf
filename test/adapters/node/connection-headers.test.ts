/** What an app responds with over HTTP/1.1, it can respond with over HTTP/2 as well. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo, Server } from 'node:net'
import { Hono } from 'hono'
import { streamSSE, streamText } from 'hono/streaming'
import { expect, onTestFinished, test } from 'vitest'
import { toNodeHandler } from '../../../src/adapters/node/handler.ts'
import { serveNode } from '../../../src/adapters/node/server.ts'
import { streamEvents } from '../../../src/http/stream.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { createCertificate } from '../../support/certificate.ts'

const PATHS = ['/text', '/fetched', '/written', '/sent', '/events', '/changed']

async function createHost(): Promise<Hono> {
  const hub = createHub()
  onTestFinished(() => hub.close())
  const upstream = createServer((_, res) => res.setHeader('Keep-Alive', 'timeout=5').end('ok'))
  const url = `http://127.0.0.1:${await portOf(upstream)}`
  const app = new Hono()
  app.use('/events', async (c, next) => {
    c.header('Transfer-Encoding', 'chunked')
    await next()
  })
  app.use('/changed', async (c, next) => {
    await next()
    c.header('Connection', 'keep-alive')
    c.header('Keep-Alive', 'timeout=5')
  })
  for (const path of ['/events', '/changed']) {
    app.get(path, (c) => streamEvents(c, { hub, client: 'alice' }))
  }
  return app
    .get('/text', (c) => c.text('ok', 200, { Upgrade: 'h2c', 'X-Own': 'yes' }))
    .get('/fetched', () => fetch(url))
    .get('/written', (c) => streamText(c, async (stream) => void (await stream.write('ok'))))
    .get('/sent', (c) => streamSSE(c, (stream) => stream.writeSSE({ data: 'ok' })))
}

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

/** Requests all paths. Returns what each response begins with. */
async function respondsOver(url: string): Promise<void> {
  const session = connect(url, { rejectUnauthorized: false })
  onTestFinished(() => session.destroy())
  for (const path of PATHS) {
    const stream = session.request({ ':path': path }).setEncoding('utf8')
    const [headers] = await once(stream, 'response')
    expect([path, headers[':status']]).toEqual([path, 200])
    expect(headers['x-own']).toBe(path === '/text' ? 'yes' : undefined)
    const [text] = await once(stream, 'data')
    expect(text).toMatch(/ok|hub:ready/)
    stream.destroy()
  }
}

test('this package’s own server omits headers that HTTP/2 forbids', async () => {
  const { environment, remove } = await createCertificate()
  const [cert, key] = [environment.TLS_CERT, environment.TLS_KEY].map((path) =>
    readFileSync(`${path}`, 'utf8'),
  )
  await remove()
  const { fetch } = await createHost()
  const server = await serveNode({ fetch, port: 0, tls: { cert: `${cert}`, key: `${key}` } })
  onTestFinished(async () => {
    server.abort()
    await server.stop()
  })
  await respondsOver(`https://127.0.0.1:${server.port}`)
})

test('so does a handler in a server of HTTP/2', async () => {
  const handler = toNodeHandler(await createHost())
  const port = await portOf(createHttp2Server((req, res) => void handler(req, res)))
  await respondsOver(`http://127.0.0.1:${port}`)
})
