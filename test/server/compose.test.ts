/** What the environment settles is what the service does. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import { compose, type Service } from '../../src/server/compose.ts'
import { readConfig } from '../../src/server/config.ts'
import { released, served } from '../support/app-harness.ts'
import { manualClock } from '../support/clock.ts'
import { errorLog } from '../support/error-log.ts'
import { eventually, until } from '../support/eventually.ts'
import { type Reader, readEvents } from '../support/reader.ts'
import {
  startWebhookReceiver,
  WEBHOOK_SECRET,
  type WebhookReceiver,
} from '../support/webhook-receiver.ts'

let service: Service | undefined

let clock = manualClock()

beforeEach(() => {
  clock = manualClock()
})

afterEach(async () => {
  const closed = service?.close(0)
  await clock.advance(10_000)
  await closed
  service = undefined
})

function serve(environment: Record<string, string> = {}): Service['app'] {
  const runtime = { remoteAddress: () => '127.0.0.1' }
  // The test advances periodic tasks; flushes run by themselves.
  const ticking = { ...clock, soon: systemClock.soon }
  const config = readConfig(environment)
  service = compose({
    config,
    accessMode: 'loopback',
    log: errorLog([]),
    runtime,
    clock: ticking,
  })
  return service.app
}

async function listen(app: Service['app'], path = '/sse?id=alice'): Promise<Reader> {
  const reader = readEvents(await app.request(path))
  await reader.next(({ event }) => event === 'hub:ready')
  return reader
}

const ORIGIN = 'https://app.example'

const text = (body: string) => ({ method: 'POST', body, headers: { 'Content-Type': 'text/plain' } })

test('without a key, the time comes each second by default', async () => {
  const reader = await listen(serve())
  await clock.advance(2_000)
  expect(await reader.next()).toMatchObject({ event: 'time', id: undefined })
  expect(await reader.next()).toMatchObject({ event: 'time', id: undefined })
})

test.each([{ PUBLISH_KEY: 'a-key-0123456789' }, { JWT_SECRET: 's'.repeat(32) }])(
  'with %j, no time comes unless CLOCK_SECONDS is set',
  async (credentials) => {
    const quiet = await listen(serve(credentials))
    await clock.advance(5_000)
    await service?.hub.publish('everyone', { data: 'hello' })
    expect(await quiet.next()).toMatchObject({ data: 'hello' })
    await service?.close(0)
    const ticking = await listen(serve({ ...credentials, CLOCK_SECONDS: '1' }))
    await clock.advance(1_000)
    expect(await ticking.next()).toMatchObject({ event: 'time' })
  },
)

test('CLOCK_SECONDS=0 turns the clock off', async () => {
  const app = serve({ CLOCK_SECONDS: '0' })
  const reader = await listen(app)
  await clock.advance(5_000)
  await app.request('/clients/alice', text('hello'))
  expect(await reader.next()).toMatchObject({ data: 'hello' })
})

test('HEARTBEAT_SECONDS sets the interval of heartbeats', async () => {
  const reader = await listen(serve({ CLOCK_SECONDS: '0', HEARTBEAT_SECONDS: '2' }))
  await clock.advance(2_000)
  expect(await reader.next()).toMatchObject({ event: 'hub:beat', data: '2' })
})

test('RETRY_MS sets the retry delay that opens a stream', async () => {
  const reader = await listen(serve({ RETRY_MS: '1234' }))
  expect(reader.retries).toHaveLength(1)
  expect(Math.abs((reader.retries[0] ?? 0) / 1_234 - 1)).toBeLessThanOrEqual(0.251)
})

test('MAX_EVENT_BYTES bounds an event', async () => {
  const app = serve({ MAX_EVENT_BYTES: '5' })
  expect((await app.request('/broadcast', text('12345'))).status).toBe(200)
  expect((await app.request('/broadcast', text('123456'))).status).toBe(413)
})

test('MAX_QUEUED_BYTES bounds the queue of a client that does not read', async () => {
  const app = serve({ MAX_EVENT_BYTES: '60000', MAX_QUEUED_BYTES: '130000' })
  const response = served(await app.request('/sse?id=slow'))
  await clock.runPending()
  for (let n = 0; n < 10; n++) await app.request('/clients/slow', text('x'.repeat(60_000)))
  const reader = readEvents(response)
  await reader.end()
  expect(reader.events.at(-1)).toMatchObject({ event: 'hub:bye', data: '{"reason":"slow"}' })
})

test.each([
  ['MAX_CONNECTIONS', '/sse?id=bob'],
  ['MAX_CONNECTIONS_PER_CLIENT', '/sse?id=alice'],
])('%s bounds the streams', async (name, path) => {
  const app = serve({ [name]: '1' })
  await listen(app)
  const refused = await released(await app.request(path), clock)
  expect(await refused.text()).toContain('at-capacity')
})

test('LIFETIME_SECONDS limits the lifetime of a stream, plus or minus a fifth', async () => {
  const environment = { LIFETIME_SECONDS: '100', HEARTBEAT_SECONDS: '1', CLOCK_SECONDS: '0' }
  const reader = await listen(serve(environment))
  await clock.advance(79_000)
  expect(reader.ended).toBe(false)
  await clock.advance(42_000)
  await reader.end()
  expect(reader.events.at(-1)).toMatchObject({ event: 'hub:bye', data: '{"reason":"lifetime"}' })
})

test('PAGE=off removes the page, and / is answered like any unknown path', async () => {
  expect((await serve().request('/')).headers.get('Content-Type')).toContain('text/html')
  const app = serve({ PAGE: 'off' })
  const [root, unknown] = [await app.request('/'), await app.request('/nothing')]
  expect(root.status).toBe(404)
  expect(await root.text()).toBe(await unknown.text())
  expect(root.headers.has('Content-Security-Policy')).toBe(false)
})

describe.each([
  ['STREAM=native', { STREAM: 'native' }],
  ['STREAM=native with CORS_ORIGINS', { STREAM: 'native', CORS_ORIGINS: ORIGIN }],
  ['STREAM=portable', { STREAM: 'portable' }],
  ['STREAM=portable with CORS_ORIGINS', { STREAM: 'portable', CORS_ORIGINS: ORIGIN }],
])('%s', (_, environment) => {
  test.each(['/sse?id=alice', '/sse?id=alice&lastEventId=earliest'])(
    'a stream has no hop-by-hop header, which would end a Node process on HTTP/2: %s',
    async (path) => {
      const app = serve(environment)
      const init = 'CORS_ORIGINS' in environment ? { headers: { Origin: ORIGIN } } : {}
      const response = await app.request(path, init)
      expect(response.status).toBe(200)
      expect(response.headers.get('Connection')).toBeNull()
      expect(response.headers.get('Transfer-Encoding')).toBeNull()
      expect(response.headers.get('Cache-Control')).toBe(
        'private, no-cache, no-store, no-transform',
      )
      await response.body?.cancel()
    },
  )
})

describe('the journal', () => {
  const missed = async (environment: Record<string, string>, seconds = 0): Promise<string[]> => {
    const app = serve(environment)
    for (const data of ['one', 'two', 'three']) await app.request('/broadcast', text(data))
    await clock.advance(seconds * 1_000)
    const reader = readEvents(await app.request('/sse?id=alice&lastEventId=earliest'))
    await app.request('/clients/alice', text('end'))
    await reader.next(({ data }) => data === 'end')
    return reader.events.slice(1, -1).map(({ data }) => data)
  }

  test('stores JOURNAL_EVENTS events per address', async () => {
    expect(await missed({ JOURNAL_EVENTS: '2' })).toEqual(['two', 'three'])
  })

  test('stores events for JOURNAL_SECONDS', async () => {
    expect(await missed({ JOURNAL_SECONDS: '60', CLOCK_SECONDS: '0' }, 60)).toHaveLength(3)
    expect(await missed({ JOURNAL_SECONDS: '60', CLOCK_SECONDS: '0' }, 61)).toEqual([])
  })

  test('stores JOURNAL_BYTES bytes', async () => {
    expect(await missed({ JOURNAL_BYTES: '0' })).toEqual([])
  })

  test('stores idempotency keys for IDEMPOTENCY_SECONDS', async () => {
    const app = serve({ IDEMPOTENCY_SECONDS: '60', CLOCK_SECONDS: '0' })
    const { headers, ...init } = text('x')
    const request = { ...init, headers: { ...headers, 'Idempotency-Key': 'a' } }
    const publish = async () => await (await app.request('/broadcast', request)).text()
    const first = await publish()
    await clock.advance(59_999)
    expect(await publish()).toBe(first)
    await clock.advance(1)
    expect(await publish()).not.toBe(first)
    const off = serve({ IDEMPOTENCY_SECONDS: '0' })
    expect((await off.request('/broadcast', request)).status).toBe(501)
  })

  test.each([
    ['0', 0],
    ['2000', 1],
  ])('retains RETAINED_BYTES bytes: %s', async (bytes, count) => {
    const app = serve({ RETAINED_BYTES: bytes })
    const form = (body: string) => ({ method: 'POST', body: new URLSearchParams(body) })
    await app.request('/topics/news', form('data=1&retain=true'))
    const response = await app.request('/topics/news/retained')
    expect(((await response.json()) as { retained: unknown[] }).retained).toHaveLength(count)
  })
})

describe('webhooks', () => {
  let receiver: WebhookReceiver
  beforeEach(async () => {
    clock = manualClock(Date.now())
    receiver = await startWebhookReceiver()
  })
  afterEach(() => receiver.close())

  const settings = () => ({
    WEBHOOK_URL: receiver.url,
    WEBHOOK_SECRET,
    OFFLINE_GRACE_SECONDS: '3',
    CLOCK_SECONDS: '0',
  })
  const arrive = (...events: string[]) => eventually(() => expect(receiver.events).toEqual(events))

  test('say who comes online, and who stays away for OFFLINE_GRACE_SECONDS', async () => {
    const app = serve(settings())
    const [first, second] = [await listen(app), await listen(app)]
    await arrive('alice online')
    await Promise.all([first.close(), second.close()])
    await until('both have left', () => service?.hub.stats().connections === 0)
    await clock.advance(2_900)
    expect(receiver.events).toHaveLength(1)
    await clock.advance(100)
    await arrive('alice online', 'alice offline')
    await until('both count as delivered', async () => {
      const metrics = await (await app.request('/metrics')).text()
      return metrics.includes('hono_sse_webhooks_total{result="delivered"} 2')
    })
  })

  test('say that all are offline when the service closes, within its drain', async () => {
    await listen(serve(settings()))
    await arrive('alice online')
    const closed = service?.close(4_000)
    await clock.advance(2_000)
    await closed
    expect(receiver.events).toEqual(['alice online', 'alice offline'])
  })

  test('that can’t be sent don’t hold up the end', async () => {
    await listen(serve(settings()))
    await receiver.close()
    const closed = service?.close(4_000)
    await clock.advance(4_500)
    await closed
    receiver = await startWebhookReceiver()
  })

  test('cost nothing without WEBHOOK_URL', async () => {
    const app = serve({ CLOCK_SECONDS: '0' })
    const reader = await listen(app)
    await reader.close()
    await clock.advance(5_000)
    expect(await (await app.request('/metrics')).text()).not.toContain('webhook')
    expect(receiver.events).toEqual([])
  })
})

test('closing drains the streams in the given time, and refuses new ones at once', async () => {
  const app = serve({ CLOCK_SECONDS: '0' })
  const first = await listen(app)
  const second = await listen(app)
  const closed = service?.close(4_000)
  expect((await app.request('/readyz')).status).toBe(503)
  const refused = (await app.request('/sse')).text()
  await first.end()
  expect(second.ended).toBe(false)
  await clock.advance(2_000)
  await second.end()
  expect(second.events.at(-1)).toMatchObject({ event: 'hub:bye', data: '{"reason":"shutdown"}' })
  await clock.advance(2_000)
  await closed
  expect(await refused).toContain('shutdown')
})
