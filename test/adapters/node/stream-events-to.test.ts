/** Single streams in Node's own request handlers. */
import { once } from 'node:events'
import { createServer, IncomingMessage, request, ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, type Server, Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { streamEventsTo } from '../../../src/adapters/node/stream-events-to.ts'
import { createCompression } from '../../../src/compression/create-compression.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { HubOptions } from '../../../src/hub/options.ts'
import { eventually } from '../../support/eventually.ts'

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

function setUp(options: HubOptions = {}) {
  const hub = createHub(options)
  onTestFinished(() => hub.close())
  return hub
}

describe('over HTTP/1.1', () => {
  async function start(options: HubOptions = {}, topics: string[] = []) {
    const hub = setUp(options)
    const server = createServer((req, res) => {
      res.setHeader('X-Host', 'node')
      streamEventsTo(req, res, { hub, client: 'alice', topics })
    })
    const url = `http://127.0.0.1:${await portOf(server)}`
    return { hub, url }
  }

  test('a stream carries events and the headers of the host, and ends when its client leaves', async () => {
    const { hub, url } = await start()
    const leave = new AbortController()
    const response = await fetch(url, { signal: leave.signal })
    expect(response.headers.get('X-Host')).toBe('node')
    expect(response.headers.get('Content-Type')).toBe('text/event-stream; charset=utf-8')
    await eventually(() => expect(hub.stats().connections).toBe(1))
    await hub.publish({ client: 'alice' }, { data: 'hello' })
    const decoder = new TextDecoderStream()
    const reader = response.body?.pipeThrough(decoder as never).getReader()
    let text = ''
    while (!text.includes('data: hello\n\n')) text += (await reader?.read())?.value ?? ''
    expect(text).toContain('hub:ready')
    leave.abort()
    await eventually(() => expect(hub.stats().connections).toBe(0))
  })

  test('a hub that compresses does so for clients that accept it, and Vary keeps what the host says', async () => {
    const hub = setUp({ compression: createCompression() })
    const server = createServer((req, res) => {
      res.setHeader('Vary', 'Origin')
      streamEventsTo(req, res, { hub, client: 'alice' })
    })
    const url = `http://127.0.0.1:${await portOf(server)}`
    const response = await fetch(url, { headers: { 'Accept-Encoding': 'gzip' } })
    expect(response.headers.get('Content-Encoding')).toBe('gzip')
    expect(response.headers.get('Vary')).toBe('Accept-Encoding, Origin')
    await eventually(() => expect(hub.stats().connections).toBe(1))
    await hub.publish({ client: 'alice' }, { data: 'x'.repeat(5_000) })
    await hub.disconnect('alice')
    expect(await response.text()).toContain(`data: ${'x'.repeat(5_000)}\n\n`)
  })

  test('it resumes at Last-Event-ID, and ends after its goodbye', async () => {
    const { hub, url } = await start()
    const { id = '' } = await hub.publish('everyone', { data: 'one' })
    await hub.publish('everyone', { data: 'two' })
    const response = await fetch(url, { headers: { 'Last-Event-ID': id } })
    await eventually(() => expect(hub.stats().connections).toBe(1))
    await hub.disconnect('alice')
    expect(await response.text()).toMatch(/^(?![\s\S]*data: one)[\s\S]*data: two[\s\S]*hub:bye/)
  })

  test('refusals are those of streamEvents', async () => {
    const { hub, url } = await start({ maxConnections: 0 })
    expect(await (await fetch(url)).text()).toContain('"at-capacity"')
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
    await hub.disconnect('alice', 60_000)
    expect((await fetch(url)).status).toBe(204)
    const other = await start({}, [''])
    const response = await fetch(other.url)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ title: 'Bad Request' })
  })

  test('pipelined requests open one stream after another', async () => {
    const { hub, url } = await start()
    const first = request(url).end()
    await once(first, 'response')
    const { socket } = first
    socket?.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
    expect((await fetch(url, { method: 'HEAD' })).status).toBe(200)
    expect(hub.stats().connections).toBe(1)
    socket?.destroy()
    await eventually(() => expect(hub.stats().connections).toBe(0))
  })
})

test('over HTTP/2 a stream carries events, and ends when it is closed', async () => {
  const hub = setUp()
  const server = createHttp2Server((req, res) => streamEventsTo(req, res, { hub, client: 'alice' }))
  const session = connect(`http://127.0.0.1:${await portOf(server)}`)
  onTestFinished(() => session.destroy())
  const stream = session.request({ ':path': '/' }).setEncoding('utf8')
  let text = ''
  stream.on('data', (part: string) => {
    text += part
  })
  await eventually(() => expect(hub.stats().connections).toBe(1))
  await hub.publish('everyone', { data: 'hello' })
  await eventually(() => expect(text).toContain('data: hello\n\n'))
  stream.close()
  await eventually(() => expect(hub.stats().connections).toBe(0))
})

test('a response that has started is an error of the program', async () => {
  const hub = setUp()
  const server = createServer((req, res) => {
    res.writeHead(200)
    res.flushHeaders()
    expect(() => streamEventsTo(req, res, { hub, client: 'alice' })).toThrow('has started')
    res.end('caught')
  })
  const response = await fetch(`http://127.0.0.1:${await portOf(server)}`)
  expect(await response.text()).toBe('caught')
})

test.each<[RegExp, object]>([
  [/topics of streamEventsTo must be an array of strings/, { topics: 'news' }],
  [/streamEventsTo has no option "openStream"/, { openStream: () => {} }],
])('an option that is a mistake of the program is refused: %s', (message, wrong) => {
  const options = { hub: setUp(), client: 'alice', ...wrong }
  const response = new ServerResponse(new IncomingMessage(new Socket()))
  expect(() => streamEventsTo(response.req, response, options)).toThrow(message)
  expect(response.headersSent).toBe(false)
})

describe('a refusal that is held', () => {
  const refusing = async (after: (res: ServerResponse) => void) => {
    const hub = setUp({ maxConnections: 0 })
    const rejections: unknown[] = []
    const onRejection = (error: unknown) => void rejections.push(error)
    process.on('unhandledRejection', onRejection)
    onTestFinished(() => void process.off('unhandledRejection', onRejection))
    let outgoing: ServerResponse | undefined
    const server = createServer((req, res) => {
      outgoing = res
      streamEventsTo(req, res, { hub, client: 'alice' })
      after(res)
    })
    const url = `http://127.0.0.1:${await portOf(server)}`
    const answer = await fetch(url)
      .then((response) => response.text())
      .catch(() => 'lost')
    // Closing sends what is held.
    await hub.close()
    await new Promise(setImmediate)
    return { answer, rejections, outgoing }
  }

  test('is dropped if the host has answered meanwhile', async () => {
    const { answer, rejections } = await refusing((res) => res.writeHead(503).end('too slow'))
    expect(answer).toBe('too slow')
    expect(rejections).toEqual([])
  })

  test('is dropped if the host has cut the connection meanwhile', async () => {
    const { answer, rejections, outgoing } = await refusing((res) => res.destroy())
    expect(answer).toBe('lost')
    expect(rejections).toEqual([])
    expect(outgoing?.headersSent).toBe(false)
  })
})

test('a blocked client waits for its 204, and HEAD does not', async () => {
  const hub = setUp()
  await hub.disconnect('alice', 60_000)
  const server = createServer((req, res) => streamEventsTo(req, res, { hub, client: 'alice' }))
  const url = `http://127.0.0.1:${await portOf(server)}`
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(204)
  let isThere = false
  const response = fetch(url).finally(() => {
    isThere = true
  })
  // A request after it is answered before it.
  expect((await fetch(url, { method: 'HEAD' })).status).toBe(204)
  expect(isThere).toBe(false)
  await hub.close()
  expect((await response).status).toBe(204)
})
