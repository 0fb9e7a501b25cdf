/** HTTP/2 on Node: many streams in one connection, and HTTP/1.1 on the same port. */
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Certificate, createCertificate } from '../../support/certificate.ts'
import { eventually } from '../../support/eventually.ts'
import { type Server, startServer } from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { OPENERS } from '../../system/behaviour/runtime.ts'

const STREAMS = 200

let certificate: Certificate
beforeAll(async () => {
  certificate = await createCertificate()
})
afterAll(() => certificate.remove())

describe.each(OPENERS)('over TLS, with %s streams', (STREAM) => {
  let server: Server
  beforeAll(async () => {
    const { environment } = certificate
    server = await startServer(COMMANDS.node, { ...environment, STREAM, CLOCK_SECONDS: '0' })
  })
  afterAll(() => server.kill())

  test(`one session carries ${STREAMS} streams, each with its own events`, async () => {
    const session = dial(server.url)
    const texts = Array.from({ length: STREAMS }, (_, n) => read(session, `/sse?id=client-${n}`))
    await eventually(() => expect(texts.every(({ text }) => text.includes('hub:ready'))).toBe(true))
    await post(session, '/clients/client-7', 'for seven')
    await post(session, '/broadcast', 'for all')
    await eventually(() => expect(texts.every(({ text }) => text.includes('for all'))).toBe(true))
    expect(texts.filter(({ text }) => text.includes('for seven'))).toEqual([texts[7]])
    session.destroy()
    await eventually(async () => expect(await connected(server.url)).toBe(0))
  })

  test('lines are answered while they are sent', async () => {
    const session = dial(server.url)
    const headers = {
      ':path': '/publish',
      ':method': 'POST',
      'content-type': 'application/x-ndjson',
    }
    const batch = session.request(headers)
    let text = ''
    batch.setEncoding('utf8').on('data', (part: string) => {
      text += part
    })
    for (let n = 1; n <= 3; n++) {
      batch.write('{"to":{"client":"nobody"},"data":1}\n')
      await eventually(() => expect(text.match(/"connections":0/g)).toHaveLength(n))
    }
    batch.end()
    await once(batch, 'end')
    session.destroy()
  })

  test('a client that closes one stream keeps the others', async () => {
    const session = dial(server.url)
    const [leaving, staying] = [read(session, '/sse?id=a'), read(session, '/sse?id=b')]
    await eventually(() => expect(staying.text + leaving.text).toMatch(/ready[\s\S]*ready/))
    leaving.stream.close()
    await eventually(async () => expect(await connected(server.url)).toBe(1))
    await post(session, '/broadcast', 'still here')
    await eventually(() => expect(staying.text).toContain('still here'))
    session.destroy()
  })

  test('a stalled stream alone is cut off, and the session stays open', async () => {
    const session = dial(server.url)
    const [stalled, reading] = [read(session, '/sse?id=stalled'), read(session, '/sse?id=reader')]
    await eventually(() => expect(stalled.text + reading.text).toMatch(/ready[\s\S]*ready/))
    stalled.stream.pause()
    for (let n = 0; n < 40; n++) await post(session, '/broadcast', `${n} ${'x'.repeat(100_000)}`)
    await eventually(() => expect(reading.text).toContain('data: 39 '))
    await eventually(async () => expect(await connected(server.url)).toBe(1))
    expect((await post(session, '/ping/reader', '')).status).toBe(200)
    session.destroy()
  })

  test('HTTP/1.1 is served on the same port', async () => {
    const { hostname, port } = new URL(server.url)
    const status = await new Promise((resolve, reject) => {
      const options = { hostname, port, path: '/healthz', rejectUnauthorized: false }
      request(options, (response) => resolve(response.resume().statusCode))
        .once('error', reject)
        .end()
    })
    expect(status).toBe(200)
  })
})

interface Reading {
  readonly stream: ClientHttp2Stream
  text: string
}

function dial(url: string): ClientHttp2Session {
  const session = connect(url, { rejectUnauthorized: false })
  session.setMaxListeners(STREAMS * 2)
  return session
}

function read(session: ClientHttp2Session, path: string): Reading {
  const stream = session.request({ ':path': path })
  const reading = { stream, text: '' }
  stream.setEncoding('utf8').on('data', (text) => {
    reading.text += text
  })
  // A stream that is cut off ends with an error, which is expected here.
  stream.on('error', () => {})
  return reading
}

function post(
  session: ClientHttp2Session,
  path: string,
  data: string,
): Promise<{ status: number }> {
  const stream = session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'text/plain',
  })
  stream.end(data)
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve({ status: Number(headers[':status']) }))
    stream.once('error', reject)
    stream.resume()
  })
}

async function connected(url: string): Promise<number> {
  const session = dial(url)
  const reading = read(session, '/clients?limit=1')
  await new Promise((resolve) => reading.stream.once('end', resolve))
  session.destroy()
  return (JSON.parse(reading.text) as { total: number }).total
}
