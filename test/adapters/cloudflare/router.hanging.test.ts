/** Shards that never answer, or stop in the middle of an answer: nobody waits for them without end. */
import { describe, expect, test } from 'vitest'
import { createRouter } from '../../../src/adapters/cloudflare/router.ts'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { manualClock } from '../../support/clock.ts'
import { samplesOf } from '../../support/samples.ts'

const COUNT = 3

/** When a shard stops. */
type Hang = 'before its headers' | 'within its body'
const HANGS: readonly Hang[] = ['before its headers', 'within its body']

function setUp(hang: Hang) {
  const hanging = new Set<number>()
  const cancelled: number[] = []
  const apps = Array.from({ length: COUNT }, () =>
    createApp({ hub: createHub(), access: 'anyone' }),
  )
  const clock = manualClock()
  const never = new Promise<Response>(() => {})
  const router = createRouter({
    count: COUNT,
    retryMs: 2_000,
    maxBodyBytes: 2_000_000,
    clock,
    shard: (index) => ({
      fetch: async (request) => {
        const response = await apps[index]?.fetch(request)
        if (!response || !hanging.has(index)) return response ?? (await never)
        if (hang === 'before its headers') return await never
        return new Response(unfinished(await response.text(), index), response)
      },
    }),
  })
  return { hanging, cancelled, clock, send }

  /** The beginning of a text, after which nothing comes. */
  function unfinished(text: string, index: number): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode(text.slice(0, 5))),
      cancel: () => void cancelled.push(index),
    })
  }

  /** Sends a request, and lets the time pass within which an answer must come. */
  async function send(method: string, path: string, body?: string): Promise<Response> {
    const headers = body === undefined ? {} : { 'Content-Type': 'text/plain' }
    const init = { method, headers, ...(body !== undefined && { body }) }
    const response = router.fetch(new Request(`http://localhost${path}`, init))
    await clock.advance(30_000)
    return await response
  }
}

describe.each(HANGS)('a shard that hangs %s', (hang) => {
  test.each(['/clients', '/topics/news'])(
    'is missing from %s, and the response says so',
    async (path) => {
      const { hanging, clock, send } = setUp(hang)
      hanging.add(1)
      const response = await send('GET', path)
      expect(response.status).toBe(200)
      expect(await response.json()).toMatchObject({ total: 0, asked: 3, answered: 2 })
      expect(clock.timers).toBe(0)
    },
  )

  test('is down in the metrics', async () => {
    const { hanging, send } = setUp(hang)
    hanging.add(1)
    const samples = samplesOf(await (await send('GET', '/metrics')).text())
    const up = [0, 1, 2].map((shard) => samples.get(`hono_sse_shard_up{shard="${shard}"}`))
    expect(up).toEqual([1, 0, 1])
  })

  test.each([0, 2])('leaves a broadcast unconfirmed (shard %i)', async (shard) => {
    const { hanging, clock, send } = setUp(hang)
    hanging.add(shard)
    for (const path of ['/broadcast', '/topics/news']) {
      const response = await send('POST', path, 'hi')
      expect(response.status).toBe(503)
      expect(response.headers.get('Retry-After'), 'a retry could duplicate the event').toBeNull()
      expect(await response.text()).toContain('could duplicate')
    }
    expect(clock.timers).toBe(0)
  })

  test('is not reported as blocking a client', async () => {
    const { hanging, send } = setUp(hang)
    for (const shard of [0, 1, 2]) {
      hanging.clear()
      hanging.add(shard)
      expect((await send('DELETE', '/clients/mallory?block=60')).status).toBe(503)
    }
  })

  test('delays no response for longer when all others hang, too', async () => {
    const { hanging, send } = setUp(hang)
    for (const shard of [0, 1, 2]) hanging.add(shard)
    for (const path of ['/clients', '/topics/news', '/metrics']) {
      expect((await send('GET', path)).status).toBe(503)
    }
  })
})

test('the body of a late response is cancelled', async () => {
  const { hanging, cancelled, send } = setUp('within its body')
  hanging.add(1)
  await send('GET', '/clients')
  expect(cancelled).toEqual([1])
})
