/** Streams straight to Node's sockets, with what HTTP/1 clients may do to one. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, type Socket } from 'node:net'
import { type HttpBindings, serve } from '@hono/node-server'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { setCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { secureHeaders } from 'hono/secure-headers'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import { eventually } from '../../support/eventually.ts'

const ends: (() => unknown)[] = []
afterAll(() => vi.restoreAllMocks())
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

describe.each<[string, Options]>([
  ['with Node’s Response replaced', {}],
  ['with Node’s own Response', { overrideGlobalObjects: false }],
])('a stream %s', (_, options) => {
  test('writes directly to its socket, behind middleware that sets headers', async () => {
    const { hub, port, writes } = await start(options, (host) => {
      host.use(cors({ origin: '*' }), secureHeaders(), async (c, next) => {
        setCookie(c, 'a', '1')
        await next()
        setCookie(c, 'b', '2')
        c.header('X-After', 'after')
      })
    })
    const socket = await dial(port)
    socket.write(get('/sse?id=alice'))
    await eventually(() => expect(textOf(socket)).toContain('hub:ready'))
    await hub.publish({ client: 'alice' }, { data: 'hello' })
    await eventually(() => expect(textOf(socket)).toContain('data: hello\n\n\r\n'))
    const [head = ''] = textOf(socket).split('\r\n\r\n')
    expect(head).toMatch(/^access-control-allow-origin: \*$/im)
    expect(head).toMatch(/^x-frame-options: SAMEORIGIN$/im)
    expect(head).toMatch(/^set-cookie: a=1; Path=\/\r\nset-cookie: b=2; Path=\/$/im)
    expect(head).toMatch(/^x-after: after$/im)
    expect(writes()).toBe(0)
  })

  test.each<[string, MiddlewareHandler]>([
    ['cloned', async (c) => void c.res.clone()],
    ['transformed', (c) => replace(c, c.res.body?.pipeThrough(upperCase()))],
    ['forwarded from the start', (c) => replace(c, forwarded(c.res.body, 'start'))],
    ['forwarded when it is read', (c) => replace(c, forwarded(c.res.body, 'pull'))],
  ])('whose body is %s goes through it', async (how, change) => {
    vi.spyOn(console, 'error').mockReturnValue()
    const { hub, port, writes } = await start(options, (host) => {
      host.use(async (c, next) => {
        await next()
        await change(c, next)
      })
    })
    const socket = await dial(port)
    socket.write(get('/sse?id=alice'))
    await eventually(() => expect(textOf(socket).toLowerCase()).toContain('hub:ready'))
    await hub.publish({ client: 'alice' }, { data: 'hello' })
    const expected = how === 'cloned' ? 'data: hello\n\n' : 'DATA: HELLO\n\n'
    await eventually(() => expect(textOf(socket)).toContain(expected))
    expect(writes()).toBeGreaterThan(0)
    socket.destroy()
    // While a clone exists, the stream is not told that its client has left.
    if (how !== 'cloned') await eventually(() => expect(hub.stats().connections).toBe(0))
  })

  test('that middleware reads to its end is read, not empty', async () => {
    const { hub, port } = await start(options, (host) => {
      host.use(async (c, next) => {
        await next()
        c.res = new Response(`read: ${await c.res.text()}`)
      })
    })
    const socket = await dial(port)
    socket.write(get('/sse?id=alice'))
    await eventually(() => expect(hub.stats().connections).toBe(1))
    await hub.publish({ client: 'alice' }, { data: 'hello' })
    await hub.disconnect('alice')
    await eventually(() => expect(textOf(socket)).toMatch(/read: retry[\s\S]*hello[\s\S]*hub:bye/))
  })
})

test('a stream whose client leaves before the handler returns opens no connection', async () => {
  let leave = () => {}
  const { hub, port } = await start({}, (host) => {
    host.use(async (c, next) => {
      await next()
      if (c.req.path !== '/sse') return
      leave()
      await once((c.env as HttpBindings).outgoing, 'close')
    })
  })
  const socket = await dial(port)
  leave = () => socket.resetAndDestroy()
  socket.write(get('/sse?id=alice'))
  await once(socket, 'close')
  expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
  expect(hub.stats().metrics.openings.fresh).toBe(0)
})

type Options = Partial<Parameters<typeof serve>[0]>

function upperCase(): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({ transform: (bytes, to) => to.enqueue(loud(bytes)) })
}

function loud(bytes: Uint8Array | undefined): Uint8Array {
  return new TextEncoder().encode(new TextDecoder().decode(bytes).toUpperCase())
}

/** A stream of what another contains, in capitals, read as middleware does by hand. */
function forwarded(body: ReadableStream | null, when: 'start' | 'pull'): ReadableStream {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  const next = async (to: ReadableStreamDefaultController) => {
    reader ??= body?.getReader()
    const result = await reader?.read()
    if (result?.value) to.enqueue(loud(result.value))
    return !result?.done
  }
  const cancel = () => reader?.cancel()
  if (when === 'pull') {
    const pull = async (to: ReadableStreamDefaultController) => void (await next(to))
    return new ReadableStream({ pull, cancel }, { highWaterMark: 0 })
  }
  const start = (to: ReadableStreamDefaultController) => void forward(to)
  const forward = async (to: ReadableStreamDefaultController) => {
    while (await next(to));
  }
  return new ReadableStream({ start, cancel })
}

async function replace(c: Context, body: ReadableStream | undefined): Promise<void> {
  c.res = new Response(body ?? null, c.res)
}

interface Started {
  readonly hub: Hub
  readonly port: number
  /** How often a response was written to, other than directly to its socket. */
  writes(): number
}

async function start(options: Options = {}, prepare?: (host: Hono) => void): Promise<Started> {
  const hub = createHub()
  const host = new Hono()
  let writes = 0
  host.use(async (c, next) => {
    const { outgoing } = c.env as HttpBindings
    const { write } = outgoing
    outgoing.write = (...args: unknown[]) => {
      writes += 1
      return write.apply(outgoing, args as never)
    }
    await next()
  })
  prepare?.(host)
  host.route('/', createApp({ hub, access: 'anyone' }))
  const server = serve({ fetch: host.fetch, port: 0, hostname: '127.0.0.1', ...options } as never)
  await once(server, 'listening')
  ends.push(async () => {
    await hub.close()
    server.close()
  })
  return { hub, port: (server.address() as AddressInfo).port, writes: () => writes }
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
