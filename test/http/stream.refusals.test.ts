/** A refused stream waits for a second, because some clients come back as soon as they are refused. */
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { streamEvents } from '../../src/http/stream.ts'
import { createStreamResponse } from '../../src/http/stream-response.ts'
import type { Hub } from '../../src/hub/hub-types.ts'
import { createAppHarness } from '../support/app-harness.ts'

const BYE = 'retry: 4000\nevent: hub:bye\ndata: {"reason":"at-capacity"}\n\n'

function createFullHub() {
  return createAppHarness({ maxConnections: 0 })
}

test('a refused stream gets its headers at once, and its goodbye after a second', async () => {
  const { clock, request } = createFullHub()
  const response = await request('/sse?id=alice')
  expect(response.status).toBe(200)
  let text: string | undefined
  void response.text().then((all) => {
    text = all
  })
  await clock.advance(999)
  expect(text).toBeUndefined()
  await clock.advance(1)
  expect(text).toBe(BYE)
  expect(clock.timers).toBe(0)
})

test('so does one that a route of the host refuses', async () => {
  const { clock, hub } = createFullHub()
  const host = new Hono().get('/own', (c) => streamEvents(c, { hub, client: 'alice' }))
  const text = (await host.request('/own')).text()
  await clock.advance(999)
  expect(clock.timers).toBe(1)
  await clock.advance(1)
  expect(await text).toBe(BYE)
})

test('it no longer waits once its client has left', async () => {
  const { clock, app } = createFullHub()
  const response = await app.request('/sse?id=alice')
  const reader = response.body?.getReader()
  void reader?.read()
  await clock.runPending()
  expect(clock.timers).toBe(1)
  await reader?.cancel()
  await clock.runPending()
  expect(clock.timers).toBe(0)
})

test('it does not wait if its body is never read, nor for HEAD', async () => {
  const { clock, app } = createFullHub()
  await app.request('/sse?id=alice')
  expect((await app.request('/sse?id=alice', { method: 'HEAD' })).status).toBe(200)
  await clock.runPending()
  expect(clock.timers).toBe(0)
})

test('a hub that closes sends all goodbyes that wait, and holds none after that', async () => {
  const { clock, hub, request } = createFullHub()
  const waiting = (await request('/sse?id=alice')).text()
  await clock.runPending()
  await hub.close()
  expect(await waiting).toBe(BYE)
  expect(await (await request('/sse?id=alice')).text()).toContain('shutdown')
  expect(clock.timers).toBe(0)
})

test('a stream that is accepted waits for nothing', async () => {
  const { clock, listen } = createAppHarness()
  const reader = await listen('/sse?id=alice')
  // The timer of the heartbeat and those of the hub run; none is of this stream.
  const timers = clock.timers
  await listen('/sse?id=bob')
  expect(clock.timers).toBe(timers)
  await reader.close()
})

test.each([
  ['/sse', (_: Hub, app: Hono) => app],
  [
    'a route of the host',
    (hub: Hub) => new Hono().get('/sse', (c) => streamEvents(c, { hub, client: 'alice' })),
  ],
  [
    'any fetch handler',
    (hub: Hub) => ({
      request: (path: string, init?: RequestInit) =>
        createStreamResponse(new Request(`http://localhost${path}`, init), {
          hub,
          client: 'alice',
        }),
    }),
  ],
])('at %s, a blocked client waits for its 204, unless it leaves', async (_, hostOf) => {
  const { clock, hub, app: hubApp } = createAppHarness()
  const app = hostOf(hub, hubApp)
  await hub.disconnect('alice', 60_000)
  const statuses: number[] = []
  const leaving = new AbortController()
  const ask = async (init?: RequestInit) => {
    const { status } = await app.request('/sse?id=alice', init)
    statuses.push(status)
  }
  void ask()
  void ask({ signal: leaving.signal })
  await ask({ method: 'HEAD' })
  expect(statuses).toEqual([204])
  await clock.runPending()
  expect(clock.timers).toBe(2)
  leaving.abort()
  await clock.runPending()
  expect(clock.timers).toBe(1)
  await clock.advance(1_000)
  expect(statuses).toEqual([204, 204, 204])
})
