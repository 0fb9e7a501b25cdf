/** Hono's client infers the routes from the type of the app, and the app matches the type. */
import { Hono } from 'hono'
import { hc, type InferRequestType } from 'hono/client'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { type AppType, createApp, createHub, type Problem } from '../../../src/index.ts'
import { type AppHarness, createAppHarness } from '../../support/app-harness.ts'
import { createAuthHarness, KEY } from '../../support/auth-harness.ts'

function clientOf({ request }: Pick<AppHarness, 'request'>) {
  const fetch: typeof globalThis.fetch = (url, init) => request(String(url), init)
  return hc<AppType>('http://localhost', { fetch })
}

describe('a typed client', () => {
  test('publishes, and reads the result', async () => {
    const set = createAppHarness()
    const reader = await set.listen('/sse?id=alice')
    const { clients } = clientOf(set)
    const answer = await clients[':id'].$post({
      param: { id: 'alice' },
      json: { data: { unread: 3 }, event: 'inbox' },
    })
    if (!answer.ok) expect.unreachable()
    const receipt = await answer.json()
    expectTypeOf(receipt.id).toEqualTypeOf<string | undefined>()
    expectTypeOf(receipt.connections).toEqualTypeOf<number>()
    expect(receipt).toEqual({ id: expect.any(String), connections: 1 })
    expect(await reader.next()).toMatchObject({ event: 'inbox', data: '{"unread":3}' })
  })

  test('does not compile with an invalid body, and types the problem in the response', async () => {
    const { broadcast } = clientOf(createAppHarness())
    // @ts-expect-error: the data is missing
    const answer = await broadcast.$post({ json: { event: 'inbox' } })
    if (answer.ok) expect.unreachable()
    const problem = await answer.json()
    expectTypeOf(problem).toEqualTypeOf<Problem>()
    expect(problem).toMatchObject({ status: 400, issues: [{ path: 'json.data' }] })
  })

  test('does not compile with a body whose fields are of another type', () => {
    type Body = InferRequestType<ReturnType<typeof clientOf>['broadcast']['$post']>['json']
    expectTypeOf({ data: 1, ephemeral: 'yes' }).not.toExtend<Body>()
    expectTypeOf({ data: 1, event: 2 }).not.toExtend<Body>()
    expectTypeOf({ data: [1], event: 'inbox', ephemeral: true }).toExtend<Body>()
  })

  test('publishes many events, and tells results from problems', async () => {
    const { publish } = clientOf(createAppHarness())
    const answer = await publish.$post({
      json: [
        { to: 'everyone', data: 1 },
        { to: { client: '.' }, data: 2, event: 'inbox' },
        // @ts-expect-error: the address is missing
        { data: 3 },
      ],
    })
    if (!answer.ok) expect.unreachable()
    const seen = (await answer.json()).map((result) =>
      'status' in result ? result.detail : result.connections,
    )
    expectTypeOf(seen).toEqualTypeOf<(string | number)[]>()
    expect(seen).toEqual([
      0,
      expect.stringContaining('json.to'),
      expect.stringContaining('json.to'),
    ])
  })

  test('lists clients, and disconnects one', async () => {
    const set = createAppHarness()
    await set.listen('/sse?id=alice')
    const { clients } = clientOf(set)
    const list = await clients.$get({ query: { limit: '10' } })
    if (!list.ok) expect.unreachable()
    const { clients: rows, total } = await list.json()
    expectTypeOf(rows[0]?.since).toEqualTypeOf<string | undefined>()
    expect(total).toBe(1)
    expect(rows).toMatchObject([{ client: 'alice', connections: 1 }])

    const away = await clients[':id'].$delete({ param: { id: 'alice' }, query: { block: '60' } })
    if (!away.ok) expect.unreachable()
    expect(await away.json()).toEqual({ disconnected: 1, blockedSeconds: 60 })
    const empty = await clients.$get()
    expect(empty.ok && (await empty.json()).total).toBe(0)
  })

  test('requests a ticket, and builds the URL of the stream', async () => {
    const { request } = createAuthHarness()
    const client = clientOf({ request: (path, init) => request(path, KEY, init) })
    const answer = await client.tickets.$post({ json: { client: 'alice', topics: ['news'] } })
    if (!answer.ok) expect.unreachable()
    const { ticket } = await answer.json()
    const url = client.sse.$url({ query: { ticket, topic: ['news'] } })
    const response = await request(String(url))
    expect(response.headers.get('Content-Type')).toContain('text/event-stream')
    await response.body?.cancel()
  })

  test('distinguishes the possible reasons', async () => {
    const { healthz, readyz } = clientOf(createAppHarness())
    const [health, readiness] = [await healthz.$get(), await readyz.$get()]
    if (!health.ok || !readiness.ok) expect.unreachable()
    const words: ['ok', 'ready'] = [await health.text(), await readiness.text()]
    expect(words).toEqual(['ok', 'ready'])
  })
})

test('a mounted app is typed under its path', async () => {
  const host = new Hono().route('/realtime', createApp({ hub: createHub(), access: 'anyone' }))
  const { realtime } = hc<typeof host>('http://localhost', { fetch: host.request })
  const answer = await realtime.topics[':topic'].$get({ param: { topic: 'news' } })
  if (!answer.ok) expect.unreachable()
  expect(await answer.json()).toEqual({ topic: 'news', connections: [], total: 0 })
})
