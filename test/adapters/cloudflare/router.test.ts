/** One hub made of several shards: here each shard is a complete app, and none knows of the others. */
import { Hono, type MiddlewareHandler } from 'hono'
import { describe, expect, test } from 'vitest'
import { PERMIT_HEADER } from '../../../src/adapters/cloudflare/remote-calls.ts'
import { shardCountOf } from '../../../src/adapters/cloudflare/request.ts'
import { createRouter } from '../../../src/adapters/cloudflare/router.ts'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { createApp } from '../../../src/http/app.ts'
import { createAccess } from '../../../src/http/auth/access.ts'
import { createAuthorizer } from '../../../src/http/auth/authorizer.ts'
import { bearerPermissions } from '../../../src/http/auth/bearer.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { problemIn } from '../../support/app-harness.ts'
import { PROMTOOL_IS_MISSING, promtoolErrors } from '../../support/promtool.ts'
import { readEvents } from '../../support/reader.ts'
import { samplesOf } from '../../support/samples.ts'

const COUNT = 3
const NAMES = Array.from({ length: 12 }, (_, i) => `user-${i}`)

type FakeShard = { readonly fetch: (request: Request) => Promise<Response> }

function setUp(
  appOf = (hub: ReturnType<typeof createHub>) => createApp({ hub, access: 'anyone' }),
) {
  const hubs = Array.from({ length: COUNT }, () => createHub())
  const apps = hubs.map(appOf)
  const calls: number[] = []
  const counts = new Set<number>()
  const reports: string[] = []
  const broken = new Map<number, FakeShard>()
  const router = createRouter({
    count: COUNT,
    retryMs: 2_000,
    corsOrigins: ['https://app.example'],
    report: (error) => void reports.push(String(error)),
    maxEventBytes: 262_144,
    maxBatchEvents: 10_000,
    random: () => 0.5,
    shard: (index) => ({
      fetch: async (request) => {
        calls.push(index)
        counts.add(shardCountOf(request))
        const shard = broken.get(index) ?? apps[index] ?? new Hono()
        return await shard.fetch(request)
      },
    }),
  })
  return { hubs, calls, counts, broken, reports, send, open }

  function send(
    method: string,
    path: string,
    body?: string | ReadableStream<Uint8Array>,
    headers = {},
  ): Promise<Response> {
    calls.length = 0
    const type = body === undefined ? {} : { 'Content-Type': 'text/plain' }
    const init: RequestInit & { duplex: 'half' } = {
      ...{ method, headers: { ...type, ...headers }, duplex: 'half' },
      ...(body !== undefined && { body }),
    }
    return router.fetch(new Request(`http://localhost${path}`, init))
  }

  async function open(query: string, headers = {}) {
    const response = await send('GET', `/sse${query}`, undefined, headers)
    expect(response.status).toBe(200)
    const reader = readEvents(response)
    const { data } = await reader.next(({ event }) => event === 'hub:ready')
    return { ...reader, next: reader.next, client: (JSON.parse(data) as { client: string }).client }
  }
}

const json = async <T>(response: Promise<Response>) => (await (await response).json()) as T

describe('a request about one client goes to one shard:', () => {
  test.each([
    ['POST', '/clients/alice'],
    ['POST', '/ping/alice'],
    ['GET', '/clients/alice'],
    ['DELETE', '/clients/alice'],
    ['GET', '/sse?id=alice'],
    ['POST', '/clients/%61lice'],
  ])('%s %s', async (method, path) => {
    const { send, calls } = setUp()
    const response = await send(method, path, method === 'POST' ? 'hello' : undefined)
    expect(response.status).toBe(200)
    expect(calls).toEqual([shardOf('alice', COUNT)])
    await response.body?.cancel()
  })

  test('an event, which reaches all connections of the client and no other client', async () => {
    const { send, open } = setUp()
    const streams = await Promise.all(NAMES.map((name) => open(`?id=${name}`)))
    const second = await open('?id=user-1')
    for (const name of NAMES) await send('POST', `/clients/${name}`, name)
    await send('POST', '/broadcast', 'end')
    for (const stream of [...streams, second]) {
      await stream.next(({ data }) => data === 'end')
      const received = stream.events
        .filter(({ event }) => event === undefined)
        .map(({ data }) => data)
      expect(received).toEqual([stream.client, 'end'])
    }
  })
})

test('the router parses a path as the app does', async () => {
  const { send, calls } = setUp()
  expect((await send('POST', '/%62roadcast', 'hi')).status).toBe(200)
  expect(calls).toEqual([0, 1, 2])
  expect((await send('POST', '/broadcast/', 'hi')).status).toBe(404)
  expect(calls).toEqual([0])
})

test('every request to a shard carries the number of shards, whatever the client sends', async () => {
  const { send, counts } = setUp()
  const forged = { 'Hub-Shards': '4' }
  for (const path of ['/broadcast', '/topics/a', '/clients/a', '/ping/a', '/clients/a?block=1']) {
    await send('POST', path, 'hello', forged)
  }
  for (const path of ['/sse', '/sse?id=a', '/clients', '/topics/a', '/metrics', '/healthz', '/']) {
    await (await send('GET', path, undefined, forged)).body?.cancel()
  }
  await send('DELETE', '/clients/a?block=1', undefined, forged)
  expect(counts).toEqual(new Set([COUNT]))
})

describe.each([
  '/clients',
  '/topics',
  '/topics/news',
  '/clients/alice',
  '/sse?id=alice',
  '/metrics',
  '/healthz',
  '/broadcast',
  '/clients?limit=x',
])('HEAD %s', (path) => {
  test.each([
    ['all shards', []],
    ['one shard unavailable', [0]],
    ['no shard', [0, 1, 2]],
  ])('is answered as GET is, without a body, by %s', async (_, unavailable) => {
    const { send, calls, broken } = setUp()
    const error = Object.assign(new Error('reset'), { retryable: true })
    for (const shard of unavailable) broken.set(shard, { fetch: () => Promise.reject(error) })
    const answerTo = async (method: string) => {
      const response = await send(method, path)
      const body = method === 'HEAD' ? await response.text() : ''
      await response.body?.cancel()
      const { status, headers } = response
      return { status, headers: [...headers], shards: calls.toSorted(), body }
    }
    expect(await answerTo('HEAD')).toEqual(await answerTo('GET'))
  })
})

test('a connection without a client id gets one that belongs to its shard', async () => {
  const { open, calls } = setUp()
  for (const query of ['', '?topic=news', '?lastEventId=earliest']) {
    const { client } = await open(query)
    expect(client).toMatch(/^[0-9a-f-]{36}$/)
    expect(calls).toEqual([shardOf(client, COUNT)])
  }
})

describe('a request about many clients goes to all shards:', () => {
  test('a broadcast, whose result adds up the connections and has an id for each shard', async () => {
    const { send, open } = setUp()
    for (const name of NAMES) await open(`?id=${name}`)
    const published = await json<{ ids: string[]; connections: number }>(
      send('POST', '/broadcast', 'hi'),
    )
    expect(published).toEqual({
      ids: [expect.any(String), expect.any(String), expect.any(String)],
      connections: 12,
    })
    expect(new Set(published.ids).size).toBe(COUNT)
  })

  test('an event for a topic, and an ephemeral event, which has no ids', async () => {
    const { send, open } = setUp()
    for (const name of NAMES.slice(0, 5)) await open(`?id=${name}&topic=news`)
    for (const name of NAMES.slice(5)) await open(`?id=${name}`)
    const published = await json<{ connections: number }>(send('POST', '/topics/news', 'hi'))
    expect(published.connections).toBe(5)
    const body = JSON.stringify({ data: 'now', ephemeral: true })
    const type = { 'Content-Type': 'application/json' }
    expect(await json(send('POST', '/broadcast', body, type))).toEqual({ connections: 12 })
  })

  test('an event for a topic, also by patterns, once for each connection', async () => {
    const { send, open } = setUp()
    for (const name of NAMES.slice(0, 8)) await open(`?id=${name}&topic=orders/*&topic=orders/1`)
    for (const name of NAMES.slice(8)) await open(`?id=${name}&topic=orders/**`)
    const published = await json<{ connections: number }>(send('POST', '/topics/orders%2F1', 'hi'))
    expect(published.connections).toBe(12)
    const listed = await json<{ total: number }>(send('GET', '/topics/orders%2F1'))
    expect(listed.total).toBe(12)
    expect((await send('POST', '/topics/orders%2F*', 'hi')).status).toBe(400)
  })

  test('lists, whose totals are added up and whose rows are limited', async () => {
    const { send, open } = setUp()
    for (const name of NAMES) await open(`?id=${name}&topic=news`)
    const all = await json<{ clients: { client: string }[]; total: number }>(
      send('GET', '/clients'),
    )
    expect(all.total).toBe(12)
    expect(all.clients.map(({ client }) => client).sort()).toEqual([...NAMES].sort())
    const some = await json<{ topic: string; connections: unknown[]; total: number }>(
      send('GET', '/topics/news?limit=5'),
    )
    expect(some).toMatchObject({ topic: 'news', total: 12 })
    expect(some.connections).toHaveLength(5)
  })

  test('metrics, whose samples are labelled with their shard', async () => {
    const { send, open, calls } = setUp()
    for (const name of NAMES) await open(`?id=${name}`)
    await send('POST', '/broadcast', 'hi')
    const response = await send('GET', '/metrics')
    expect(calls).toEqual([0, 1, 2])
    expect(response.headers.get('Content-Type')).toContain('version=0.0.4')
    const samples = samplesOf(await response.text())
    for (let shard = 0; shard < COUNT; shard++) {
      const here = NAMES.filter((name) => shardOf(name, COUNT) === shard).length
      expect(samples.get(`hono_sse_connections{shard="${shard}"}`)).toBe(here)
      const publishes = `hono_sse_publishes_total{shard="${shard}",address="everyone"}`
      expect(samples.get(publishes)).toBe(1)
      expect(samples.get(`hono_sse_shard_up{shard="${shard}"}`)).toBe(1)
    }
  })

  test.skipIf(PROMTOOL_IS_MISSING)(
    'metrics that promtool accepts (skipped where it is not installed)',
    async () => {
      const { send, broken } = setUp()
      broken.set(1, { fetch: () => Promise.reject(new Error('reset')) })
      expect(promtoolErrors(await (await send('GET', '/metrics')).text())).toBe('')
    },
  )

  test('with the same request id in the logs of all shards', async () => {
    const seen: (string | null)[] = []
    const { send } = setUp((hub) => {
      const named: MiddlewareHandler = async (c, next) => {
        seen.push(c.req.header('X-Request-Id') ?? null)
        c.header('X-Request-Id', 'r-1')
        await next()
      }
      return createApp({ hub, access: 'anyone', middleware: [named] })
    })
    const response = await send('POST', '/broadcast', 'hi')
    expect(seen).toEqual([null, 'r-1', 'r-1'])
    expect(response.headers.get('X-Request-Id')).toBe('r-1')
  })

  test('unless the first shard refuses it', async () => {
    const { send, calls, hubs } = setUp()
    const body = '{"data":1,"event":"hub:x"}'
    const refused = await send('POST', '/broadcast', body, { 'Content-Type': 'application/json' })
    expect(refused.status).toBe(400)
    expect(calls).toEqual([0])
    expect((await send('POST', '/broadcast', 'x'.repeat(2_100_000))).status).toBe(413)
    expect((await send('GET', '/clients?limit=x')).status).toBe(400)
    expect((await send('GET', '/broadcast')).status).toBe(405)
    expect(hubs.every((hub) => hub.stats().published === 0)).toBe(true)
  })
})

describe('an event stream', () => {
  const SSE = { 'Content-Type': 'text/event-stream; charset=utf-8' }

  test('for one client is published on its shard, and can be stopped there', async () => {
    const { send, calls } = setUp()
    const published = await send('POST', '/clients/alice?key=k', 'data: 1\n\n', SSE)
    expect(await published.json()).toMatchObject({ published: 1 })
    expect(calls).toEqual([shardOf('alice', COUNT)])
    expect(await json(send('POST', '/clients/alice/stop?key=k'))).toEqual({ stopped: 0 })
    expect(calls).toEqual([shardOf('alice', COUNT)])
  })

  test.each(['/topics/news', '/broadcast'])('to %s is published on all shards', async (path) => {
    const { send, calls } = setUp()
    const published = await json(send('POST', `${path}?key=k`, 'data: 1\n\n', SSE))
    expect(published).toEqual({ published: 1, ids: expect.any(Array) })
    expect(calls).toEqual([0, 1, 2])
  })
})

describe('a field of an event in the query', () => {
  const SSE = 'text/event-stream'
  const NDJSON = 'application/x-ndjson'
  const LINE = '{"to":"everyone","data":1}'

  test.each([
    ['/clients/alice?event=x', 'text/plain', 'hi'],
    ['/topics/news?event=x', 'text/plain', 'hi'],
    ['/broadcast?event=x', NDJSON, '{"data":1}'],
    ['/publish?event=x', 'application/json', `[${LINE}]`],
    ['/publish?event=x', NDJSON, LINE],
    ['/clients/alice?retain=true', SSE, 'data: 1\n\n'],
    ['/topics/news?retain=true', SSE, 'data: 1\n\n'],
  ])('is refused: %s, %s', async (path, type, body) => {
    const { send, hubs } = setUp()
    const response = await send('POST', path, body, { 'Content-Type': type })
    const problem = await problemIn(response)
    expect(problem.status).toBe(400)
    expect(problem.issues).toEqual([
      { path: expect.stringMatching(/^query\.(event|retain)$/), message: expect.any(String) },
    ])
    expect(hubs.every((hub) => hub.stats().published === 0)).toBe(true)
  })

  test('of a stream that is not UTF-8 leads to 415', async () => {
    const { send } = setUp()
    const type = { 'Content-Type': `${SSE};charset=latin1` }
    expect((await send('POST', '/topics/news?key=k', 'data: 1\n\n', type)).status).toBe(415)
  })
})

describe('when a shard is unavailable', () => {
  const unavailable = (why = 'retryable'): FakeShard => ({
    fetch: () => Promise.reject(Object.assign(new Error('reset'), { [why]: true })),
  })

  test.each(['retryable', 'overloaded', 'durableObjectReset'])(
    'a stream ends with a retry delay, because an error would stop an EventSource for good (%s)',
    async (why) => {
      const { send, broken } = setUp()
      broken.set(shardOf('alice', COUNT), unavailable(why))
      const response = await send('GET', '/sse?id=alice')
      expect(response.status).toBe(200)
      expect(response.headers.get('Content-Type')).toBe('text/event-stream; charset=utf-8')
      expect(response.headers.get('Cache-Control')).toContain('no-transform')
      expect(await response.text()).toBe(
        'retry: 3000\nevent: hub:bye\ndata: {"reason":"shutdown"}\n\n',
      )
      expect((await send('POST', '/clients/alice', 'hi')).status).toBe(503)
    },
  )

  test('the problem of an event that was not published has the code of a hub that can’t store it', async () => {
    const { send, broken } = setUp()
    for (let shard = 0; shard < COUNT; shard++) broken.set(shard, unavailable())
    for (const path of ['/clients/alice', '/broadcast']) {
      const problem = await problemIn(await send('POST', path, 'hi'))
      expect(problem).toMatchObject({ status: 503, code: 'journal-unavailable' })
    }
  })

  test('a page from an allowed origin can read the response, and no other page can', async () => {
    const { send, broken } = setUp()
    for (let shard = 0; shard < COUNT; shard++) broken.set(shard, unavailable())
    const allowed = async (Origin: string, method: string, path: string) => {
      const { headers } = await send(method, path, undefined, { Origin })
      return headers.get('Access-Control-Allow-Origin')
    }
    for (const [method, path] of [
      ['GET', '/sse?id=alice'],
      ['POST', '/broadcast'],
    ] as const) {
      expect(await allowed('https://app.example', method, path)).toBe('https://app.example')
      expect(await allowed('https://evil.example', method, path)).toBeNull()
    }
  })

  test('the response to a broadcast says how many shards stored the event', async () => {
    const { send, broken, reports } = setUp()
    broken.set(2, unavailable())
    const response = await send('POST', '/broadcast', 'hi')
    expect(response.status).toBe(503)
    const problem = await problemIn(response)
    expect(problem.detail).toContain('1 of 3 shards did not')
    expect(problem).not.toHaveProperty('code')
    expect(response.headers.get('Retry-After'), 'a retry would duplicate the event').toBeNull()
    expect(reports).toEqual(['Error: reset'])
  })

  test('the response to an event whose shard was reset meanwhile says that it may be stored', async () => {
    const { send, broken } = setUp()
    for (const shard of [0, 1, 2]) {
      const error = Object.assign(new Error('reset'), { durableObjectReset: true })
      broken.set(shard, { fetch: () => Promise.reject(error) })
    }
    for (const path of ['/clients/alice', '/ping/alice', '/broadcast']) {
      const response = await send('POST', path, 'hi')
      expect([response.status, response.headers.get('Retry-After')]).toEqual([503, null])
      expect(await response.text()).toContain('could duplicate')
    }
    expect((await send('GET', '/clients/alice')).headers.get('Retry-After')).toBe('2')
    const stop = await send('POST', '/clients/alice/stop?key=k')
    expect(stop.headers.get('Retry-After'), 'a stop may be repeated').toBe('2')
  })

  test('a list says that it is incomplete, and labels the other shards correctly', async () => {
    const { send, open, broken, reports } = setUp()
    await Promise.all(NAMES.map((name) => open(`?id=${name}&topic=news`)))
    const others = NAMES.filter((name) => shardOf(name, COUNT) !== 0)
    type List = Record<'clients' | 'connections', { client: string; shard: number }[]>
    for (const [path, what] of [
      ['/clients', 'clients'],
      ['/topics/news', 'connections'],
    ] as const) {
      broken.clear()
      const whole = await json<List>(send('GET', path))
      expect(whole).toMatchObject({ total: NAMES.length, asked: COUNT, answered: COUNT })
      for (const gone of [
        unavailable(),
        { fetch: async () => new Response('', { status: 500 }) },
      ]) {
        broken.set(0, gone)
        const list = await json<List>(send('GET', path))
        expect(list).toMatchObject({ total: others.length, asked: COUNT, answered: COUNT - 1 })
        for (const { client, shard } of list[what]) expect(shard).toBe(shardOf(client, COUNT))
      }
      expect((await send('GET', `${path}?limit=x`)).status).toBe(400)
    }
    expect(reports.length).toBeGreaterThan(0)
    for (let shard = 0; shard < COUNT; shard++) broken.set(shard, unavailable())
    expect((await send('GET', '/clients')).status).toBe(503)
  })

  test('the list of topics counts the connections of the shards that responded', async () => {
    const { send, open, broken } = setUp()
    await Promise.all(NAMES.map((name) => open(`?id=${name}&topic=news`)))
    const whole = await (await send('GET', '/topics')).json()
    const news = { topic: 'news', connections: NAMES.length }
    expect(whole).toEqual({ topics: [news], total: 1, asked: COUNT, answered: COUNT })
    broken.set(0, unavailable())
    const others = NAMES.filter((name) => shardOf(name, COUNT) !== 0)
    expect(await (await send('GET', '/topics?limit=5')).json()).toEqual({
      topics: [{ topic: 'news', connections: others.length }],
      total: 1,
      asked: COUNT,
      answered: COUNT - 1,
    })
  })

  test('the metrics of the other shards report it', async () => {
    const { send, broken } = setUp()
    broken.set(1, unavailable())
    const samples = samplesOf(await (await send('GET', '/metrics')).text())
    expect(samples.get('hono_sse_shard_up{shard="1"}')).toBe(0)
    expect(samples.has('hono_sse_connections{shard="1"}')).toBe(false)
    expect(samples.get('hono_sse_connections{shard="2"}')).toBe(0)
    for (let shard = 0; shard < COUNT; shard++) broken.set(shard, unavailable())
    expect((await send('GET', '/metrics')).status).toBe(503)
  })

  test('an error that is not temporary is thrown', async () => {
    const { send, broken } = setUp()
    broken.set(0, { fetch: () => Promise.reject(new Error('bad environment')) })
    await expect(send('GET', '/healthz')).rejects.toThrow('bad environment')
    for (const shard of [1, 2]) broken.set(shard, broken.get(0) ?? unavailable())
    await expect(send('GET', '/metrics')).rejects.toThrow('bad environment')
  })
})

test('a ticket works once, because it always goes to the shard of its client', async () => {
  const key = 'a-key-that-is-long-enough'
  const { send } = setUp((hub) => {
    return createApp({ hub, access: createAccess({ hub, keys: [key] }) })
  })
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }
  for (const client of NAMES) {
    const body = JSON.stringify({ client })
    const { ticket } = await json<{ ticket: string }>(send('POST', '/tickets', body, headers))
    const first = await send('GET', `/sse?ticket=${ticket}`)
    expect(first.status).toBe(200)
    await first.body?.cancel()
    expect((await send('GET', `/sse?ticket=${ticket}`)).status).toBe(401)
    // It does not work on the shard of another client either, which has not seen it yet.
    const elsewhere = await send('GET', `/sse?ticket=${ticket}&id=other`)
    expect([401, 403]).toContain(elsewhere.status)
  }
  expect((await send('GET', '/metrics')).status).toBe(401)
  expect((await send('GET', '/metrics', undefined, headers)).status).toBe(200)
  await send('DELETE', '/clients/user-1?block=60', undefined, headers)
  expect((await send('POST', '/tickets', '{"client":"user-1"}', headers)).status).toBe(403)
})

describe('a blocked client', () => {
  const headers = { Authorization: 'Bearer a-key-that-is-long-enough' }

  test('can’t publish with its token on any shard, not even to other clients', async () => {
    const { send } = withTokens()
    const token = { Authorization: 'Bearer mallory' }
    const publish = (path: string) => send('POST', path, 'evil', token)
    expect((await publish('/clients/user-1')).status).toBe(200)
    const response = await json(send('DELETE', '/clients/mallory?block=60', undefined, headers))
    expect(response).toEqual({ disconnected: 0, blockedSeconds: 60 })
    for (const name of NAMES) expect((await publish(`/clients/${name}`)).status).toBe(403)
    for (const path of ['/broadcast', '/topics/news'])
      expect((await publish(path)).status).toBe(403)
  })

  test('is disconnected by its own shard, which decides whether that is allowed', async () => {
    const { send, open, calls } = withTokens()
    const stream = await open('?id=mallory', { Authorization: 'Bearer mallory' })
    const own = shardOf('mallory', COUNT)
    expect((await send('DELETE', '/clients/mallory?block=60')).status).toBe(401)
    expect((await send('DELETE', '/clients/mallory?block=x', undefined, headers)).status).toBe(400)
    expect(calls).toEqual([own])
    const response = await json(send('DELETE', '/clients/mallory?block=60', undefined, headers))
    expect(response).toEqual({ disconnected: 1, blockedSeconds: 60 })
    expect([...calls].sort()).toEqual([0, 1, 2])
    await stream.next(({ event }) => event === 'hub:bye')
  })

  test('is not reported as blocked while a shard is unavailable', async () => {
    const { send, broken } = withTokens()
    const other = (shardOf('mallory', COUNT) + 1) % COUNT
    broken.set(other, { fetch: () => Promise.reject(new Error('reset')) })
    const response = await send('DELETE', '/clients/mallory?block=60', undefined, headers)
    expect(response.status).toBe(503)
    expect(await response.text()).toContain('2 of 3 shards block the client')
  })

  /** Access by tokens: a token is a client id, and allows everything but operating. */
  function withTokens() {
    const clock = {
      now: () => Date.now(),
      monotonic: () => Date.now(),
      every: () => () => {},
      soon: () => {},
    }
    const tokens = {
      verify: async (client: string) =>
        ({ subject: client, client, topics: '*', publish: '*', operate: false }) as const,
    }
    return setUp((hub) => {
      const permissionsOf = bearerPermissions({
        keys: ['a-key-that-is-long-enough'],
        metricsKeys: [],
        tokens,
      })
      return createApp({ hub, access: createAuthorizer({ hub, permissionsOf, clock }) })
    })
  }
})

test.each(['/sse?id=user-0', '/healthz', '/metrics'])(
  'a permit that a client has made up reaches no shard: %s',
  async (path) => {
    const { broken, send } = setUp()
    const permits: (string | null)[] = []
    for (let index = 0; index < COUNT; index++) {
      const fetch = async ({ headers }: Request) => {
        permits.push(headers.get(PERMIT_HEADER))
        return new Response('')
      }
      broken.set(index, { fetch })
    }
    await send('GET', path, undefined, { [PERMIT_HEADER]: 'made-up' })
    expect(new Set(permits)).toEqual(new Set([null]))
  },
)

test.each(['/broadcast', '/topics/news', '/publish', '/tickets'])(
  'a body for %s that breaks off is no failure of a shard',
  async (path) => {
    const { send, calls, reports } = setUp()
    let isRead = false
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        // workerd marks it as it does the failures of objects.
        const lost = Object.assign(new Error('Network connection lost.'), { retryable: true })
        if (isRead) controller.error(lost)
        else controller.enqueue(new TextEncoder().encode('[{"to":'))
        isRead = true
      },
    })
    const headers = { 'Content-Type': 'application/json', Origin: 'https://app.example' }
    const response = await send('POST', path, body, headers)
    expect(response.status).toBe(400)
    expect(await problemIn(response)).toMatchObject({
      detail: 'The body ended early: send it again.',
    })
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example')
    expect([calls, reports]).toEqual([[], []])
  },
)

test('a batch of the events of one client goes to its shard', async () => {
  const { send, calls } = setUp()
  const type = { 'Content-Type': 'application/x-ndjson' }
  const response = await send('POST', '/clients/alice', '{"data":1}\n{"data":2}\n', type)
  expect((await response.text()).trim().split('\n')).toHaveLength(2)
  expect(calls).toEqual([shardOf('alice', COUNT)])
})

describe('an idempotency key', () => {
  const KEYED = { 'Idempotency-Key': 'order-1' }

  test('reaches every shard that stores the event, and a repetition publishes nothing', async () => {
    const { send, hubs } = setUp()
    for (const path of ['/broadcast', '/topics/news', '/clients/alice']) {
      const headers = { 'Idempotency-Key': path }
      const first = await json(send('POST', path, 'hi', headers))
      expect(await json(send('POST', path, 'hi', headers))).toEqual(first)
    }
    const stored = hubs.map((hub) => hub.stats().journal.events)
    expect(stored).toEqual(stored.map((_, index) => (index === shardOf('alice', COUNT) ? 3 : 2)))
  })

  test('lets a repetition store the event on the shards that lack it', async () => {
    const { send, hubs, broken } = setUp()
    const failing = {
      fetch: async () => {
        throw Object.assign(new Error('moved'), { retryable: true })
      },
    }
    broken.set(2, failing)
    const cut = await send('POST', '/broadcast', 'hi', KEYED)
    expect([cut.status, cut.headers.get('Retry-After')]).toEqual([503, '2'])
    expect(await cut.json()).toMatchObject({
      detail:
        '1 of 3 shards did not confirm the event but may have stored it: publishing it again could duplicate it, unless it has an idempotency key.',
    })
    broken.clear()
    const { ids } = await json<{ ids: string[] }>(send('POST', '/broadcast', 'hi', KEYED))
    expect(ids).toHaveLength(COUNT)
    expect(hubs.map((hub) => hub.stats().journal.events)).toEqual([1, 1, 1])
  })

  test.each([
    ['application/json', '{"data":"hi","idempotencyKey":"a"}', '2'],
    ['application/x-www-form-urlencoded', 'data=hi&idempotencyKey=a', '2'],
    ['application/json', '{"data":{"idempotencyKey":"a"}}', null],
    ['text/plain', '{"data":"hi","idempotencyKey":"a"}', null],
    ['application/json', '{', null],
  ])('in a body makes a repetition safe: %s %s', async (type, body, retryAfter) => {
    const { send, broken } = setUp()
    const fetch = async () => {
      throw Object.assign(new Error('moved'), { durableObjectReset: true })
    }
    for (const [shard, path] of [
      [2, '/broadcast'],
      [0, '/broadcast'],
      [shardOf('alice', COUNT), '/clients/alice'],
    ] as const) {
      broken.clear()
      broken.set(shard, { fetch })
      const cut = await send('POST', path, body, { 'Content-Type': type })
      if (cut.status === 400) continue
      expect([cut.status, cut.headers.get('Retry-After')]).toEqual([503, retryAfter])
    }
  })

  test('that another shard knows from another event leads to a 422 that says what is stored', async () => {
    const { send, hubs } = setUp()
    const name = NAMES.find((one) => shardOf(one, COUNT) === 2) ?? ''
    expect((await send('POST', `/clients/${name}`, 'hi', KEYED)).status).toBe(200)
    for (let attempt = 0; attempt < 2; attempt++) {
      const refused = await send('POST', '/broadcast', 'hi', KEYED)
      expect(refused.status).toBe(422)
      expect(await refused.json()).toMatchObject({
        detail:
          '2 of 3 shards have published the event. The others know its idempotency key from another event: with a new key, those 2 would publish it again.',
      })
      expect(hubs.map((hub) => hub.stats().journal.events)).toEqual([1, 1, 1])
    }
  })

  test('that the first shard knows from another event leads to 422, and nothing is stored', async () => {
    const { send, hubs } = setUp()
    const name = NAMES.find((one) => shardOf(one, COUNT) === 0) ?? ''
    await send('POST', `/clients/${name}`, 'hi', KEYED)
    const refused = await send('POST', '/broadcast', 'hi', KEYED)
    expect(refused.status).toBe(422)
    expect(await refused.text()).toContain('send a new key with each event')
    expect(hubs.map((hub) => hub.stats().journal.events)).toEqual([1, 0, 0])
  })

  test('of each event of a batch reaches every shard that it concerns, and one for the whole batch none', async () => {
    const { send, hubs } = setUp()
    const events = [
      { to: { client: NAMES }, data: 1, idempotencyKey: 'a' },
      { to: 'everyone', data: 2, idempotencyKey: 'b' },
    ]
    const body = JSON.stringify(events)
    const type = { 'Content-Type': 'application/json' }
    const first = await json(send('POST', '/publish', body, type))
    expect(first).toMatchObject([{ connections: 0 }, { ids: { length: COUNT } }])
    const cursors = hubs.map((hub) => hub.cursor)
    expect(await json(send('POST', '/publish', body, type))).toEqual(first)
    expect(hubs.map((hub) => hub.cursor)).toEqual(cursors)
    const refused = await send('POST', '/publish', body, { ...type, ...KEYED })
    expect(refused.status).toBe(400)
    expect(await refused.text()).toContain('send a field idempotencyKey with each of them')
    const name = NAMES.find((one) => shardOf(one, COUNT) !== 0) ?? ''
    await send('POST', `/clients/${name}`, 'hi', { 'Idempotency-Key': 'c' })
    const other = JSON.stringify([{ to: 'everyone', data: 3, idempotencyKey: 'c' }])
    expect(await json(send('POST', '/publish', other, type))).toMatchObject([
      { status: 422, detail: expect.stringMatching(/^\d of 3 shards have published the event/) },
    ])
  })

  test('is compared by each shard with its part of the event', async () => {
    const { send, hubs } = setUp()
    const [one, other] = [0, 1].map((shard) => NAMES.find((name) => shardOf(name, COUNT) === shard))
    const type = { 'Content-Type': 'application/json' }
    const publish = (client: unknown, data: string) =>
      json(
        send(
          'POST',
          '/publish',
          JSON.stringify([{ to: { client }, data, idempotencyKey: 'a' }]),
          type,
        ),
      )
    await publish(one, 'hi')
    expect(await publish([one, other], 'hi')).toMatchObject([{ ids: { length: 2 } }])
    expect(hubs.map((hub) => hub.stats().journal.events)).toEqual([1, 1, 0])
    expect(await publish([one, other], 'ho')).toMatchObject([{ status: 422 }])
    expect(hubs.map((hub) => hub.stats().journal.events)).toEqual([1, 1, 0])
  })

  test('of a client on another shard is another key', async () => {
    const { send } = setUp()
    const [one = '', other = ''] = [0, 1].map((shard) => {
      return NAMES.find((name) => shardOf(name, COUNT) === shard)
    })
    expect((await send('POST', `/clients/${one}`, 'hi', KEYED)).status).toBe(200)
    expect((await send('POST', `/clients/${other}`, 'ho', KEYED)).status).toBe(200)
  })
})
