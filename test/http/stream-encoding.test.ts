/** A stream is compressed if the hub can and the client accepts it. */
import { gunzipSync } from 'node:zlib'
import { Hono, type MiddlewareHandler } from 'hono'
import { compress } from 'hono/compress'
import { cors } from 'hono/cors'
import { expect, test } from 'vitest'
import { createCompression } from '../../src/compression/create-compression.ts'
import { portableStream } from '../../src/http/openers/portable-stream.ts'
import { streamEvents } from '../../src/http/stream.ts'
import { createStreamResponse } from '../../src/http/stream-response.ts'
import { type AppHarness, createAppHarness } from '../support/app-harness.ts'

const compression = createCompression()
const BROWSER = { 'Accept-Encoding': 'gzip, deflate, br, zstd' }
const LARGE = 'A quarter of this is news. '.repeat(100)

/** Reads a stream of alice, to whom one large event is published, until the hub ends it. */
async function readWhole({ hub, clock }: AppHarness, response: Response): Promise<Uint8Array> {
  const whole = response.arrayBuffer()
  await clock.runPending()
  await hub.publish({ client: 'alice' }, { data: LARGE })
  await hub.disconnect('alice')
  await clock.runPending()
  return new Uint8Array(await whole)
}

test.each([
  ['gzip'],
  ['gzip, deflate, br, zstd'],
  ['br;q=1.0, GZIP;q=0.2'],
  ['identity;q=0.5, gzip;q=0.5'],
])('a client that accepts %s receives gzip', async (accepted) => {
  const harness = createAppHarness({ compression })
  const response = await harness.app.request('/sse?id=alice', {
    headers: { 'Accept-Encoding': accepted },
  })
  expect(response.headers.get('Content-Encoding')).toBe('gzip')
  expect(response.headers.get('Vary')).toBe('Accept-Encoding')
  const bytes = await readWhole(harness, response)
  const text = gunzipSync(bytes).toString()
  expect(text).toContain('event: hub:ready')
  expect(text).toContain(LARGE)
  expect(text).toMatch(/disconnected"}\n\n$/)
  expect(bytes.byteLength).toBeLessThan(text.length / 3)
})

test.each([
  [undefined],
  [''],
  ['*'],
  ['br, zstd'],
  ['gzip;q=0'],
  ['gzip;q=0, *'],
  ['identity, gzip;q=0.5'],
  ['notgzip'],
])('a client that accepts %s receives plain text', async (accepted) => {
  const harness = createAppHarness({ compression })
  const headers = accepted === undefined ? undefined : { 'Accept-Encoding': accepted }
  const response = await harness.app.request('/sse?id=alice', headers && { headers })
  expect(response.headers.get('Content-Encoding')).toBeNull()
  expect(response.headers.get('Vary')).toBe('Accept-Encoding')
  expect(new TextDecoder().decode(await readWhole(harness, response))).toContain(LARGE)
})

test('a hub without compression does not look at what its clients accept', async () => {
  const harness = createAppHarness()
  const response = await harness.app.request('/sse?id=alice', { headers: BROWSER })
  expect([...response.headers.keys()]).not.toContain('content-encoding')
  expect([...response.headers.keys()]).not.toContain('vary')
  expect(new TextDecoder().decode(await readWhole(harness, response))).toContain(LARGE)
})

test('HEAD has the headers of GET', async () => {
  const { app } = createAppHarness({ compression })
  const { headers } = await app.request('/sse?id=alice', { method: 'HEAD', headers: BROWSER })
  expect([headers.get('Content-Encoding'), headers.get('Vary')]).toEqual([
    'gzip',
    'Accept-Encoding',
  ])
})

test('a stream that is refused for now is plain text', async () => {
  const harness = createAppHarness({ compression, maxConnections: 0 })
  const response = await harness.app.request('/sse?id=alice', { headers: BROWSER })
  expect(response.headers.get('Content-Encoding')).toBeNull()
  const text = response.text()
  await harness.clock.advance(1_000)
  expect(await text).toContain('at-capacity')
})

test('streamSSE is compressed, too', async () => {
  const harness = createAppHarness({ compression }, { openStream: portableStream() })
  const response = await harness.app.request('/sse?id=alice', { headers: BROWSER })
  expect(response.headers.get('Content-Encoding')).toBe('gzip')
  expect(gunzipSync(await readWhole(harness, response)).toString()).toContain(LARGE)
})

test('so are streams of your own routes', async () => {
  const harness = createAppHarness({ compression })
  const { hub } = harness
  const own = new Hono().get('/me', (c) => streamEvents(c, { hub, client: 'alice' }))
  const response = await own.request('/me', { headers: BROWSER })
  expect(gunzipSync(await readWhole(harness, response)).toString()).toContain(LARGE)
})

test('so are streams of any fetch handler', async () => {
  const harness = createAppHarness({ compression })
  const request = new Request('http://localhost/me', { headers: BROWSER })
  const response = await createStreamResponse(request, { hub: harness.hub, client: 'alice' })
  expect(response.headers.get('Content-Encoding')).toBe('gzip')
  expect(gunzipSync(await readWhole(harness, response)).toString()).toContain(LARGE)
})

test('middleware that compresses leaves a compressed stream as it is', async () => {
  const harness = createAppHarness({ compression })
  const outer = new Hono().use(compress()).route('/', harness.app)
  const response = await outer.request('/sse?id=alice', { headers: BROWSER })
  expect(gunzipSync(await readWhole(harness, response)).toString()).toContain(LARGE)
})

test('Vary keeps what middleware says', async () => {
  const { hub } = createAppHarness({ compression })
  const outer = new Hono()
    .use(cors({ origin: 'https://app.example' }))
    .get('/me', (c) => streamEvents(c, { hub, client: 'alice' }))
  const response = await outer.request('/me', {
    headers: { ...BROWSER, Origin: 'https://app.example' },
  })
  expect(response.headers.get('Vary')).toBe('Accept-Encoding, Origin')
  await response.body?.cancel()
})

test('the error of middleware that fails after the stream is not taken for gzip', async () => {
  const failing: MiddlewareHandler = async (_c, next) => {
    await next()
    throw new Error('late')
  }
  const { app } = createAppHarness({ compression }, { middleware: [failing] })
  const response = await app.request('/sse?id=alice', { headers: BROWSER })
  expect(response.status).toBe(500)
  expect(response.headers.get('Content-Encoding')).toBeNull()
})
