/** What Node answers when the client ends its half of a connection in the middle of a body. */
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { serveNode } from '../../../src/adapters/node/server.ts'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { ServeCertificate } from '../../../src/server/certificate.ts'
import { createCertificate } from '../../support/certificate.ts'
import { eventually } from '../../support/eventually.ts'

let tls: ServeCertificate
const ends: (() => unknown)[] = []

beforeAll(async () => {
  const { environment, remove } = await createCertificate()
  const [cert = '', key = ''] = [environment.TLS_CERT, environment.TLS_KEY].map((file) =>
    readFileSync(file ?? '', 'utf8'),
  )
  tls = { cert, key }
  remove()
})
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const NDJSON = 'application/x-ndjson'

describe('a body that ends early', () => {
  test.each([
    [
      'lines',
      NDJSON,
      '{"data":1}\n',
      '{"dat',
      /"connections":0\}\n.*\n.*"line":2.*"published":1\}/s,
    ],
    [
      'an event stream',
      'text/event-stream',
      'data: 1\n\n',
      'data: 2',
      /"status":400.*"published":1/s,
    ],
  ])('leads to the last result of %s', async (_, type, first, rest, result) => {
    const { socket, reply, hub } = await open(false, type, 'Transfer-Encoding: chunked')
    socket.write(chunk(first))
    await eventually(() => expect(hub.stats().published).toBe(1))
    await eventually(() => expect(reply.text).toContain('\r\n\r\n'))
    socket.end(chunk(rest))
    await eventually(() => expect(reply.isOver).toBe(true))
    expect(reply.text).toMatch(/^HTTP\/1.1 200 /)
    expect(reply.text).toMatch(result)
    expect(reply.text).toContain('0\r\n\r\n')
    expect(hub.stats().published).toBe(1)
  })

  test.each([
    ['JSON', 'application/json', '{"data":1}'],
    ['lines', NDJSON, '{"data":1}'],
  ])('of which nothing can be published is a problem (%s)', async (_, type, body) => {
    const { socket, reply, hub } = await open(false, type, 'Content-Length: 100')
    socket.end(body)
    await eventually(() => expect(reply.isOver).toBe(true))
    expect(reply.text).toMatch(/^HTTP\/1.1 400 /)
    expect(reply.text).toContain('application/problem+json')
    expect(hub.stats().published).toBe(0)
  })
})

test('with TLS, where the connection has ended, the answer is Node’s own', async () => {
  const { socket, reply } = await open(true, 'application/json', 'Content-Length: 100')
  socket.end('{"data":1}')
  await eventually(() => expect(reply.isOver).toBe(true))
  expect(reply.text).toMatch(/^HTTP\/1.1 400 Bad Request\r\nConnection: close\r\n\r\n$/)
})

test('a body that nobody reads ends with its connection', async () => {
  const { socket, reply } = await open(false, 'text/plain', 'Content-Length: 100', 'GET /sse')
  await eventually(() => expect(reply.text).toContain('hub:ready'))
  socket.end('some')
  await eventually(() => expect(reply.isOver).toBe(true))
})

async function open(secure: boolean, type: string, length: string, what = 'POST /broadcast') {
  const hub = createHub()
  const { fetch } = createApp({ hub, access: 'anyone' })
  const { port, stop } = await serveNode({ fetch, port: 0, tls: secure ? tls : undefined })
  ends.push(stop, () => hub.close())
  const socket: Duplex = secure
    ? connectTls({ port, rejectUnauthorized: false, allowHalfOpen: true } as never)
    : connectTcp({ port, allowHalfOpen: true })
  ends.push(() => socket.destroy())
  const reply = { text: '', isOver: false }
  socket.setEncoding('utf8').on('data', (text) => {
    reply.text += text
  })
  socket.on('error', () => {})
  for (const end of ['end', 'close']) {
    socket.on(end, () => {
      reply.isOver = true
    })
  }
  const head = [`${what} HTTP/1.1`, 'Host: localhost', `Content-Type: ${type}`, length]
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  return { socket, reply, hub }
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`
}
