/** A stream opens at once, with the right headers, or is refused in a way that EventSource understands. */
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { portableStream } from '../../src/http/openers/portable-stream.ts'
import { streamEvents } from '../../src/http/stream.ts'
import { afterHold, createAppHarness, json, readyOf, released } from '../support/app-harness.ts'
import { readEvents } from '../support/reader.ts'

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'private, no-cache, no-store, no-transform',
  incremental: '?1',
  'x-accel-buffering': 'no',
}
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

test('a stream has the headers that proxies need, and none that belong to one hop', async () => {
  const { request } = createAppHarness()
  const response = await request('/sse?id=alice')
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toEqual(HEADERS)
  await response.body?.cancel()
})

test('hub:ready is the first frame, with the retry time and an id to resume from', async () => {
  const { request } = createAppHarness()
  const response = await request('/sse?id=alice&topic=news')
  const body = response.body?.getReader()
  const first = new TextDecoder().decode((await body?.read())?.value)
  expect(first).toMatch(
    /^retry: 2000\nid: [0-9a-z]+-0\nevent: hub:ready\ndata: \{"client":"alice","connection":"[!-~]+","topics":\["news"\],"resume":"fresh","heartbeatMs":15000\}\n\n$/,
  )
  await body?.cancel()
})

test('the retry delay is that of the hub’s options', async () => {
  const { listen } = createAppHarness({ retryMs: 750 })
  const reader = await listen('/sse?id=alice')
  expect(reader.retries).toEqual([750])
})

test('a client without an id gets a new UUID', async () => {
  const { listen } = createAppHarness()
  const first = readyOf(await listen('/sse'))
  const second = readyOf(await listen('/sse'))
  expect(first.client).toMatch(UUID)
  expect(second.client).toMatch(UUID)
  expect(first.client).not.toBe(second.client)
})

test('connections of one client have ids of their own', async () => {
  const { listen } = createAppHarness()
  const first = readyOf(await listen('/sse?id=alice'))
  const second = readyOf(await listen('/sse?id=alice'))
  expect(first.connection).not.toBe(second.connection)
})

test('a stream of the host’s own route has its context, which stays in the process, and ends with its signal', async () => {
  const contexts: unknown[] = []
  const { hub, clock, request } = createAppHarness({
    onConnect: ({ context }) => contexts.push(context),
  })
  const logOut = new AbortController()
  const own = new Hono().get('/me', (c) => {
    const context = { secret: 'of the host' }
    return streamEvents(c, {
      hub,
      client: 'alice',
      topics: ['news'],
      context,
      signal: logOut.signal,
    })
  })
  const reader = readEvents(await own.request('/me'))
  await clock.runPending()
  await reader.next(({ event }) => event === 'hub:ready')
  expect(contexts).toEqual([{ secret: 'of the host' }])
  expect((await hub.connections({ client: 'alice' })).rows).toMatchObject([
    { client: 'alice', context: { secret: 'of the host' } },
  ])
  for (const path of ['/clients', '/clients/alice', '/topics/news']) {
    const listing = await (await request(path)).text()
    expect(listing).toContain('alice')
    expect(listing).not.toContain('context')
    expect(listing).not.toContain('secret')
  }
  logOut.abort()
  await clock.runPending()
  expect(await reader.next()).toMatchObject({
    event: 'hub:bye',
    data: '{"reason":"disconnected"}',
  })
  await reader.end()
})

test('a signal that is none is an error of the host', async () => {
  const { hub, errors } = createAppHarness()
  const own = new Hono()
  own.onError((error, c) => {
    errors.push(error)
    return c.text('', 500)
  })
  const signal = {} as AbortSignal
  own.get('/me', (c) => streamEvents(c, { hub, client: 'alice', signal }))
  expect((await own.request('/me')).status).toBe(500)
  expect(errors).toMatchObject([{ code: 'invalid-option' }])
})

test('HEAD returns the headers and registers no client', async () => {
  const { request, connected, clock } = createAppHarness()
  const response = await request('/sse?id=alice', { method: 'HEAD' })
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toEqual(HEADERS)
  expect(await response.text()).toBe('')
  expect(await connected()).toBe(0)
  expect(clock.timers).toBe(0)
})

test('OPTIONS lists the methods and registers no client', async () => {
  const { request, connected } = createAppHarness()
  const response = await request('/sse?id=alice', { method: 'OPTIONS' })
  expect(response.status).toBe(204)
  expect(response.headers.get('Allow')).toBe('GET, HEAD, OPTIONS')
  expect(await connected()).toBe(0)
})

test('a client that leaves is removed, and the timers stop with the last one', async () => {
  const { listen, connected, clock } = createAppHarness()
  const alice = await listen('/sse?id=alice')
  const bob = await listen('/sse?id=bob')
  expect(await connected()).toBe(2)
  await alice.close()
  expect(await connected()).toBe(1)
  await bob.close()
  expect(await connected()).toBe(0)
  expect(clock.timers).toBe(0)
})

test.each([
  ['a hub that is full', { maxConnections: 1 }, '/sse?id=bob'],
  ['a client with all its connections', { maxConnectionsPerClient: 1 }, '/sse?id=alice'],
  ['a hub that accepts no connections', { maxConnections: 0 }, '/sse?id=bob'],
])('%s answers 200, sends the retry delay, and ends', async (_, options, path) => {
  const { request, clock } = createAppHarness({ ...options, random: () => 0.5 })
  const open = await request('/sse?id=alice')
  const response = await request(path)
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toEqual(HEADERS)
  expect(await (await released(response, clock)).text()).toBe(
    'retry: 4000\nevent: hub:bye\ndata: {"reason":"at-capacity"}\n\n',
  )
  await open.body?.cancel()
})

test('a connection that ends makes room for another', async () => {
  const { request, listen, clock } = createAppHarness({ maxConnections: 1 })
  const alice = await listen('/sse?id=alice')
  const refused = await released(await request('/sse?id=bob'), clock)
  expect(await refused.text()).toContain('at-capacity')
  await alice.close()
  const bob = await listen('/sse?id=bob')
  expect(readyOf(bob)).toMatchObject({ client: 'bob' })
})

test('a hub that closes says goodbye to open streams and to new ones', async () => {
  const { request, listen, hub, clock } = createAppHarness({ random: () => 0 })
  const reader = await listen('/sse?id=alice')
  const closing = hub.close(10_000)
  const late = await request('/sse?id=bob')
  expect(late.status).toBe(200)
  expect(Object.fromEntries(late.headers)).toEqual(HEADERS)
  const bye = 'retry: 2000\nevent: hub:bye\ndata: {"reason":"shutdown"}\n\n'
  expect(await (await released(late, clock)).text()).toBe(bye)
  expect(await reader.next()).toMatchObject({ event: 'hub:bye', data: '{"reason":"shutdown"}' })
  await reader.end()
  await clock.advance(10_000)
  await closing
  expect(await (await request('/sse?id=bob')).text()).toBe(bye)
})

test('a blocked client receives 204, which stops an EventSource', async () => {
  const { request, hub, connected, clock } = createAppHarness()
  void hub.disconnect('alice', 60_000)
  const response = await afterHold(request('/sse?id=alice'), clock)
  expect(response.status).toBe(204)
  expect(response.body).toBeNull()
  expect(await connected()).toBe(0)
})

test('streams are opened by the opener that the app was given', async () => {
  let opened = 0
  const portable = portableStream()
  const { listen } = createAppHarness(
    {},
    {
      openStream: (c, run) => {
        opened += 1
        return portable(c, run)
      },
    },
  )
  await listen('/sse?id=alice')
  expect(opened).toBe(1)
})

test('an event reaches every connection of its client and no other client', async () => {
  const { request, listen } = createAppHarness()
  const first = await listen('/sse?id=alice')
  const second = await listen('/sse?id=alice')
  const bob = await listen('/sse?id=bob&topic=alice')
  const receipt = await (await request('/clients/alice', json({ data: 'hello' }))).json()
  expect(receipt).toMatchObject({ connections: 2 })
  expect(await first.next()).toMatchObject({ data: 'hello' })
  expect(await second.next()).toMatchObject({ data: 'hello' })
  expect(bob.events).toHaveLength(1)
})
