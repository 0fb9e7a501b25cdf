/** One hub over several objects: each is a whole service here, and none knows of the others. */
import { Hono, type MiddlewareHandler } from 'hono'
import { describe, expect, test } from 'vitest'
import { createRouter } from '../../../src/adapters/cloudflare/router.ts'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { createApp } from '../../../src/http/app.ts'
import { createAccess } from '../../../src/http/auth/authorizer.ts'
import { createTickets } from '../../../src/http/auth/tickets.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { internalsOf } from '../../../src/hub/internals.ts'
import { complaintsAbout, PROMTOOL_IS_MISSING } from '../../support/promtool.ts'
import { readEvents } from '../../support/reader.ts'
import { samplesOf } from '../../support/samples.ts'

const COUNT = 3
const NAMES = Array.from({ length: 12 }, (_, i) => `user-${i}`)

type Answer = { readonly fetch: (request: Request) => Promise<Response> }

function setUp(appOf = (hub: ReturnType<typeof createHub>) => createApp({ hub })) {
  const hubs = Array.from({ length: COUNT }, () => createHub())
  const apps = hubs.map(appOf)
  const asked: number[] = []
  const reports: string[] = []
  const broken = new Map<number, Answer>()
  const shards = createRouter({
    count: COUNT,
    retryMs: 2_000,
    corsOrigins: ['https://app.example'],
    report: (error) => void reports.push(String(error)),
    maxBodyBytes: 2_000_000,
    random: () => 0.5,
    shard: (index) => ({
      fetch: async (request) => {
        asked.push(index)
        const answer = broken.get(index) ?? apps[index] ?? new Hono()
        return await answer.fetch(request)
      },
    }),
  })
  return { hubs, asked, broken, reports, send, open }

  function send(method: string, path: string, body?: string, headers = {}): Promise<Response> {
    asked.length = 0
    const type = body === undefined ? {} : { 'Content-Type': 'text/plain' }
    const init = { method, headers: { ...type, ...headers }, ...(body !== undefined && { body }) }
    return shards.fetch(new Request(`http://localhost${path}`, init))
  }

  async function open(query: string, headers = {}) {
    const response = await send('GET', `/sse${query}`, undefined, headers)
    expect(response.status).toBe(200)
    const reader = readEvents(response)
    const { data } = await reader.next(({ event }) => event === 'hub:ready')
    return { ...reader, next: reader.next, client: (JSON.parse(data) as { client: string }).client }
  }
}

const json = async <T>(answer: Promise<Response>) => (await (await answer).json()) as T

describe('what is for one client touches one object:', () => {
  test.each([
    ['POST', '/clients/alice'],
    ['POST', '/ping/alice'],
    ['GET', '/clients/alice'],
    ['DELETE', '/clients/alice'],
    ['GET', '/sse?id=alice'],
    ['POST', '/clients/%61lice'],
  ])('%s %s', async (method, path) => {
    const { send, asked } = setUp()
    const answer = await send(method, path, method === 'POST' ? 'hello' : undefined)
    expect(answer.status).toBe(200)
    expect(asked).toEqual([shardOf('alice', COUNT)])
    await answer.body?.cancel()
  })

  test('an event, which comes to all its connections and to nobody else', async () => {
    const { send, open } = setUp()
    const streams = await Promise.all(NAMES.map((name) => open(`?id=${name}`)))
    const twin = await open('?id=user-1')
    for (const name of NAMES) await send('POST', `/clients/${name}`, name)
    await send('POST', '/broadcast', 'end')
    for (const stream of [...streams, twin]) {
      await stream.next(({ data }) => data === 'end')
      const got = stream.events.filter(({ event }) => event === undefined).map(({ data }) => data)
      expect(got).toEqual([stream.client, 'end'])
    }
  })
})

test('who comes without an id gets one whose object is where it is', async () => {
  const { open, asked } = setUp()
  for (const query of ['', '?topic=news', '?lastEventId=earliest']) {
    const { client } = await open(query)
    expect(client).toMatch(/^[0-9a-f-]{36}$/)
    expect(asked).toEqual([shardOf(client, COUNT)])
  }
})

describe('what is for many goes to all objects:', () => {
  test('a broadcast, whose receipt sums up and names an id for each object', async () => {
    const { send, open } = setUp()
    for (const name of NAMES) await open(`?id=${name}`)
    const receipt = await json<{ ids: string[]; connections: number }>(
      send('POST', '/broadcast', 'hi'),
    )
    expect(receipt).toEqual({
      ids: [expect.any(String), expect.any(String), expect.any(String)],
      connections: 12,
    })
    expect(new Set(receipt.ids).size).toBe(COUNT)
  })

  test('a topic, and an ephemeral event, which has no ids', async () => {
    const { send, open } = setUp()
    for (const name of NAMES.slice(0, 5)) await open(`?id=${name}&topic=news`)
    for (const name of NAMES.slice(5)) await open(`?id=${name}`)
    const receipt = await json<{ connections: number }>(send('POST', '/topics/news', 'hi'))
    expect(receipt.connections).toBe(5)
    const body = JSON.stringify({ data: 'now', ephemeral: true })
    const type = { 'Content-Type': 'application/json' }
    expect(await json(send('POST', '/broadcast', body, type))).toEqual({ connections: 12 })
  })

  test('presence, which sums up and is cut to its limit', async () => {
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

  test('figures, each of which says whose it is', async () => {
    const { send, open, asked } = setUp()
    for (const name of NAMES) await open(`?id=${name}`)
    await send('POST', '/broadcast', 'hi')
    const answer = await send('GET', '/metrics')
    expect(asked).toEqual([0, 1, 2])
    expect(answer.headers.get('Content-Type')).toContain('version=0.0.4')
    const samples = samplesOf(await answer.text())
    for (let shard = 0; shard < COUNT; shard++) {
      const here = NAMES.filter((name) => shardOf(name, COUNT) === shard).length
      expect(samples.get(`hono_sse_connections{shard="${shard}"}`)).toBe(here)
      const published = `hono_sse_publishes_total{shard="${shard}",address="everyone"}`
      expect(samples.get(published)).toBe(1)
      expect(samples.get(`hono_sse_shard_up{shard="${shard}"}`)).toBe(1)
    }
  })

  test.skipIf(PROMTOOL_IS_MISSING)(
    'figures that promtool has nothing to say against (skipped where it is not installed)',
    async () => {
      const { send, broken } = setUp()
      broken.set(1, { fetch: () => Promise.reject(new Error('reset')) })
      expect(complaintsAbout(await (await send('GET', '/metrics')).text())).toBe('')
    },
  )

  test('one request, by its name in all their logs', async () => {
    const seen: (string | null)[] = []
    const { send } = setUp((hub) => {
      const named: MiddlewareHandler = async (c, next) => {
        seen.push(c.req.header('X-Request-Id') ?? null)
        c.header('X-Request-Id', 'r-1')
        await next()
      }
      return createApp({ hub, middleware: [named] })
    })
    const answer = await send('POST', '/broadcast', 'hi')
    expect(seen).toEqual([null, 'r-1', 'r-1'])
    expect(answer.headers.get('X-Request-Id')).toBe('r-1')
  })

  test('but not what the first of them refuses', async () => {
    const { send, asked, hubs } = setUp()
    const body = '{"data":1,"event":"hub:x"}'
    const refused = await send('POST', '/broadcast', body, { 'Content-Type': 'application/json' })
    expect(refused.status).toBe(400)
    expect(asked).toEqual([0])
    expect((await send('POST', '/broadcast', 'x'.repeat(2_100_000))).status).toBe(413)
    expect((await send('GET', '/clients?limit=x')).status).toBe(400)
    expect((await send('GET', '/broadcast')).status).toBe(405)
    expect(hubs.every((hub) => hub.stats().published === 0)).toBe(true)
  })
})

describe('an object that can’t be reached now', () => {
  const away = (why = 'retryable'): Answer => ({
    fetch: () => Promise.reject(Object.assign(new Error('reset'), { [why]: true })),
  })

  test.each(['retryable', 'overloaded', 'durableObjectReset'])(
    'makes a stream come back, for an EventSource would give up at an error (%s)',
    async (why) => {
      const { send, broken } = setUp()
      broken.set(shardOf('alice', COUNT), away(why))
      const answer = await send('GET', '/sse?id=alice')
      expect(answer.status).toBe(200)
      expect(await answer.text()).toBe(
        'retry: 3000\nevent: hub:bye\ndata: {"reason":"shutdown"}\n\n',
      )
      expect((await send('POST', '/clients/alice', 'hi')).status).toBe(503)
    },
  )

  test('is told so that a page of a listed origin can read it, and of no other', async () => {
    const { send, broken } = setUp()
    for (let shard = 0; shard < COUNT; shard++) broken.set(shard, away())
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

  test('is told to who published to all', async () => {
    const { send, broken, reports } = setUp()
    broken.set(2, away())
    const answer = await send('POST', '/broadcast', 'hi')
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('to 2 of 3 objects')
    expect(answer.headers.get('Retry-After'), 'whoever obeyed it would double it').toBeNull()
    expect(reports).toEqual(['Error: reset'])
  })

  test('has no figures, which is told beside those of the others', async () => {
    const { send, broken } = setUp()
    broken.set(1, away())
    const samples = samplesOf(await (await send('GET', '/metrics')).text())
    expect(samples.get('hono_sse_shard_up{shard="1"}')).toBe(0)
    expect(samples.has('hono_sse_connections{shard="1"}')).toBe(false)
    expect(samples.get('hono_sse_connections{shard="2"}')).toBe(0)
    for (let shard = 0; shard < COUNT; shard++) broken.set(shard, away())
    expect((await send('GET', '/metrics')).status).toBe(503)
  })

  test('is an error like any other when it is not only for now', async () => {
    const { send, broken } = setUp()
    broken.set(0, { fetch: () => Promise.reject(new Error('bad environment')) })
    await expect(send('GET', '/healthz')).rejects.toThrow('bad environment')
    for (const shard of [1, 2]) broken.set(shard, broken.get(0) ?? away())
    await expect(send('GET', '/metrics')).rejects.toThrow('bad environment')
  })
})

test('a ticket is used once, because it always comes to its client’s object', async () => {
  const key = 'a-key-that-is-long-enough'
  const { send } = setUp((hub) => {
    const clock = { now: () => Date.now(), every: () => () => {}, soon: () => {} }
    const { isBlocked: blocked, useOnce } = internalsOf(hub)
    const tickets = createTickets({ secrets: [key], clock, useOnce, isSecure: () => false })
    return createApp({ hub, access: createAccess({ publishKeys: [key], tickets, blocked, clock }) })
  })
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }
  for (const client of NAMES) {
    const body = JSON.stringify({ client })
    const { ticket } = await json<{ ticket: string }>(send('POST', '/tickets', body, headers))
    const first = await send('GET', `/sse?ticket=${ticket}`)
    expect(first.status).toBe(200)
    await first.body?.cancel()
    expect((await send('GET', `/sse?ticket=${ticket}`)).status).toBe(401)
    // Nor at the object of somebody else, which has not seen it yet.
    const elsewhere = await send('GET', `/sse?ticket=${ticket}&id=other`)
    expect([401, 403]).toContain(elsewhere.status)
  }
  expect((await send('GET', '/metrics')).status).toBe(401)
  expect((await send('GET', '/metrics', undefined, headers)).status).toBe(200)
  await send('DELETE', '/clients/user-1?block=60', undefined, headers)
  expect((await send('POST', '/tickets', '{"client":"user-1"}', headers)).status).toBe(403)
})

describe('a client that is blocked', () => {
  const headers = { Authorization: 'Bearer a-key-that-is-long-enough' }

  test('can’t publish with its token at any object, not even to others', async () => {
    const { send } = withTokens()
    const token = { Authorization: 'Bearer mallory' }
    const publish = (path: string) => send('POST', path, 'evil', token)
    expect((await publish('/clients/user-1')).status).toBe(200)
    const answer = await json(send('DELETE', '/clients/mallory?block=60', undefined, headers))
    expect(answer).toEqual({ disconnected: 0, blockedSeconds: 60 })
    for (const name of NAMES) expect((await publish(`/clients/${name}`)).status).toBe(403)
    for (const path of ['/broadcast', '/topics/news'])
      expect((await publish(path)).status).toBe(403)
  })

  test('is sent away by its own object, which judges whether it may be', async () => {
    const { send, open, asked } = withTokens()
    const stream = await open('?id=mallory', { Authorization: 'Bearer mallory' })
    const own = shardOf('mallory', COUNT)
    expect((await send('DELETE', '/clients/mallory?block=60')).status).toBe(401)
    expect((await send('DELETE', '/clients/mallory?block=x', undefined, headers)).status).toBe(400)
    expect(asked).toEqual([own])
    const answer = await json(send('DELETE', '/clients/mallory?block=60', undefined, headers))
    expect(answer).toEqual({ disconnected: 1, blockedSeconds: 60 })
    expect([...asked].sort()).toEqual([0, 1, 2])
    await stream.next(({ event }) => event === 'hub:bye')
  })

  test('is not told to be blocked as long as an object can’t be reached', async () => {
    const { send, broken } = withTokens()
    const other = (shardOf('mallory', COUNT) + 1) % COUNT
    broken.set(other, { fetch: () => Promise.reject(new Error('reset')) })
    const answer = await send('DELETE', '/clients/mallory?block=60', undefined, headers)
    expect(answer.status).toBe(503)
    expect(await answer.text()).toContain('2 of 3 objects keep the client away')
  })

  /** A token names its client, which may do all. */
  function withTokens() {
    const clock = { now: () => Date.now(), every: () => () => {}, soon: () => {} }
    const tokens = {
      verify: async (client: string) =>
        ({ holder: client, client, topics: '*', publish: '*', operate: false }) as const,
    }
    return setUp((hub) => {
      const publishKeys = ['a-key-that-is-long-enough']
      return createApp({
        hub,
        access: createAccess({ publishKeys, tokens, blocked: internalsOf(hub).isBlocked, clock }),
      })
    })
  }
})
