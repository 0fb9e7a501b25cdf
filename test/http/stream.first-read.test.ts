/** The hub connects when somebody reads a stream’s body: a response that nobody reads costs nothing. */
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { portableStream } from '../../src/http/openers/portable-stream.ts'
import { webStream } from '../../src/http/openers/web-stream.ts'
import { createHub } from '../../src/hub/hub.ts'
import { createAppHarness } from '../support/app-harness.ts'
import { manualClock } from '../support/clock.ts'
import { eventually } from '../support/eventually.ts'
import { openRaw } from '../support/raw-stream.ts'
import { readEvents } from '../support/reader.ts'

const PIPELINED = 200

describe.each([
  ['portable', portableStream],
  ['web', webStream],
])('%s streams', (_, opener) => {
  test('connect when their body is read, and no earlier', async () => {
    const { app, hub, clock } = createAppHarness({}, { openStream: opener() })
    const response = await app.request('/sse?id=alice')
    await clock.runPending()
    expect(hub.stats().connections).toBe(0)
    expect(clock.timers).toBe(0)
    const reader = readEvents(response)
    await clock.runPending()
    expect((await reader.next()).event).toBe('hub:ready')
    expect(hub.stats().connections).toBe(1)
  })

  test('leave no connection when middleware throws or replaces the response', async () => {
    const { hub, clock, host } = hostOf()
    host.use('/thrown/*', async (_c, next) => {
      await next()
      throw new Error('after the handler')
    })
    host.use('/replaced/*', async (c, next) => {
      await next()
      c.res = new Response('no', { status: 403 })
    })
    host.route('/thrown', createApp({ hub, access: 'anyone', openStream: opener() }))
    host.route('/replaced', createApp({ hub, access: 'anyone', openStream: opener() }))
    for (const path of ['/thrown/sse?id=alice', '/replaced/sse?id=alice']) {
      expect((await host.request(path)).status).toBeGreaterThan(400)
      await clock.runPending()
    }
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
    expect(clock.timers).toBe(0)
  })

  test('that are cancelled before they are read never connect', async () => {
    const { app, hub, clock } = createAppHarness({}, { openStream: opener() })
    const response = await app.request('/sse?id=alice')
    await clock.runPending()
    await response.body?.cancel()
    await clock.runPending()
    expect(hub.stats().metrics.openings).toEqual({ fresh: 0, complete: 0, gap: 0 })
  })

  test('send a goodbye if the hub became full between the response and the first read', async () => {
    const { app, hub, clock } = createAppHarness({ maxConnections: 1 }, { openStream: opener() })
    const first = await app.request('/sse?id=alice')
    const second = await app.request('/sse?id=bob')
    const reader = readEvents(first)
    await clock.runPending()
    expect((await reader.next()).event).toBe('hub:ready')
    expect(await readEvents(second).next()).toMatchObject({
      event: 'hub:bye',
      data: '{"reason":"at-capacity"}',
    })
    expect(hub.stats().connections).toBe(1)
  })

  test('of pipelined requests connect one after another on Node', async () => {
    const hub = createHub()
    const { fetch } = createApp({ hub, access: 'anyone', openStream: opener() })
    const server = serve({ fetch, port: 0, hostname: '127.0.0.1' })
    onTestFinished(async () => {
      await hub.close()
      server.close()
    })
    await eventually(() => expect(server.address()).not.toBeNull())
    const address = server.address() as { port: number }
    const url = `http://127.0.0.1:${address.port}`
    const next = `\r\n\r\nGET /sse?id=bob HTTP/1.1\r\nHost: localhost`
    const raw = await openRaw(
      url,
      `/sse?id=alice HTTP/1.1\r\nHost: localhost${next.repeat(PIPELINED)}\r\n\r\nGET /healthz`,
    )
    await raw.contains('hub:ready')
    // Its answer shows that the server has read the requests before it.
    expect((await globalThis.fetch(`${url}/healthz`)).status).toBe(200)
    expect(hub.stats().connections).toBe(1)
    raw.leave('rst')
    await eventually(() => expect(hub.stats().connections).toBe(0))
  })
})

function hostOf() {
  const clock = manualClock()
  const hub = createHub({ clock })
  const host = new Hono()
  host.onError((_, c) => c.text('the host failed', 500))
  return { clock, hub, host }
}

describe('streams that open with a probe', () => {
  function setUp() {
    const clock = manualClock()
    const probe = { bytes: new TextEncoder().encode(':\n\n'), maxWaitMs: 10_000, clock }
    const hub = createHub({ clock })
    const app = createApp({ hub, access: 'anyone', openStream: webStream(probe) })
    const open = async () => (await app.request('/sse?id=alice')).body?.getReader()
    return { clock, hub, open }
  }

  const text = (bytes?: Uint8Array) => new TextDecoder().decode(bytes)

  test('connect when their reader asks for more', async () => {
    const { clock, hub, open } = setUp()
    const reader = await open()
    expect(text((await reader?.read())?.value)).toBe(':\n\n')
    await clock.runPending()
    expect([hub.stats().connections, clock.timers]).toEqual([0, 1])
    const next = reader?.read()
    await clock.runPending()
    expect(text((await next)?.value)).toContain('hub:ready')
    expect(hub.stats().connections).toBe(1)
    await clock.advance(10_001)
    expect(hub.stats().connections).toBe(1)
    await reader?.cancel()
    expect([hub.stats().connections, clock.timers]).toEqual([0, 0])
  })

  test('end without a connection when the reader does not, or leaves', async () => {
    const { clock, hub, open } = setUp()
    const [stuck, left] = [await open(), await open()]
    await Promise.all([stuck?.read(), left?.read()])
    expect(clock.timers).toBe(2)
    await left?.cancel()
    expect(clock.timers).toBe(1)
    await clock.advance(10_000)
    await expect(stuck?.read()).rejects.toThrow('cut off')
    expect(clock.timers).toBe(0)
    expect(hub.stats().metrics.openings.fresh).toBe(0)
  })
})
