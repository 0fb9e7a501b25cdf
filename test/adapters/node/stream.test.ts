/** Streams straight to Node's sockets, with what HTTP/1 clients may do to one. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, type Socket } from 'node:net'
import { type ServerType, serve } from '@hono/node-server'
import { afterEach, expect, test } from 'vitest'
import { createNodeStreams } from '../../../src/adapters/node/stream.ts'
import { type AppType, createApp } from '../../../src/http/app.ts'
import { createHub, type Hub } from '../../../src/hub/hub.ts'
import { eventually } from '../../support/eventually.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

test('pipelined requests open one stream at a time, and end with their socket', async () => {
  const { hub, port } = await start()
  const socket = await dial(port)
  const requests = Array.from({ length: 20 }, (_, n) => get(`/sse?id=client-${n}`))
  socket.write(requests.join(''))
  await eventually(() => expect(hub.stats().connections).toBe(1))
  // The others wait forever after the stream; a request on another connection shows that the
  // server has read them.
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  expect(hub.stats().connections).toBe(1)
  socket.destroy()
  await eventually(() => expect(hub.stats().connections).toBe(0))
})

test('a stream pipelined after another request opens when that response is sent', async () => {
  const { hub, port } = await start()
  const socket = await dial(port)
  socket.write(get('/healthz') + get('/sse?id=alice'))
  await eventually(() => expect(hub.stats().connections).toBe(1))
  await hub.publish({ client: 'alice' }, { data: 'hello' })
  await eventually(() => expect(textOf(socket)).toContain('data: hello\n\n'))
  expect(textOf(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*ok[\s\S]*HTTP\/1\.1 200 OK\r\n/)
})

test('after the goodbye the socket can carry another request', async () => {
  const { hub, port } = await start()
  const socket = await dial(port)
  socket.write(get('/sse?id=alice'))
  await eventually(() => expect(hub.stats().connections).toBe(1))
  void hub.disconnect('alice')
  await eventually(() => expect(textOf(socket)).toMatch(/disconnected"}\n\n\r\n0\r\n\r\n$/))
  socket.write(get('/healthz'))
  await eventually(() => expect(textOf(socket)).toMatch(/\r\n\r\nok$/))
})

test('an HTTP/1.0 client receives a body without chunks, which ends when the socket closes', async () => {
  const { hub, port } = await start()
  const socket = await dial(port)
  socket.write('GET /sse?id=alice HTTP/1.0\r\nHost: localhost\r\n\r\n')
  await eventually(() => expect(hub.stats().connections).toBe(1))
  void hub.disconnect('alice')
  await once(socket, 'end')
  const [head = '', body = ''] = textOf(socket).split('\r\n\r\n')
  expect(head).not.toMatch(/transfer-encoding/i)
  expect(body).toMatch(/^retry: \d{4}\n[\s\S]*data: {"reason":"disconnected"}\n\n$/)
})

test.each([
  ['on Node', (app: AppType) => app.request('/sse?id=alice', {}, { outgoing: {} })],
  ['without a Node server', (app: AppType) => app.request('/sse?id=alice')],
])('an opener whose server is not wrapped fails with an error that says so, %s', async (_, ask) => {
  const errors: unknown[] = []
  const { openStream } = createNodeStreams()
  const hub = createHub()
  const app = createApp({
    hub,
    access: 'anyone',
    openStream,
    onError: (error) => void errors.push(error),
  })
  expect((await ask(app)).status).toBe(500)
  expect(String(errors)).toContain('createNodeStreams().serve(app.fetch)')
  expect(hub.stats().connections).toBe(0)
})

interface Started {
  readonly hub: Hub
  readonly port: number
}

async function start(): Promise<Started> {
  const hub = createHub()
  const { openStream, serve: native } = createNodeStreams()
  const { fetch } = createApp({ hub, access: 'anyone', openStream })
  const server: ServerType = serve({ fetch: native(fetch), port: 0, hostname: '127.0.0.1' })
  await once(server, 'listening')
  ends.push(async () => {
    await hub.close()
    server.close()
  })
  return { hub, port: (server.address() as AddressInfo).port }
}

const received = new WeakMap<Socket, string>()

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.setEncoding('utf8').on('data', (text) => received.set(socket, textOf(socket) + text))
  ends.push(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

function textOf(socket: Socket): string {
  return received.get(socket) ?? ''
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
}
