/** Request timeouts on Node: they cut slow requests, and no stream whose request is still being sent. */
import { readFileSync } from 'node:fs'
import { connect as connectHttp2 } from 'node:http2'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { serveNode } from '../../../src/adapters/node/server.ts'
import { createApp } from '../../../src/http/app.ts'
import { portableStream } from '../../../src/http/openers/portable-stream.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import type { ServeCertificate } from '../../../src/server/certificate.ts'
import { createCertificate } from '../../support/certificate.ts'
import { eventually } from '../../support/eventually.ts'

/** A request of which the body never comes, and what has arrived in response. */
interface OpenRequest {
  readonly stream: Duplex
  text: string
}

/** Sends the head of a request whose body is to follow. */
type Send = (port: number, method: 'GET' | 'POST', path: string) => OpenRequest

/** Long enough for a TLS handshake on a busy machine, which has the same timeout. */
const REQUEST_TIMEOUT_MS = 1_500

let tls: ServeCertificate
const ends: (() => unknown)[] = []

beforeAll(async () => {
  const { environment, remove } = await createCertificate()
  const [cert, key] = [environment.TLS_CERT, environment.TLS_KEY].map((file) =>
    readFileSync(file, 'utf8'),
  )
  if (cert && key) tls = { cert, key }
  remove()
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

describe.each<[string, boolean, Send]>([
  ['HTTP/1.1', false, (port, ...request) => overHttp1(connectTcp(port), ...request)],
  [
    'HTTP/1.1 over TLS',
    true,
    (port, ...request) => overHttp1(connectTls({ port, rejectUnauthorized: false }), ...request),
  ],
  ['HTTP/2', true, overHttp2],
])('a body that never comes over %s', (_name, secure, send) => {
  test.each(['native', 'portable'])(
    'ends no %s stream, only responses that wait for it',
    async (opener) => {
      const { hub, port } = await start(secure, opener)
      const listening = send(port, 'GET', '/sse?id=alice')
      await eventually(() => expect(hub.stats().connections).toBe(1))
      const publishing = send(port, 'POST', '/broadcast')
      await eventually(() => expect(publishing.stream.closed).toBe(true))
      await hub.publish('everyone', { data: 'still here' })
      await eventually(() => expect(listening.text).toContain('data: still here'))
      expect(hub.stats().connections).toBe(1)
    },
  )

  test('is not awaited after the response', async () => {
    const { hub, port } = await start(secure, 'native')
    const listening = send(port, 'GET', '/sse?id=alice')
    await eventually(() => expect(hub.stats().connections).toBe(1))
    const publishing = send(port, 'POST', '/broadcast')
    await eventually(() => expect(publishing.stream.closed).toBe(true))
    await hub.disconnect('alice')
    await eventually(() => expect(listening.stream.closed).toBe(true))
    expect(listening.text).toContain('"disconnected"')
  })
})

test.each([true, false])(
  'a handshake of TLS that never comes is cut off; HTTP/2: %s',
  async (http2) => {
    const fetch = () => new Response('ok')
    const options = { fetch, port: 0, tls, http2, requestTimeoutMs: 500 }
    const { port, stop } = await serveNode(options)
    ends.push(stop)
    const socket = connectTcp(port)
    ends.push(() => socket.destroy())
    socket.on('error', () => {}).resume()
    await eventually(() => expect(socket.closed).toBe(true))
  },
)

async function start(secure: boolean, opener: string): Promise<{ hub: Hub; port: number }> {
  const hub = createHub()
  const openStream = opener === 'native' ? undefined : portableStream()
  const { port, stop } = await serveNode({
    fetch: createApp({ hub, access: 'anyone', openStream }).fetch,
    port: 0,
    tls: secure ? tls : undefined,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  })
  ends.push(stop, () => hub.close())
  return { hub, port }
}

function overHttp1(socket: Duplex, method: string, path: string): OpenRequest {
  const type = 'Content-Type: text/plain\r\nContent-Length: 10'
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${type}\r\n\r\n`)
  ends.push(() => socket.destroy())
  return reading(socket)
}

function overHttp2(port: number, method: string, path: string): OpenRequest {
  const session = connectHttp2(`https://localhost:${port}`, { rejectUnauthorized: false })
  // A handshake that fails ends the request, too.
  session.on('error', () => {})
  ends.push(() => session.destroy())
  const headers = { ':method': method, ':path': path, 'content-type': 'text/plain' }
  return reading(session.request(headers, { endStream: false }))
}

function reading(stream: Duplex): OpenRequest {
  const request = { stream, text: '' }
  stream.setEncoding('utf8').on('data', (text) => {
    request.text += text
  })
  // A request that is cut off may end with an error.
  stream.on('error', () => {})
  return request
}
