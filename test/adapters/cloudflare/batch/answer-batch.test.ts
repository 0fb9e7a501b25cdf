/** Batches over several shards: what one hub would answer and deliver, whichever shard each client is on. */
import fc from 'fast-check'
import type { MiddlewareHandler } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { receive } from '../../../../src/adapters/cloudflare/request.ts'
import { createRouter } from '../../../../src/adapters/cloudflare/router.ts'
import { shardOf } from '../../../../src/adapters/cloudflare/sharding.ts'
import { createApp } from '../../../../src/http/app.ts'
import { createHub } from '../../../../src/hub/hub.ts'
import { createAppHarness, json, post } from '../../../support/app-harness.ts'
import { type Answer, answersIn, ndjson, openBatch } from '../../../support/batch.ts'
import { manualClock } from '../../../support/clock.ts'
import { publishedData } from '../../../support/events.ts'
import { type Reader, readEvents } from '../../../support/reader.ts'

const COUNT = 3
const MAX_EVENT_BYTES = 1_000

/** A client of each shard. */
const NAMES = Array.from({ length: COUNT }, (_, shard) => {
  return Array.from({ length: 100 }, (_, n) => `user-${n}`).filter(
    (name) => shardOf(name, COUNT) === shard,
  )[0] as string
})
const [FIRST = '', SECOND = '', THIRD = ''] = NAMES

interface SetUpOptions {
  readonly count?: number
  readonly key?: string
  /** Limits how often each shard publishes. */
  readonly limitOf?: (shard: number) => MiddlewareHandler
}

function setUp({ count = COUNT, key = '', limitOf }: SetUpOptions = {}) {
  const clock = manualClock()
  const hubs = Array.from({ length: count }, () => {
    return createHub({ clock, maxEventBytes: MAX_EVENT_BYTES })
  })
  const access = key === '' ? 'anyone' : () => undefined
  const apps = hubs.map((hub, shard) => {
    const limits = limitOf && { publishing: limitOf(shard) }
    return createApp({ hub, access, maxBatchEvents: 50, limits })
  })
  const broken = new Map<number, () => Promise<Response>>()
  const requests: { readonly shard: number; readonly id: string | null }[] = []
  const router = createRouter({
    count,
    retryMs: 2_000,
    corsOrigins: ['https://app.example'],
    maxEventBytes: MAX_EVENT_BYTES,
    maxBatchEvents: 50,
    clock,
    shard: (shard) => ({
      fetch: async (request) => {
        requests.push({ shard, id: request.headers.get('X-Request-Id') })
        const fail = broken.get(shard)
        return await (fail?.() ?? (apps[shard] as (typeof apps)[0]).fetch(receive(request)))
      },
    }),
  })
  const fetch = (path: string, init: RequestInit) => {
    return router.fetch(new Request(`http://localhost${path}`, init))
  }
  return { clock, hubs, broken, requests, fetch, request, listen }

  async function request(path: string, init: RequestInit): Promise<Response> {
    let response: Response | undefined
    const pending = fetch(path, init).then((own) => {
      response = own
    })
    while (!response) await clock.runPending()
    await pending
    return response
  }

  async function listen(client: string): Promise<Reader> {
    const reader = readEvents(await request(`/sse?id=${client}&topic=news`, {}))
    await clock.runPending()
    await reader.next(({ event }) => event === 'hub:ready')
    onTestFinished(() => reader.close())
    return reader
  }
}

const EVENTS = [
  { to: 'everyone', data: 1 },
  { to: { client: SECOND }, data: 2 },
  { to: { client: [SECOND, THIRD, SECOND] }, data: 3 },
  { to: { topic: ['news', 'other'] }, data: 4 },
  { to: { client: NAMES, topic: 'news' }, data: 5 },
  { to: { client: FIRST, topics: 'news' }, data: 6 },
  { to: { client: [FIRST, ''] }, data: 7 },
  { to: { client: FIRST }, data: 8, event: 'open' },
  7,
  { to: { client: [FIRST, THIRD] }, data: 'x'.repeat(MAX_EVENT_BYTES + 1) },
  { to: { client: THIRD }, data: 9, ephemeral: true },
  { to: 'everyone', data: 'end' },
]

const RESULTS = [
  { ids: expect.any(Array), connections: 3 },
  { id: expect.any(String), connections: 1 },
  { ids: expect.any(Array), connections: 2 },
  { ids: expect.any(Array), connections: 3 },
  { ids: expect.any(Array), connections: 3 },
  { status: 400, issues: [{ path: 'json.to.topics' }] },
  { status: 400, issues: [{ path: 'json.to.client.1' }] },
  { status: 400, issues: [{ path: 'json.event' }] },
  { status: 400 },
  { status: 413 },
  { connections: 1 },
  { ids: expect.any(Array), connections: 3 },
]

async function expectDelivered(listeners: readonly Reader[]): Promise<void> {
  for (const listener of listeners) await listener.next(({ data }) => data === 'end')
  expect(listeners.map(publishedData)).toEqual([
    ['1', '4', '5', 'end'],
    ['1', '2', '3', '4', '5', 'end'],
    ['1', '3', '4', '5', '9', 'end'],
  ])
}

test('an array is published on the shards that its events concern, and answered in order', async () => {
  const { request, listen, requests } = setUp()
  const listeners = await Promise.all(NAMES.map(listen))
  requests.length = 0
  const response = await request('/publish', json(EVENTS))
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('application/json')
  expect(await response.json()).toMatchObject(RESULTS)
  await expectDelivered(listeners)
  // One request for each shard.
  expect(requests.map(({ shard }) => shard).sort()).toEqual([0, 1, 2])
  expect(new Set(requests.map(({ id }) => id)).size).toBe(1)
})

test('lines are published on the shards that they concern, and answered with their numbers', async () => {
  const { request, listen } = setUp()
  const listeners = await Promise.all(NAMES.map(listen))
  const response = await request('/publish', ndjson(EVENTS))
  const expected = RESULTS.map((result, n) =>
    'status' in result ? { line: n + 1, ...result } : result,
  )
  expect(await answersIn(response)).toMatchObject(expected)
  await expectDelivered(listeners)
})

test.each([
  ['an array', json, (response: Response) => response.json() as Promise<Answer[]>],
  ['lines', ndjson, answersIn],
])('topics with too many levels fail their event of %s alone', async (_, bodyOf, answersOf) => {
  const { request, hubs } = setUp()
  const topic = Array.from({ length: 400 }, (_, n) => `${n}/b/c/d/e/f/g/h/i/j`)
  const response = await request(
    '/publish',
    bodyOf([
      { to: { client: SECOND }, data: 1 },
      { to: { client: SECOND, topic }, data: 2 },
      { to: { client: SECOND }, data: 3 },
    ]),
  )
  expect(response.status).toBe(200)
  const answers = await answersOf(response)
  expect(answers.map(({ status }) => status)).toEqual([undefined, 400, undefined])
  expect(answers[1]?.detail).toMatch(/too many levels/)
  expect(hubs.map((hub) => hub.stats().published)).toEqual([0, 2, 0])
})

test('lines without an address go to all shards, and those that are not valid are answered once', async () => {
  const { clock, request, listen, hubs } = setUp()
  const [listener] = await Promise.all(NAMES.map(listen))
  const body = `{"data":1}\n\nno JSON\n${'x'.repeat(600_000)}\n{"to":"everyone","data":2}\n{"data":"end"}`
  expect(await answersIn(await request('/topics/news', ndjson(body)))).toMatchObject([
    { connections: 3 },
    { line: 3, status: 400 },
    { line: 4, status: 413 },
    { line: 5, status: 400 },
    { connections: 3 },
  ])
  await clock.runPending()
  await listener?.next(({ data }) => data === 'end')
  expect(hubs.map((hub) => hub.stats().published)).toEqual([2, 2, 2])
})

test.each([1, COUNT])(
  'a header of the client does not end a batch at its first problem (%i shards)',
  async (count) => {
    const { request, hubs } = setUp({ count })
    const init = ndjson('{"data":1}\nno JSON\n{"data":2}\n')
    const headers = { ...init.headers, 'Hub-Piped': '1' }
    const answers = await answersIn(await request('/broadcast', { ...init, headers }))
    expect(answers).toMatchObject([
      { connections: 0 },
      { line: 2, status: 400 },
      { connections: 0 },
    ])
    expect(hubs.map((hub) => hub.stats().published)).toEqual(hubs.map(() => 2))
  },
)

test('an event that one shard limits has its 429, and may be repeated with its key', async () => {
  const limitOf = (shard: number): MiddlewareHandler => {
    let left = shard === 1 ? 1 : 100
    return async (c, next) => {
      left -= 1
      return left < 0 ? c.text('', 429, { 'Retry-After': '7' }) : await next()
    }
  }
  const { request, hubs } = setUp({ limitOf })
  const events = [1, 2, 3].map((data) => ({ to: 'everyone', data }))
  const keyed = { ...events[2], idempotencyKey: 'a' }
  const response = await request('/publish', json([...events.slice(0, 2), keyed]))
  const results = (await response.json()) as Answer[]
  expect(results).toMatchObject([
    { connections: 0 },
    { status: 429, detail: expect.stringMatching(/^2 of 3 shards have published/) },
    { status: 429, retryAfter: 7 },
  ])
  expect(results[1]).not.toHaveProperty('retryAfter')
  expect(hubs.map((hub) => hub.stats().published)).toEqual([3, 1, 3])
})

test('each line is answered before the next one comes', async () => {
  const { fetch, clock, hubs } = setUp()
  const batch = openBatch(fetch, '/publish', clock)
  for (const client of NAMES) {
    batch.send(`${JSON.stringify({ to: { client }, data: 1 })}\n`)
    expect(await batch.next()).toMatchObject([{ connections: 0 }])
  }
  await clock.advance(60_200)
  expect(await batch.rest()).toMatchObject([{ line: 4, status: 408, published: 3 }])
  await clock.advance(10_000)
  expect(batch.isCancelled).toBe(true)
  expect(hubs.map((hub) => hub.stats().published)).toEqual([1, 1, 1])
})

describe('what no shard accepts is answered as one hub would:', () => {
  test.each([
    ['an array without a credential', json([{ to: 'everyone', data: 1 }])],
    ['lines without a credential', ndjson([{ to: 'everyone', data: 1 }])],
    ['a line that is too long, without a credential', ndjson('x'.repeat(600_000))],
  ])('%s', async (_, init) => {
    const { request } = setUp({ key: 'a-key-0123456789' })
    const response = await request('/publish', init)
    expect(response.status).toBe(401)
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  })

  test.each([
    ['no array', json({ to: 'everyone' }), 400],
    ['no JSON', { ...json(1), body: '[' }, 400],
    ['too many events', json(Array(51).fill({ to: 'everyone', data: 1 })), 413],
    ['another type', { ...json([]), headers: { 'Content-Type': 'text/plain' } }, 415],
    ['no lines', ndjson('\n'), 400],
  ])('%s', async (_, init, status) => {
    const { request, hubs } = setUp()
    expect((await request('/publish', init)).status).toBe(status)
    expect(hubs.map((hub) => hub.stats().published)).toEqual([0, 0, 0])
  })

  test.each([1, COUNT])('a body of another type (%i shards)', async (count) => {
    const { request, hubs } = setUp({ count })
    const types = [
      ['/publish', undefined],
      ['/publish', 'text/plain'],
      ['/publish', 'application/x-www-form-urlencoded'],
      ['/publish', 'image/png'],
      ['/publish', 'text/event-stream'],
      ['/publish', 'application/json; charset=latin1'],
      ['/publish', 'application/x-ndjson; charset=latin1'],
      ['/topics/news', 'application/x-ndjson; charset=latin1'],
      ['/broadcast', 'application/x-ndjson; charset=utf-16'],
      ['/publish', 'application/json', 'gzip'],
      ['/broadcast', 'application/x-ndjson', 'gzip'],
    ] as const
    for (const [path, type, encoding] of types) {
      const text = path === '/publish' ? '[{"to":"everyone","data":1}]' : '{"data":1}'
      const headers = {
        ...(type && { 'Content-Type': type }),
        ...(encoding && { 'Content-Encoding': encoding }),
      }
      const body = new TextEncoder().encode(text)
      const { status } = await request(path, { method: 'POST', headers, body })
      expect([path, type, encoding, status]).toEqual([path, type, encoding, 415])
    }
    expect(hubs.map((hub) => hub.stats().published)).toEqual(hubs.map(() => 0))
  })

  test('an empty array', async () => {
    const response = await setUp().request('/publish', json([]))
    expect([response.status, await response.json()]).toEqual([200, []])
  })
})

describe('while a shard is unavailable', () => {
  const fails = (properties: object) => () => Promise.reject(Object.assign(new Error(), properties))
  const UNAVAILABLE = 'journal-unavailable'
  const problem = new Response('{"status":503,"detail":"It reshards."}', { status: 503 })

  test.each([
    [
      'moves',
      fails({ retryable: true }),
      { detail: /Try again/, retryAfter: 2, code: UNAVAILABLE },
    ],
    ['may have published', fails({ durableObjectReset: true }), { detail: /may have stored/ }],
    ['refuses', async () => problem.clone(), { detail: /reshards/ }],
  ])(
    'that %s, the results say so, and the others publish',
    async (_, fail, { detail, ...more }) => {
      const { request, broken, hubs } = setUp()
      broken.set(shardOf(SECOND, COUNT), fail)
      const events = [
        { to: { client: FIRST }, data: 1 },
        { to: { client: SECOND }, data: 2 },
        { to: { client: [SECOND, THIRD] }, data: 3 },
        { to: { client: SECOND }, data: 4, idempotencyKey: 'a' },
        { to: 'everyone', data: 5, idempotencyKey: 'b' },
      ]
      const results = (await (await request('/publish', json(events))).json()) as Answer[]
      expect(results[2]).not.toHaveProperty('retryAfter')
      expect(results).toMatchObject([
        { connections: 0 },
        { status: 503, detail: expect.stringMatching(detail), ...more },
        { status: 503, detail: expect.stringMatching(/^1 of 2 shards did not confirm/) },
        { status: 503, detail: expect.stringMatching(detail), retryAfter: 2 },
        { status: 503, detail: expect.stringMatching(/^1 of 3 shards/), retryAfter: 2 },
      ])
      expect(hubs.map((hub) => hub.stats().published)).toEqual([2, 0, 2])
    },
  )

  test('as all others are, every result says so', async () => {
    const { request, broken } = setUp()
    for (const shard of NAMES.keys()) broken.set(shard, fails({ durableObjectReset: true }))
    const answers = await answersIn(await request('/publish', ndjson(EVENTS)))
    expect(answers.map(({ line, status }) => [line, status])).toEqual(
      EVENTS.map((_, n) => [n + 1, 503]),
    )
    const init = { ...json(EVENTS), headers: { ...json(1).headers, Origin: 'https://app.example' } }
    const response = await request('/publish', init)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe('https://app.example')
    const results = (await response.json()) as Answer[]
    expect(results.map(({ status }) => status)).toEqual(EVENTS.map(() => 503))
  })

  test.each([
    ['moves', fails({ retryable: true }), { retryAfter: 2, code: UNAVAILABLE }],
    ['refuses', async () => problem.clone(), { detail: 'It reshards.', retryAfter: 2 }],
  ])('that %s, events for it alone spoil no others', async (_, fail, result) => {
    const { fetch, request, broken, hubs, clock } = setUp()
    broken.set(shardOf(SECOND, COUNT), fail)
    const event = { to: { client: SECOND }, data: 1, idempotencyKey: 'a' }
    const response = await request('/publish', json([event]))
    expect(await response.json()).toMatchObject([{ status: 503, ...result }])
    expect(response.status).toBe(200)
    const batch = openBatch(fetch, '/publish', clock)
    batch.send(`${JSON.stringify(event)}\n`)
    expect(await batch.next()).toMatchObject([{ line: 1, status: 503, ...result }])
    batch.send(`${JSON.stringify({ to: { client: FIRST }, data: 2 })}\n`)
    expect(await batch.next()).toMatchObject([{ connections: 0 }])
    batch.end()
    expect(await batch.rest()).toEqual([])
    expect((await batch.response).status).toBe(200)
    expect(hubs.map((hub) => hub.stats().published)).toEqual([1, 0, 0])
  })

  test('the lines after the first say that the credential is not accepted', async () => {
    const { fetch, broken, clock } = setUp({ key: 'a-key-0123456789' })
    broken.set(shardOf(SECOND, COUNT), fails({ retryable: true }))
    const batch = openBatch(fetch, '/publish', clock)
    for (const [client, status] of [
      [SECOND, 503],
      [FIRST, 401],
      [THIRD, 401],
    ] as const) {
      batch.send(`${JSON.stringify({ to: { client }, data: 1 })}\n`)
      expect(await batch.next()).toMatchObject([{ status }])
    }
    batch.end()
    expect(await batch.rest()).toEqual([])
  })
})

const names = fc.uniqueArray(fc.constantFrom(...NAMES, 'nobody', 'näme'), { maxLength: 4 })
const step = fc.record({
  to: fc.oneof(
    fc.constant('everyone'),
    fc.record({ client: names }),
    fc.record({ topic: fc.constantFrom('news', 'other') }),
    fc.record({ client: names, topic: fc.constantFrom('news', ['news', 'other']) }),
  ),
  data: fc.oneof(fc.jsonValue(), fc.constant('x'.repeat(MAX_EVENT_BYTES + 1))),
})

test('each client receives what it would receive from one hub', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (steps, isArray) => {
        const events = [...steps, { to: 'everyone', data: 'end' }]
        const outcomes = await Promise.all(
          [setUp(), createAppHarness({ maxEventBytes: MAX_EVENT_BYTES })].map(
            async ({ request, listen, ...own }) => {
              const open = (client: string) =>
                listen('app' in own ? `/sse?id=${client}&topic=news` : client)
              const listeners = await Promise.all(NAMES.map(open))
              const response = await request('/publish', isArray ? json(events) : ndjson(events))
              const answers = isArray
                ? ((await response.json()) as Answer[])
                : await answersIn(response)
              for (const listener of listeners) await listener.next(({ data }) => data === 'end')
              const results = answers.map(({ status, connections }) => status ?? connections)
              return [results, listeners.map(publishedData)]
            },
          ),
        )
        expect(outcomes[0]).toEqual(outcomes[1])
      },
    ),
    { numRuns: 60 },
  )
})

/** Data that no stack is large enough to write as JSON. */
const DEEP = `${'['.repeat(100_000)}${']'.repeat(100_000)}`

const DEEP_EVENTS = [
  `{"to":{"client":["${SECOND}","${THIRD}"]},"data":1}`,
  `{"to":{"client":["${SECOND}","${THIRD}"]},"data":${DEEP}}`,
  `{"to":"everyone","data":${DEEP}}`,
  `{"to":{"client":"${THIRD}"},"data":2}`,
]

describe('an event that is nested too deeply', () => {
  test('spoils no other of an array', async () => {
    const { request, hubs } = setUp()
    const response = await request('/publish', post(`[${DEEP_EVENTS}]`, 'application/json'))
    expect(((await response.json()) as Answer[]).map(({ status }) => status)).toEqual([
      undefined,
      400,
      400,
      undefined,
    ])
    expect(hubs.map((hub) => hub.stats().published)).toEqual([0, 1, 2])
  })

  test('spoils no other of lines', async () => {
    const { fetch, clock, hubs } = setUp()
    const batch = openBatch(fetch, '/publish', clock)
    batch.send(`${DEEP_EVENTS.join('\n')}\n`)
    batch.end()
    const answers = await batch.rest()
    expect(answers.map(({ status }) => status)).toEqual([undefined, 400, 400, undefined])
    expect(hubs.map((hub) => hub.stats().published)).toEqual([0, 1, 2])
  })

  test('is refused without a credential, as any other', async () => {
    const { request } = setUp({ key: 'x' })
    const response = await request('/publish', post(`[${DEEP_EVENTS[1]}]`, 'application/json'))
    expect(response.status).toBe(401)
  })
})
