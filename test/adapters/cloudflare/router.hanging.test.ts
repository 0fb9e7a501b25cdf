/** Shards that never answer, or stop in the middle of an answer: nobody waits for them without end. */
import { describe, expect, test } from 'vitest'
import { createRouter } from '../../../src/adapters/cloudflare/router.ts'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { released } from '../../support/app-harness.ts'
import { type ManualClock, manualClock } from '../../support/clock.ts'
import { eventually } from '../../support/eventually.ts'
import { samplesOf } from '../../support/samples.ts'

const COUNT = 3

/** When a shard stops. */
type Hang = 'before its headers' | 'within its body'
const HANGS: readonly Hang[] = ['before its headers', 'within its body']

function setUp(hang: Hang, count = COUNT) {
  const hanging = new Set<number>()
  const calls: number[] = []
  const cancelled: number[] = []
  const apps = Array.from({ length: count }, () =>
    createApp({ hub: createHub(), access: 'anyone' }),
  )
  const clock = manualClock()
  const never = new Promise<Response>(() => {})
  const router = createRouter({
    count,
    retryMs: 2_000,
    maxEventBytes: 262_144,
    maxBatchEvents: 10_000,
    clock,
    shard: (index) => ({
      fetch: async (request) => {
        calls.push(index)
        const response = await apps[index]?.fetch(request)
        if (!response || !hanging.has(index)) return response ?? (await never)
        if (hang === 'before its headers') return await never
        return new Response(unfinished(await response.text(), index), response)
      },
    }),
  })
  return { hanging, calls, cancelled, clock, send, router }

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

  test.each([0, 2])('delays a long batch once (shard %i)', async (shard) => {
    const { hanging, clock, router, calls } = setUp(hang)
    hanging.add(shard)
    const body = '{"to":"everyone","data":1}\n'.repeat(2_000)
    const init = { method: 'POST', body, headers: { 'Content-Type': 'application/x-ndjson' } }
    const pending = router.fetch(new Request('http://localhost/publish', init))
    await eventually(() => expect(calls).toContain(shard))
    await clock.advance(10_000)
    const results = (await (await pending).text()).trim().split('\n')
    expect(results).toHaveLength(2_000)
    const [first, last] = [results[0], results.at(-1)].map(
      (text = '') => JSON.parse(text) as object,
    )
    expect(first).toMatchObject({ line: 1, status: 503 })
    expect(last).toMatchObject({
      line: 2_000,
      status: 503,
      detail: expect.stringMatching(/^1 of 3 shards did not/),
    })
    expect(calls.filter((one) => one === shard)).toHaveLength(1)
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

describe.each(HANGS)('when the only shard for a request hangs %s,', (hang) => {
  test.each([1, COUNT])(
    'the response is 503, and says whether to try again (shards: %i)',
    async (count) => {
      const { hanging, clock, send } = setUp(hang, count)
      for (const shard of [0, 1, 2]) hanging.add(shard)
      const requests = [
        ['GET', '/clients/alice'],
        ['DELETE', '/clients/alice'],
        ['GET', '/readyz'],
        ['POST', '/tickets', '{}'],
        ['POST', '/clients/alice', 'hi', 'may have been stored'],
      ] as const
      for (const [method, path, body, unclear] of requests) {
        const response = await send(method, path, body)
        expect([path, response.status]).toEqual([path, 503])
        expect(response.headers.has('Retry-After')).toBe(!unclear)
      }
      expect(clock.timers).toBe(0)
    },
  )
})

describe.each([1, COUNT])('a stream (shards: %i)', (count) => {
  test('receives hub:bye when its shard does not open it, and is cancelled when that opens it later', async () => {
    const { router, cancelled, clock } = openingStream(count, 15_000)
    const response = router.fetch(new Request('http://localhost/sse?id=alice'))
    await clock.advance(10_000)
    expect((await response).status).toBe(200)
    const goodbye = await released(await response, clock)
    expect(await goodbye.text()).toContain('event: hub:bye')
    expect(cancelled()).toBe(false)
    await clock.advance(9_000)
    expect(cancelled()).toBe(true)
    expect(clock.timers).toBe(0)
  })

  test('may be silent once it is open', async () => {
    const { router, cancelled, clock } = openingStream(count, 9_999)
    const response = router.fetch(new Request('http://localhost/sse?id=alice'))
    await clock.advance(60_000)
    expect((await response).body).not.toBeNull()
    expect([cancelled(), clock.timers]).toEqual([false, 0])
  })
})

/** Shards that open a silent stream after some time. */
function openingStream(count: number, ms: number) {
  const clock = manualClock()
  let isCancelled = false
  const fetch = () =>
    new Promise<Response>((resolve) => {
      const body = new ReadableStream({
        cancel: () => {
          isCancelled = true
        },
      })
      const stop = clock.every(ms, () => {
        stop()
        resolve(new Response(body))
      })
    })
  const router = createRouter({
    count,
    retryMs: 2_000,
    maxEventBytes: 262_144,
    maxBatchEvents: 10_000,
    clock,
    shard: () => ({ fetch }),
  })
  return { router, clock, cancelled: () => isCancelled }
}

/** A body whose parts come from time to time, with the time between two of them. */
function slowBody(clock: ManualClock, parts: readonly string[], ms: number) {
  const left = [...parts]
  return new ReadableStream<Uint8Array>(
    {
      pull: (controller) =>
        new Promise((resolve) => {
          const stop = clock.every(ms, () => {
            stop()
            const part = left.shift()
            if (part === undefined) controller.close()
            else controller.enqueue(new TextEncoder().encode(part))
            resolve()
          })
        }),
    },
    { highWaterMark: 0 },
  )
}

test.each([
  { shard: 'reads the event', status: 200, seconds: 60 },
  { shard: 'hangs', status: 503, seconds: 30 },
])('a client may take a minute to send an event: if the shard $shard, $status', async (given) => {
  const { router, clock } = setUp('before its headers', 1)
  const hanging = createRouter({
    count: 1,
    retryMs: 2_000,
    maxEventBytes: 262_144,
    maxBatchEvents: 10_000,
    clock,
    shard: () => ({ fetch: () => new Promise(() => {}) }),
  })
  const init: RequestInit & { readonly duplex: 'half' } = {
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
    body: slowBody(clock, ['a', 'b'], 20_000),
    duplex: 'half',
  }
  const request = new Request('http://localhost/clients/alice', init)
  const response = (given.status === 200 ? router : hanging).fetch(request)
  await clock.advance(given.seconds * 1_000)
  expect((await response).status).toBe(given.status)
})

test('the body of a late response is cancelled', async () => {
  const { hanging, cancelled, send } = setUp('within its body')
  hanging.add(1)
  await send('GET', '/clients')
  expect(cancelled).toEqual([1])
})
