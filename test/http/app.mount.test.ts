/** The app mounted in another app: it serves its own routes and leaves the others alone. */
import { Hono } from 'hono'
import { setCookie } from 'hono/cookie'
import { cors } from 'hono/cors'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { streamEvents } from '../../src/http/stream.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { afterHold, json, post, problemIn, readyOf, served, text } from '../support/app-harness.ts'
import { manualClock } from '../support/clock.ts'
import { readEvents } from '../support/reader.ts'

const ORIGIN = 'https://app.example'

function hostWith(options: HubOptions = {}) {
  const clock = manualClock()
  const hub = createHub({ clock, ...options })
  const errors: unknown[] = []
  const host = new Hono()
  host.use(cors({ origin: ORIGIN, credentials: true }))
  host.use(async (c, next) => {
    setCookie(c, 'session', '42', { httpOnly: true })
    c.header('X-Host', 'before')
    await next()
    c.header('X-After', 'after')
  })
  host.notFound((c) => c.text('the host has no such page', 404))
  host.onError((_, c) => c.text('the host failed', 500))
  host.get('/', (c) => c.text('the host'))
  host.route(
    '/realtime',
    createApp({ hub, access: 'anyone', onError: (error) => void errors.push(error) }),
  )

  async function request(path: string, init: RequestInit = {}) {
    const response = served(await host.request(path, init))
    await clock.runPending()
    return response
  }
  return { clock, hub, host, errors, request }
}

describe('mounted under /realtime', () => {
  test('a stream opens, and carries the headers of the host', async () => {
    const { request } = hostWith()
    const response = await request('/realtime/sse?id=alice', { headers: { Origin: ORIGIN } })
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toEqual({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
      'cache-control': 'private, no-cache, no-store, no-transform',
      'content-type': 'text/event-stream; charset=utf-8',
      incremental: '?1',
      'set-cookie': 'session=42; Path=/; HttpOnly',
      vary: 'Origin',
      'x-accel-buffering': 'no',
      'x-after': 'after',
      'x-host': 'before',
    })
    const reader = readEvents(response)
    expect((await reader.next()).event).toBe('hub:ready')
    await request('/realtime/clients/alice', text('hello'))
    expect(await reader.next()).toMatchObject({ data: 'hello' })
  })

  test.each([
    ['a refusal', { maxConnections: 0 }, 'GET', 200],
    ['HEAD', {}, 'HEAD', 200],
    ['an invalid id', { maxConnections: 0 }, 'GET', 400],
  ])('%s has the headers of the host, too', async (_, options, method, status) => {
    const { request } = hostWith(options)
    const path = status === 400 ? '/realtime/sse?id=' : '/realtime/sse?id=alice'
    const response = await request(path, { method, headers: { Origin: ORIGIN } })
    expect(response.status).toBe(status)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN)
    expect(response.headers.get('Set-Cookie')).toContain('session=42')
  })

  test('a blocked client receives 204 with the headers of the host', async () => {
    const { request, clock } = hostWith()
    await request('/realtime/clients/alice?block=60', { method: 'DELETE' })
    const init = { headers: { Origin: ORIGIN } }
    const response = await afterHold(request('/realtime/sse?id=alice', init), clock)
    expect(response.status).toBe(204)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN)
  })

  test('every route works', async () => {
    const { request } = hostWith()
    const statuses = [
      await request('/realtime/ping/alice', { method: 'POST' }),
      await request('/realtime/clients/alice', json({ data: 1 })),
      await request('/realtime/topics/news', json({ data: 1 })),
      await request('/realtime/broadcast', json({ data: 1 })),
      await request('/realtime/clients'),
      await request('/realtime/clients/alice'),
      await request('/realtime/topics/news'),
      await request('/realtime/clients/alice', { method: 'DELETE' }),
      await request('/realtime/healthz'),
      await request('/realtime/readyz'),
    ].map(({ status }) => status)
    expect(statuses).toEqual(Array.from(statuses, () => 200))
  })

  test('errors are problem details, not the host’s error pages', async () => {
    const { request, errors } = hostWith({ maxEventBytes: 1 })
    const expected: [number, Response][] = [
      [405, await request('/realtime/sse', { method: 'POST' })],
      [405, await request('/realtime/broadcast')],
      [400, await request('/realtime/sse?id=')],
      [400, await request('/realtime/clients/%E0%A4%A')],
      [400, await request('/realtime/broadcast', post('{', 'application/json'))],
      [413, await request('/realtime/broadcast', text('xx'))],
      [415, await request('/realtime/broadcast', post('x', 'text/xml'))],
    ]
    for (const [status, response] of expected) {
      expect(response.status).toBe(status)
      await problemIn(response)
    }
    expect(expected[0]?.[1].headers.get('Allow')).toBe('GET, HEAD, OPTIONS')
    expect(errors).toEqual([])
  })

  test('unknown paths are answered by the host', async () => {
    const { request } = hostWith()
    for (const path of ['/nothing', '/realtime/nothing', '/sse']) {
      const response = await request(path)
      expect(response.status).toBe(404)
      expect(await response.text()).toBe('the host has no such page')
    }
    expect(await (await request('/')).text()).toBe('the host')
    expect((await request('/', { method: 'POST' })).status).toBe(404)
  })

  test.each([
    ['declared', true],
    ['not declared', false],
  ])('a body that the host has read is still available, its length %s', async (_, declared) => {
    const { clock, hub, errors } = hostWith()
    const host = new Hono()
    const seen: string[] = []
    host.use(async (c, next) => {
      seen.push(await c.req.text())
      await next()
    })
    host.route(
      '/realtime',
      createApp({ hub, access: 'anyone', onError: (error) => void errors.push(error) }),
    )
    const reader = readEvents(await host.request('/realtime/sse?id=alice'))
    await clock.runPending()
    for (const init of [json({ data: 'é' }), text('é'), post('data=%C3%A9', FORM)]) {
      const request = new Request('http://localhost/realtime/clients/alice', init)
      const { byteLength } = await request.clone().arrayBuffer()
      if (declared) request.headers.set('Content-Length', String(byteLength))
      expect((await host.request(request)).status).toBe(200)
      await clock.runPending()
      expect(await reader.next(({ event }) => event === undefined)).toMatchObject({ data: 'é' })
    }
    expect(seen).toEqual(['', '{"data":"é"}', 'é', 'data=%C3%A9'])
    expect(errors).toEqual([])
  })

  test('a host that only sets headers gets the same stream', async () => {
    const { hub } = hostWith()
    const host = new Hono()
    host.use(async (c, next) => {
      c.header('X-Host', '1')
      c.header('Cache-Control', 'public')
      await next()
    })
    host.route('/realtime', createApp({ hub, access: 'anyone' }))
    const { headers, body } = await host.request('/realtime/sse?id=alice')
    expect(Object.fromEntries(headers)).toEqual({
      'cache-control': 'private, no-cache, no-store, no-transform',
      'content-type': 'text/event-stream; charset=utf-8',
      incremental: '?1',
      'x-accel-buffering': 'no',
      'x-host': '1',
    })
    await body?.cancel()
  })

  const FORM = 'application/x-www-form-urlencoded'
})

describe('a route of one’s own', () => {
  function ownRoute(options: HubOptions = {}) {
    const { clock, hub, host } = hostWith(options)
    host.get('/events', (c) => {
      const client = c.req.header('X-User') ?? ''
      return streamEvents(c, { hub, client, topics: c.req.queries('my-topic') ?? ['news'] })
    })
    const request = async (init: RequestInit, query = '') => {
      const response = served(await host.request(`/events${query}`, init))
      await clock.runPending()
      return response
    }
    return { clock, hub, request }
  }
  const alice = { headers: { 'X-User': 'alice' } }

  test('uses the client of the host’s login and not of the query', async () => {
    const { request, hub } = ownRoute()
    const reader = readEvents(await request(alice, '?id=mallory&topic=secrets'))
    await reader.next()
    expect(readyOf(reader)).toMatchObject({ client: 'alice', topics: ['news'] })
    expect((await hub.clients()).rows).toMatchObject([{ client: 'alice' }])
  })

  test('sends the headers of the host and those of a stream', async () => {
    const { request } = ownRoute()
    const { headers, body } = await request({ headers: { 'X-User': 'alice', Origin: ORIGIN } })
    expect(headers.get('Access-Control-Allow-Origin')).toBe(ORIGIN)
    expect(headers.get('Set-Cookie')).toContain('session=42')
    expect(headers.get('Content-Type')).toBe('text/event-stream; charset=utf-8')
    expect(headers.has('Transfer-Encoding') || headers.has('Connection')).toBe(false)
    await body?.cancel()
  })

  test('resumes from the Last-Event-ID header', async () => {
    const { request, hub } = ownRoute()
    const { id = '' } = await hub.publish({ topic: 'news' }, { data: 'one' })
    await hub.publish({ topic: 'news' }, { data: 'two' })
    const reader = readEvents(
      await request({ headers: { 'X-User': 'alice', 'Last-Event-ID': id } }),
    )
    await reader.next()
    expect(await reader.next()).toMatchObject({ data: 'two' })
  })

  test('registers no client for HEAD, and refuses a blocked client', async () => {
    const { clock, request, hub } = ownRoute()
    expect((await request({ ...alice, method: 'HEAD' })).status).toBe(200)
    expect(hub.stats().connections).toBe(0)
    void hub.disconnect('alice', 60_000)
    expect((await request({ ...alice, method: 'HEAD' })).status).toBe(204)
    expect((await afterHold(request(alice), clock)).status).toBe(204)
  })

  test('answers 400 for an invalid topic in the request', async () => {
    const { request, hub } = ownRoute()
    const response = await request(alice, '?my-topic=%00')
    expect(response.status).toBe(400)
    await problemIn(response)
    expect(hub.stats().connections).toBe(0)
  })

  test('reports an invalid client id as the host’s error', async () => {
    const { request, hub } = ownRoute()
    const response = await request({})
    expect(await response.text()).toBe('the host failed')
    expect(hub.stats().connections).toBe(0)
  })
})
