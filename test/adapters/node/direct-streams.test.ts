/** This package’s own server on Node feeds streams without a body, and sends what middleware has made of the response. */
import { once } from 'node:events'
import { connect } from 'node:net'
import { Hono, type MiddlewareHandler } from 'hono'
import { streamSSE } from 'hono/streaming'
import { expect, onTestFinished, test } from 'vitest'
import { serveNode } from '../../../src/adapters/node/server.ts'
import { streamEvents } from '../../../src/http/stream.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { readEvents } from '../../support/reader.ts'

async function start(middleware: MiddlewareHandler) {
  const hub = createHub()
  const app = new Hono()
    .use(middleware)
    .get('/events', (c) => streamEvents(c, { hub, client: 'alice' }))
  const server = await serveNode({ fetch: app.fetch, port: 0 })
  onTestFinished(async () => {
    await hub.close()
    server.abort()
    await server.stop()
  })
  return { hub, url: `http://127.0.0.1:${server.port}` }
}

test('a stream has no body, and the headers and cookies that middleware sets afterwards', async () => {
  let body: unknown
  const { hub, url } = await start(async (c, next) => {
    await next()
    body = c.res.body
    c.header('X-Later', 'yes')
    c.header('Set-Cookie', 'a=1', { append: true })
    c.header('Set-Cookie', 'b=2', { append: true })
  })
  const response = await fetch(`${url}/events`)
  expect(body).toBeNull()
  expect(response.headers.get('Content-Type')).toMatch('text/event-stream')
  expect(response.headers.get('X-Later')).toBe('yes')
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
  const reader = readEvents(response)
  await reader.next(({ event }) => event === 'hub:ready')
  await hub.publish({ client: 'alice' }, { data: 'one' })
  await reader.next(({ data }) => data === 'one')
  await reader.close()
})

test('the first event leaves with the headers, in one packet', async () => {
  const { url } = await start((_, next) => next())
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  const [first] = await once(socket, 'data')
  expect(String(first)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\n\r\n[\s\S]*event: hub:ready\n/)
  socket.destroy()
})

test('a response that middleware puts in its place is sent, and no connection is left', async () => {
  const { hub, url } = await start(async (c, next) => {
    await next()
    c.res = c.text('Not today.', 403)
  })
  const response = await fetch(`${url}/events`)
  expect(response.status).toBe(403)
  expect(await response.text()).toBe('Not today.')
  expect(hub.stats().connections).toBe(0)
})

test('so is another stream that middleware puts in its place', async () => {
  const { hub, url } = await start(async (c, next) => {
    await next()
    c.res = streamSSE(c, (stream) => stream.writeSSE({ event: 'denied', data: 'Not today.' }))
  })
  const response = await fetch(`${url}/events`)
  expect(await response.text()).toBe('event: denied\ndata: Not today.\n\n')
  expect(hub.stats().connections).toBe(0)
})

test('an error that middleware throws afterwards is sent, and no connection is left', async () => {
  const { hub, url } = await start(async (_, next) => {
    await next()
    throw new Error('It failed.')
  })
  expect((await fetch(`${url}/events`)).status).toBe(500)
  expect(hub.stats().connections).toBe(0)
})
