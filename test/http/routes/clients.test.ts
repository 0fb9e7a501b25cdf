/** Connected clients are listed, and a disconnected client learns why and can be blocked. */
import type { Context } from 'hono'
import { describe, expect, test } from 'vitest'
import {
  type AppHarness,
  afterHold,
  createAppHarness,
  json,
  problemIn,
  readyOf,
} from '../../support/app-harness.ts'
import { readEvents } from '../../support/reader.ts'

const NINE = '2026-11-22T09:00:00.000Z'
const ONE_LATER = '2026-11-22T09:00:01.000Z'

async function get({ request }: AppHarness, path: string): Promise<Record<string, unknown>> {
  const response = await request(path)
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toMatch(/^application\/json/)
  return (await response.json()) as Record<string, unknown>
}

async function audience(): Promise<AppHarness> {
  const set = createAppHarness()
  await set.listen('/sse?id=alice&topic=news&topic=sport')
  await set.clock.advance(1_000)
  await set.listen('/sse?id=bob&topic=news')
  await set.listen('/sse?id=alice')
  return set
}

describe('GET /clients', () => {
  test('is empty when no client is connected', async () => {
    expect(await get(createAppHarness(), '/clients')).toEqual({ clients: [], total: 0 })
  })

  test('lists each client once, with its connect time and number of connections', async () => {
    expect(await get(await audience(), '/clients')).toEqual({
      clients: [
        { client: 'alice', connections: 2, since: NINE, queuedBytes: 0 },
        { client: 'bob', connections: 1, since: ONE_LATER, queuedBytes: 0 },
      ],
      total: 2,
    })
  })

  test('lists as many as requested, and the total', async () => {
    const { clients, total } = await get(await audience(), '/clients?limit=1')
    expect(clients).toMatchObject([{ client: 'alice' }])
    expect(total).toBe(2)
  })

  test('lists clients only by client id, also those named like a topic or a key', async () => {
    const set = createAppHarness()
    for (const id of ['**', 'c:alice', 't:news', '__proto__']) {
      await set.listen(`/sse?id=${encodeURIComponent(id)}&topic=c:alice&topic=t:a`)
    }
    const { clients, total } = await get(set, '/clients')
    expect(clients).toMatchObject(
      ['**', 'c:alice', 't:news', '__proto__'].map((client) => ({ client })),
    )
    expect(total).toBe(4)
    expect(await get(set, '/clients/alice')).toMatchObject({ connections: [], total: 0 })
    expect(await get(set, '/topics/news')).toMatchObject({ total: 0 })
  })

  test.each(['0', '10001', '-1', '1.5', '1e3', '0x10', 'x', '', '%20', '99999999999999999999'])(
    'refuses the limit %j',
    async (limit) => {
      const { request } = createAppHarness()
      for (const path of ['/clients', '/topics', '/topics/news']) {
        const response = await request(`${path}?limit=${limit}`)
        expect(response.status).toBe(400)
        expect((await problemIn(response)).issues).toMatchObject([{ path: 'query.limit' }])
      }
    },
  )

  test('refuses a limit that comes twice', async () => {
    const { request } = createAppHarness()
    expect((await problemIn(await request('/clients?limit=1&limit=2'))).status).toBe(400)
  })

  test.each(['1', '10000'])('accepts the limit %s', async (limit) => {
    await get(createAppHarness(), `/clients?limit=${limit}`)
    await get(createAppHarness(), `/topics/news?limit=${limit}`)
  })
})

describe('GET /clients/:id', () => {
  test('lists each connection with its topics and connect time', async () => {
    const { client, connections } = await get(await audience(), '/clients/alice')
    expect(client).toBe('alice')
    const rest = {
      connection: expect.stringMatching(/./),
      client: 'alice',
      queuedBytes: 0,
      queuedEvents: 0,
      cursor: expect.stringMatching(/-0$/),
    }
    expect(connections).toEqual([
      { ...rest, topics: ['news', 'sport'], since: NINE },
      { ...rest, topics: [], since: ONE_LATER },
    ])
  })

  test('lists the remote address of each connection, which the client never receives', async () => {
    const connectionInfo = (c: Context) => ({
      opener: 'portable',
      remoteAddress: '192.0.2.7',
      requestId: c.req.header('X-Request-Id'),
    })
    const set = createAppHarness({}, { connectionInfo })
    const reader = await set.listen('/sse?id=alice', { headers: { 'X-Request-Id': 'request-1' } })
    const { connections } = await get(set, '/clients/alice')
    expect(connections).toMatchObject([
      { opener: 'portable', remoteAddress: '192.0.2.7', requestId: 'request-1' },
    ])
    await set.request('/clients/alice', json({ data: 'x' }))
    await reader.next()
    expect(JSON.stringify(reader.events)).not.toMatch(/192\.0\.2\.7|request-1/)
    expect(Object.keys(readyOf(reader))).toEqual([
      'client',
      'connection',
      'topics',
      'resume',
      'heartbeatMs',
    ])
  })

  test('lists the cursor of each connection: the last event it received', async () => {
    const set = createAppHarness()
    const first = await set.request('/broadcast', json({ data: 'before' }))
    const { id: seen } = (await first.json()) as { id: string }
    await set.listen('/sse?id=alice')
    const cursorNow = async () => {
      const { connections } = await get(set, '/clients/alice')
      return (connections as { cursor: string }[]).map(({ cursor }) => cursor)
    }
    expect(await cursorNow()).toEqual([seen])
    await set.request('/clients/bob', json({ data: 'not for alice' }))
    expect(await cursorNow()).toEqual([seen])
    const last = await set.request('/clients/alice', json({ data: 'after' }))
    expect(await cursorNow()).toEqual([((await last.json()) as { id: string }).id])
  })

  test('is empty for a client that is not connected', async () => {
    expect(await get(createAppHarness(), '/clients/carol')).toEqual({
      client: 'carol',
      connections: [],
      total: 0,
    })
  })

  test('lists the queued bytes of a client that does not read', async () => {
    const set = createAppHarness()
    const response = await set.request('/sse?id=slow')
    for (let n = 0; n < 5; n++) {
      await set.request('/clients/slow', json({ data: 'x'.repeat(1_000) }))
    }
    const [row] = (await get(set, '/clients')).clients as { queuedBytes: number }[]
    expect(row?.queuedBytes).toBeGreaterThan(1_000)
    expect((await get(set, '/clients/slow')).connections).toMatchObject([
      row && { queuedBytes: row.queuedBytes, queuedEvents: expect.any(Number) },
    ])
    const reader = readEvents(response)
    while (reader.events.length < 6) await reader.next()
    await set.clock.runPending()
    expect((await get(set, '/clients/slow')).connections).toMatchObject([{ queuedBytes: 0 }])
  })
})

describe('GET /topics', () => {
  test('lists the topics in alphabetical order, with the number of their connections', async () => {
    const set = await audience()
    const news = { topic: 'news', connections: 2 }
    expect(await get(set, '/topics')).toEqual({
      topics: [news, { topic: 'sport', connections: 1 }],
      total: 2,
    })
    expect(await get(set, '/topics?limit=1')).toEqual({ topics: [news], total: 2 })
    expect(await get(createAppHarness(), '/topics')).toEqual({ topics: [], total: 0 })
  })
})

describe('GET /topics/:topic', () => {
  test('lists the subscribers and their number', async () => {
    const set = await audience()
    const news = await get(set, '/topics/news')
    expect(news).toMatchObject({
      topic: 'news',
      connections: [
        { client: 'alice', topics: ['news', 'sport'], since: NINE },
        { client: 'bob', topics: ['news'], since: ONE_LATER },
      ],
      total: 2,
    })
    const one = await get(set, '/topics/news?limit=1')
    expect(one).toMatchObject({ connections: [{ client: 'alice' }], total: 2 })
    expect(one.connections).toHaveLength(1)
    expect(await get(set, '/topics/none')).toEqual({ topic: 'none', connections: [], total: 0 })
  })

  test('lists those of a pattern, which are also at each topic that it covers', async () => {
    const set = createAppHarness()
    await set.listen('/sse?id=alice&topic=orders/*')
    await set.listen('/sse?id=bob&topic=orders/1')
    const rows = { connections: [{ client: 'alice', topics: ['orders/*'] }], total: 1 }
    expect(await get(set, '/topics/orders%2F*')).toMatchObject({ topic: 'orders/*', ...rows })
    expect(await get(set, '/topics/orders%2F2')).toMatchObject({ topic: 'orders/2', ...rows })
    expect(await get(set, '/topics/orders%2F1')).toMatchObject({ total: 2 })
    expect(await get(set, '/topics')).toEqual({
      topics: ['orders/*', 'orders/1'].map((topic) => ({ topic, connections: 1 })),
      total: 2,
    })
  })
})

describe('DELETE /clients/:id', () => {
  const away = { method: 'DELETE' }

  test('says goodbye to all connections of that client and of no other', async () => {
    const set = createAppHarness({ random: () => 0.5 })
    const first = await set.listen('/sse?id=alice')
    const second = await set.listen('/sse?id=alice&topic=news')
    const bob = await set.listen('/sse?id=bob')
    const response = await set.request('/clients/alice', away)
    expect(await response.json()).toEqual({ disconnected: 2, blockedSeconds: 0 })
    for (const reader of [first, second]) {
      expect(await reader.next()).toMatchObject({
        event: 'hub:bye',
        data: '{"reason":"disconnected"}',
      })
      expect(reader.retries).toEqual([2_000, 4_000])
      await reader.end()
    }
    expect(bob.ended).toBe(false)
    expect(await set.connected()).toBe(1)
    await set.listen('/sse?id=alice')
  })

  test('delivers events that were published before, then the goodbye', async () => {
    const { app, listen, clock } = createAppHarness()
    const reader = await listen('/sse?id=alice')
    await app.request('/clients/alice', json({ data: 'last' }))
    await app.request('/clients/alice', away)
    await clock.runPending()
    await reader.end()
    expect(reader.events.map(({ data }) => data).slice(1)).toEqual([
      'last',
      '{"reason":"disconnected"}',
    ])
  })

  test('with a block answers 204 to reconnects, until the block ends', async () => {
    const set = createAppHarness()
    await set.listen('/sse?id=alice')
    const response = await set.request('/clients/alice?block=60', away)
    const end = set.clock.now() + 60_000
    expect(await response.json()).toEqual({ disconnected: 1, blockedSeconds: 60 })
    expect((await afterHold(set.request('/sse?id=alice'), set.clock)).status).toBe(204)
    await set.listen('/sse?id=bob')
    await set.clock.advance(end - 1 - set.clock.now())
    // Refused a millisecond before the end of the block.
    expect((await afterHold(set.request('/sse?id=alice'), set.clock)).status).toBe(204)
    await set.listen('/sse?id=alice')
  })

  test('blocks a client that is not connected yet', async () => {
    const { request, clock } = createAppHarness()
    const response = await request('/clients/alice?block=86400', away)
    expect(await response.json()).toEqual({ disconnected: 0, blockedSeconds: 86_400 })
    expect((await afterHold(request('/sse?id=alice'), clock)).status).toBe(204)
  })

  test('without a block leaves an earlier block in force', async () => {
    const { request, clock } = createAppHarness()
    await request('/clients/alice?block=60', away)
    await request('/clients/alice', away)
    expect((await afterHold(request('/sse?id=alice'), clock)).status).toBe(204)
  })

  test.each(['-1', '86401', '1.5', '1e3', 'x', '', 'true', '%20', '1&block=2'])(
    'refuses the block %j and disconnects no client',
    async (block) => {
      const set = createAppHarness()
      const reader = await set.listen('/sse?id=alice')
      const response = await set.request(`/clients/alice?block=${block}`, away)
      expect(response.status).toBe(400)
      expect((await problemIn(response)).issues).toMatchObject([{ path: 'query.block' }])
      expect(reader.ended).toBe(false)
      expect(await set.connected()).toBe(1)
    },
  )
})

test.each([
  '/clients',
  '/clients/alice',
  '/topics',
  '/topics/news',
  '/topics/news/retained',
  '/metrics',
])('no cache stores %s, which a login by cookie may read', async (path) => {
  const access = () => ({ client: 'ann', operate: true })
  for (const set of [createAppHarness({}, { access }), createAppHarness()]) {
    const response = await set.request(path)
    expect(response.status).toBe(200)
    expect(response.headers.get('Cache-Control')).toBe('no-store')
  }
})
