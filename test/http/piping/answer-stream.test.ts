/** An event stream in the body of a request is published while it arrives, and can be stopped by its client. */

import type { EventSourceMessage } from 'eventsource-parser'
import type { MiddlewareHandler } from 'hono'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createAppHarness, post, problemIn, streamed } from '../../support/app-harness.ts'
import type { ManualClock } from '../../support/clock.ts'
import { publishedData } from '../../support/events.ts'
import { eventually } from '../../support/eventually.ts'
import type { Reader } from '../../support/reader.ts'

const SSE = 'text/event-stream'
const encoder = new TextEncoder()

/** Waits for an event, with work that the hub puts off done as it comes up. */
async function arrives(
  reader: Reader,
  clock: ManualClock,
  fits: (event: EventSourceMessage) => boolean,
): Promise<void> {
  await eventually(async () => {
    await clock.runPending()
    expect(reader.events.some(fits)).toBe(true)
  })
}

/** A body that the test sends piece by piece. */
function openBody() {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start(own) {
      controller = own
    },
  })
  return {
    init: streamed(body, SSE),
    send: (text: string) => controller?.enqueue(encoder.encode(text)),
    end: () => controller?.close(),
    break: () => controller?.error(new Error('ECONNRESET')),
  }
}

describe('an event stream as a body', () => {
  test('is published event by event, and answered with their number at the end', async () => {
    const { app, clock, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice')
    const { init, send, end } = openBody()
    const responding = app.request('/clients/alice', init)
    send('event: delta\ndata: {"text":"a"}\n\n: keep-alive\n\nda')
    await arrives(alice, clock, ({ data }) => data === '{"text":"a"}')
    // The headers are there while the body still arrives.
    const response = await responding
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    send('ta: [DONE]\n\n')
    await arrives(alice, clock, ({ data }) => data === '[DONE]')
    end()
    expect(await response.json()).toEqual({ published: 2, id: alice.events.at(-1)?.id })
    expect(alice.events[1]?.event).toBe('delta')
  })

  test.each(['/clients/alice', '/topics/news', '/broadcast'])('works on %s', async (path) => {
    const { clock, request, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice&topic=news')
    const query = '?event=token&ephemeral=true'
    const response = await request(path + query, post('data: 1\n\ndata: 2\n\n', SSE))
    expect(await response.json()).toEqual({ published: 2 })
    await arrives(alice, clock, ({ data }) => data === '2')
    expect(alice.events.slice(1)).toMatchObject([
      { data: '1', event: 'token', id: undefined },
      { data: '2', event: 'token', id: undefined },
    ])
  })

  test('without an event is published as nothing', async () => {
    const { request } = createAppHarness()
    expect(await (await request('/broadcast', post(': nothing\n\n', SSE))).json()).toEqual({
      published: 0,
    })
  })

  test('that is refused at once says when to send it again', async () => {
    const publishing: MiddlewareHandler = async (c) => c.json({}, 429, { 'Retry-After': '7' })
    const { request } = createAppHarness({}, { limits: { publishing } })
    const refused = await request('/broadcast', post('data: 1\n\n', SSE))
    expect(refused.headers.get('Retry-After')).toBe('7')
    expect(await problemIn(refused)).toEqual({
      ...{ type: 'about:blank', title: 'Too Many Requests', status: 429, retryAfter: 7 },
      detail: 'Too many events within a minute: wait for the seconds in retryAfter.',
    })
  })

  test('that breaks off has published what was whole, and its last event says so', async () => {
    const { app, clock, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice')
    const { init, send, break: cut } = openBody()
    const responding = app.request('/clients/alice?onAbort=cut-off&key=k', init)
    send('data: 1\n\ndata: half')
    await arrives(alice, clock, ({ data }) => data === '1')
    cut()
    await arrives(alice, clock, ({ event }) => event === 'cut-off')
    expect(publishedData(alice)).toEqual(['1', '{"reason":"broken","key":"k"}'])
    expect(await (await responding).json()).toMatchObject({
      status: 400,
      published: 1,
      id: expect.any(String),
      detail: expect.stringContaining('ended early'),
    })
  })

  test('ends with the first event that is refused: as a status if it is the first', async () => {
    const { request, hub } = createAppHarness({ maxEventBytes: 10 })
    const first = await request('/broadcast', post('event: hub:bye\ndata: 1\n\n', SSE))
    expect(first.status).toBe(400)
    expect((await problemIn(first)).detail).toContain('hub:')
    const large = await request('/broadcast', post(`data: ${'x'.repeat(11)}\n\n`, SSE))
    expect(large.status).toBe(413)
    const second = await request('/broadcast', post('data: 1\n\nevent: error\ndata: 2\n\n', SSE))
    expect(second.status).toBe(200)
    expect(await second.json()).toMatchObject({ published: 1, status: 400 })
    expect(hub.stats().metrics.publishes).toMatchObject({ everyone: 1 })
  })

  test.each([
    ['event=hub:bye', 'query.event'],
    ['event=a&event=b', 'query.event'],
    ['ephemeral=yes', 'query.ephemeral'],
    [`key=${'k'.repeat(129)}`, 'query.key'],
    ['onAbort=error', 'query.onAbort'],
    ['onAbort=undeclared', 'query.onAbort'],
    ['onAbort=message', 'query.onAbort'],
  ])('with ?%s is refused before it is read', async (query, path) => {
    const { request } = createAppHarness({ events: { message: z.string() } })
    const response = await request(`/broadcast?${query}`, post('data: 1\n\n', SSE))
    expect(response.status).toBe(400)
    expect((await problemIn(response)).issues).toMatchObject([{ path }])
  })

  test('that is silent for a minute is ended', async () => {
    const { app, clock, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice')
    const { init, send } = openBody()
    const responding = app.request('/clients/alice?onAbort=cut-off', init)
    send('data: 1\n\n')
    await arrives(alice, clock, ({ data }) => data === '1')
    await clock.advance(61_000)
    await arrives(alice, clock, ({ event }) => event === 'cut-off')
    expect(await (await responding).json()).toMatchObject({ status: 408, published: 1 })
  })

  test('a body of this type for several addresses is unsupported', async () => {
    const { request } = createAppHarness()
    expect((await request('/publish', post('data: 1\n\n', SSE))).status).toBe(415)
  })

  test('a key in the query of any other request is still taken for a credential', async () => {
    const { request } = createAppHarness()
    expect((await request('/broadcast?key=secret', post('hi', 'text/plain'))).status).toBe(400)
    expect((await request('/clients?key=secret')).status).toBe(400)
    expect((await request('/clients/stop?key=secret')).status).toBe(400)
    expect((await request('/clients/stop/stop?key=secret')).status).toBe(400)
    expect((await request('/clients/stop?key=secret', post('hi', 'text/plain'))).status).toBe(400)
  })
})

describe('the last event', () => {
  test.each([401, 403, 429] as const)('is not published after %i at once', async (status) => {
    const { request, hub } = createAppHarness({}, limited(0, status))
    const response = await request('/broadcast?onAbort=cut-off', post('data: 1\n\n', SSE))
    expect(response.status).toBe(status)
    expect(hub.stats().metrics.publishes).toMatchObject({ everyone: 0 })
  })

  test('counts against the limit as any event does', async () => {
    const { request, hub } = createAppHarness({ maxEventBytes: 30 }, limited(2))
    const body = `data: 1\n\ndata: ${'x'.repeat(31)}\n\n`
    const send = async () => await request('/broadcast?onAbort=cut-off', post(body, SSE))
    expect(await (await send()).json()).toMatchObject({ status: 413, published: 1 })
    // The event that was too large counts, too: the last one is the third.
    expect(hub.stats().metrics.publishes).toMatchObject({ everyone: 1 })
  })

  test('is published when the hub closes, and no stream is open', async () => {
    const { app, clock, hub } = createAppHarness()
    const { init, send } = openBody()
    const responding = app.request('/clients/alice?onAbort=cut-off', init)
    send('data: 1\n\n')
    const response = await responding
    const closed = hub.close()
    await clock.runPending()
    await closed
    expect(await response.json()).toMatchObject({ status: 503, published: 1 })
    expect(hub.stats().metrics.publishes).toMatchObject({ client: 2 })
  })
})

/** A limit that accepts some events and refuses the next ones. */
function limited(count: number, status: 401 | 403 | 429 = 429) {
  let left = count
  const publishing: MiddlewareHandler = async (c, next) => {
    left -= 1
    return left < 0 ? c.json({}, status) : await next()
  }
  return { limits: { publishing } as never }
}

describe('a stop', () => {
  test('ends the stream of the client and key, and answers its publisher at once', async () => {
    const { app, clock, request, listen } = createAppHarness()
    const alice = await listen('/sse?id=alice')
    const { init, send } = openBody()
    const responding = app.request('/clients/alice?key=k&onAbort=stopped', init)
    send('data: 1\n\n')
    await arrives(alice, clock, ({ data }) => data === '1')
    const other = await request('/clients/bob/stop?key=k', { method: 'POST' })
    expect(await other.json()).toEqual({ stopped: 0 })
    const stop = await request('/clients/alice/stop?key=k', { method: 'POST' })
    expect(await stop.json()).toEqual({ stopped: 1 })
    expect(await (await responding).json()).toMatchObject({ published: 1, stopped: true })
    await arrives(alice, clock, ({ event }) => event === 'stopped')
    expect(publishedData(alice).at(-1)).toBe('{"reason":"aborted","key":"k"}')
  })

  test('requires a key', async () => {
    const { request } = createAppHarness()
    const response = await request('/clients/alice/stop', { method: 'POST' })
    expect((await problemIn(response)).issues).toMatchObject([{ path: 'query.key' }])
  })
})
