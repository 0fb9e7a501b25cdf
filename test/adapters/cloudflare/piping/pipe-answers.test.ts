/** Event streams for all shards: what one hub would answer and deliver, also if a shard fails in the middle. */
import type { Context, MiddlewareHandler } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isCountedByFirst, receive } from '../../../../src/adapters/cloudflare/request.ts'
import { createRouter } from '../../../../src/adapters/cloudflare/router.ts'
import { shardOf } from '../../../../src/adapters/cloudflare/sharding.ts'
import { createApp } from '../../../../src/http/app.ts'
import { createLimits } from '../../../../src/http/middleware/rate-limit.ts'
import { createHub } from '../../../../src/hub/hub.ts'
import type { Hub } from '../../../../src/hub/hub-types.ts'
import { post, streamed } from '../../../support/app-harness.ts'
import { manualClock } from '../../../support/clock.ts'
import { publishedData } from '../../../support/events.ts'
import { eventually } from '../../../support/eventually.ts'
import { type Reader, readEvents } from '../../../support/reader.ts'

const COUNT = 3
const SSE = 'text/event-stream'
const MAX_EVENT_BYTES = 1_000

/** A client of each shard. */
const NAMES = Array.from({ length: COUNT }, (_, shard) => {
  const names = Array.from({ length: 100 }, (_, n) => `user-${n}`)
  return names.find((name) => shardOf(name, COUNT) === shard) as string
})

type Intercept = (request: Request, pass: () => Promise<Response>) => Promise<Response>

/** @param limitOf - limits how often each shard publishes */
function setUp({
  key = '',
  limitOf,
}: {
  key?: string
  limitOf?: (shard: number, hub: Hub) => MiddlewareHandler | undefined
} = {}) {
  const clock = manualClock()
  const hubs = Array.from({ length: COUNT }, () => {
    return createHub({ clock, maxEventBytes: MAX_EVENT_BYTES })
  })
  const apps = hubs.map((hub, shard) => {
    const limits = limitOf && { publishing: limitOf(shard, hub) }
    return createApp({ hub, access: key === '' ? 'anyone' : () => undefined, limits })
  })
  const requests: { readonly shard: number; readonly id: string | null }[] = []
  const intercepts = new Map<number, Intercept>()
  const reports: unknown[] = []
  const router = createRouter({
    count: COUNT,
    retryMs: 2_000,
    maxEventBytes: MAX_EVENT_BYTES,
    maxBatchEvents: 50,
    clock,
    report: (error) => reports.push(error),
    shard: (shard) => ({
      fetch: async (request) => {
        requests.push({ shard, id: request.headers.get('X-Request-Id') })
        const pass = async () => await (apps[shard] as (typeof apps)[0]).fetch(receive(request))
        return await (intercepts.get(shard)?.(request, pass) ?? pass())
      },
    }),
  })
  const fetch = (path: string, init: RequestInit) => {
    return router.fetch(new Request(`http://localhost${path}`, init))
  }
  return { clock, hubs, requests, intercepts, reports, fetch, listenAll, turnUntil, counts }

  async function listenAll(): Promise<Reader[]> {
    return await Promise.all(
      NAMES.map(async (client) => {
        const reader = readEvents(await fetch(`/sse?id=${client}&topic=news`, {}))
        await turnUntil(() => expect(reader.events).not.toEqual([]))
        onTestFinished(() => reader.close())
        return reader
      }),
    )
  }

  /** Does what the hubs put off, until the check passes. */
  async function turnUntil(check: () => void): Promise<void> {
    await eventually(async () => {
      await clock.runPending()
      check()
    })
  }

  /** How many events each shard has published. */
  function counts(): number[] {
    return hubs.map((hub) => hub.stats().published)
  }
}

type Setup = ReturnType<typeof setUp>

const encoder = new TextEncoder()

/** An event stream that the test sends piece by piece. */
function openPipe({ fetch }: Pick<Setup, 'fetch'>, path: string) {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start: (own) => {
      controller = own
    },
  })
  return {
    response: fetch(path, streamed(body, SSE)),
    send: (text: string) => controller?.enqueue(encoder.encode(text)),
    end: () => controller?.close(),
    break: () => controller?.error(new Error('ECONNRESET')),
  }
}

async function settled<T>(promise: Promise<T>, { turnUntil }: Setup): Promise<T> {
  let isSettled = false
  const settle = () => {
    isSettled = true
  }
  promise.then(settle, settle)
  await turnUntil(() => expect(isSettled).toBe(true))
  return await promise
}

async function resultOf(pipe: { readonly response: Promise<Response> }, all: Setup) {
  const response = await settled(pipe.response, all)
  return (await settled(response.json(), all)) as Record<string, unknown>
}

describe.each(['/topics/news', '/broadcast'])('an event stream to %s', (path) => {
  test('is published event by event on all shards, in one request to each', async () => {
    const all = setUp()
    const listeners = await all.listenAll()
    all.requests.length = 0
    const pipe = openPipe(all, `${path}?event=token`)
    for (const [n, data] of ['one', 'two', 'three'].entries()) {
      pipe.send(`: ping\n\nevent: own\ndata: ${data}\n\n`)
      await all.turnUntil(() => {
        for (const one of listeners) expect(publishedData(one)).toHaveLength(n + 1)
      })
    }
    const response = await pipe.response
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    expect(response.headers.get('Cache-Control')).toBe('no-store, no-transform')
    pipe.send('data: unfinished')
    pipe.end()
    const result = await resultOf(pipe, all)
    expect(result).toEqual({ published: 3, ids: expect.any(Array) })
    for (const [shard, one] of listeners.entries()) {
      expect(publishedData(one)).toEqual(['one', 'two', 'three'])
      const last = one.events.at(-1)
      expect([last?.event, last?.id]).toEqual(['token', (result.ids as string[])[shard]])
    }
    expect(all.requests.map(({ shard }) => shard).sort()).toEqual([0, 1, 2])
    expect(new Set(all.requests.map(({ id }) => id)).size).toBe(1)
    expect(all.clock.timers).toBe(3)
  })
})

test('many events keep their order on every shard, and are sent in few turns', async () => {
  const all = setUp()
  const listeners = await all.listenAll()
  const data = Array.from({ length: 3_000 }, (_, n) => `${n}`)
  const body = data.map((one) => `data: ${one}\n\n`).join('')
  const pipe = { response: all.fetch('/topics/news?ephemeral=true', post(body, SSE)) }
  expect(await resultOf(pipe, all)).toEqual({ published: 3_000 })
  await all.turnUntil(() => {
    for (const one of listeners) expect(publishedData(one)).toEqual(data)
  })
})

test('a stream is read no faster than the shards publish', async () => {
  const all = setUp()
  let chunks = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        chunks += 1
        controller.enqueue(encoder.encode(`data: ${'x'.repeat(800)}\n\n`.repeat(20)))
        if (chunks === 50) controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  let release = () => {}
  all.intercepts.set(2, async (_, pass) => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return await pass()
  })
  void all.fetch('/topics/news', streamed(body, SSE)).catch(() => {})
  await all.turnUntil(() => expect(all.counts()[1]).toBeGreaterThan(0))
  for (let turn = 0; turn < 20; turn += 1) await all.clock.runPending()
  // 64 KiB ahead, and the first chunk.
  expect(chunks).toBeLessThan(8)
  release()
  await all.turnUntil(() => expect(all.counts()).toEqual([1_000, 1_000, 1_000]))
})

test('what arrives while the shards publish is sent to them together', async () => {
  const all = setUp()
  const turns: number[] = []
  const decoder = new TextDecoder()
  let release = () => {}
  const isHeld = new Promise<void>((resolve) => {
    release = resolve
  })
  all.intercepts.set(0, async (request) => {
    const answers = new TransformStream<Uint8Array, Uint8Array>({
      transform: async (chunk, controller) => {
        const lines = decoder.decode(chunk).trim().split('\n')
        turns.push(lines.length)
        await isHeld
        controller.enqueue(encoder.encode('{"connections":0}\n'.repeat(lines.length)))
      },
    })
    return new Response(request.body?.pipeThrough(answers))
  })
  const pipe = openPipe(all, '/topics/news')
  for (const data of ['1', '2', '3', '4', '5']) {
    pipe.send(`data: ${data}\n\n`)
    await all.turnUntil(() => expect(turns).toEqual([1]))
  }
  pipe.end()
  release()
  expect(await resultOf(pipe, all)).toMatchObject({ published: 5 })
  expect(turns).toEqual([1, 4])
  expect(all.counts()).toEqual([0, 5, 5])
})

describe('a stream that is refused', () => {
  test('for its credential is answered before its first event, and says how to authenticate', async () => {
    const all = setUp({ key: 'some' })
    const pipe = openPipe(all, '/topics/news?onAbort=cut-off')
    const response = await settled(pipe.response, all)
    expect(response.status).toBe(401)
    expect(all.counts()).toEqual([0, 0, 0])
    expect(all.requests.map(({ shard }) => shard)).toEqual([0])
    const empty = all.fetch('/topics/news', post('', SSE))
    expect((await settled(empty, all)).status).toBe(401)
  })

  test.each([
    ['two keys', 400, '?key=a&key=b', 'data: 1\n\n', {}],
    ['a reserved name in onAbort', 400, '?onAbort=hub:x', 'data: 1\n\n', {}],
    ['an idempotency key', 400, '', 'data: 1\n\n', { 'Idempotency-Key': '"a"' }],
    ['an invalid first event', 400, '', 'event: error\ndata: 1\n\ndata: 2\n\n', {}],
    ['too much data', 413, '', `data: ${'x'.repeat(MAX_EVENT_BYTES + 1)}\n\ndata: 2\n\n`, {}],
    ['too long a line', 413, '', `data: ${'x'.repeat(MAX_EVENT_BYTES + 9_000)}\n\n`, {}],
    ['its charset', 415, '', 'data: 1\n\n', { 'Content-Type': `${SSE}; charset=latin1` }],
    ['its compression', 415, '', 'data: 1\n\n', { 'Content-Encoding': 'gzip' }],
  ])('for %s has the status %i', async (_, status, query, body, headers) => {
    const all = setUp()
    const init = { ...post(body, SSE), headers: { 'Content-Type': SSE, ...headers } }
    const response = await settled(all.fetch(`/topics/news${query}`, init), all)
    expect(response.status).toBe(status)
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
    expect(all.counts()).toEqual([0, 0, 0])
  })

  test('in the middle has published what came before on all shards, and nothing after', async () => {
    const all = setUp()
    const listeners = await all.listenAll()
    const pipe = openPipe(all, '/topics/news?onAbort=cut-off&key=k')
    pipe.send('data: 1\n\ndata: 2\n\nevent: hub:x\ndata: 3\n\ndata: 4\n\n')
    const result = await resultOf(pipe, all)
    expect(result).toMatchObject({ status: 400, published: 2, issues: [{ path: 'json.event' }] })
    await all.turnUntil(() => {
      for (const one of listeners) {
        const last = JSON.stringify({ reason: 'refused', key: 'k' })
        expect(publishedData(one)).toEqual(['1', '2', last])
        expect(one.events.at(-1)?.event).toBe('cut-off')
      }
    })
  })

  test('by the limit of the first shard is published nowhere', async () => {
    const limitOf = (shard: number): MiddlewareHandler => {
      let left = shard === 0 ? 2 : 100
      return async (c, next) => {
        left -= 1
        return left < 0 ? c.text('', 429, { 'Retry-After': '7' }) : await next()
      }
    }
    const all = setUp({ limitOf })
    const body = 'data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n'
    const pipe = { response: all.fetch('/topics/news?onAbort=cut-off', post(body, SSE)) }
    expect(await resultOf(pipe, all)).toMatchObject({ status: 429, retryAfter: 7, published: 2 })
    expect(all.counts()).toEqual([2, 2, 2])
    const again = await settled(all.fetch('/topics/news', post(body, SSE)), all)
    expect([again.status, again.headers.get('Retry-After')]).toEqual([429, '7'])
    expect(all.counts()).toEqual([2, 2, 2])
  })
})

test('nothing after an event that the first shard refuses is published', async () => {
  const limitOf = (shard: number): MiddlewareHandler => {
    let n = 0
    return async (c, next) => {
      n += 1
      return shard === 0 && n === 2 ? c.text('', 429) : await next()
    }
  }
  const all = setUp({ limitOf })
  const listeners = await all.listenAll()
  const body = 'data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n'
  const response = all.fetch('/topics/news?onAbort=cut-off', post(body, SSE))
  expect(await resultOf({ response }, all)).toMatchObject({ status: 429, published: 1 })
  await all.turnUntil(() => {
    for (const one of listeners) expect(publishedData(one)).toEqual(['1', '{"reason":"refused"}'])
  })
})

test('only the first shard counts the events', async () => {
  const limitOf = (shard: number, hub: Hub) => {
    const isCountedElsewhere = (c: Context) => isCountedByFirst(shard, c.req.raw)
    const publishesPerMinute = shard === 1 ? 2 : 0
    const addressOf = () => '192.0.2.1'
    return createLimits({ hub, addressOf, publishesPerMinute, isCountedElsewhere }).publishing
  }
  const all = setUp({ limitOf })
  const body = 'data: 1\n\ndata: 2\n\ndata: 3\n\n'
  const response = all.fetch('/topics/news', post(body, SSE))
  expect(await resultOf({ response }, all)).toMatchObject({ published: 3 })
  const init = { ...post('{"data":4}\n'.repeat(3), 'application/x-ndjson') }
  const headers = { ...init.headers, 'Hub-Piped': '1' }
  const lines = await settled(all.fetch('/topics/news', { ...init, headers }), all)
  await settled(lines.text(), all)
  expect(all.counts()).toEqual([6, 5, 6])
})

test('a stream without events is published, and has none', async () => {
  const all = setUp()
  const response = await settled(all.fetch('/broadcast', post(': ping\n\n', SSE)), all)
  expect(response.status).toBe(200)
  expect(await response.json()).toEqual({ published: 0 })
  expect(all.clock.timers).toBe(0)
})

describe('a shard that fails in the middle', () => {
  /** Resolves in the middle of a stream. */
  async function openStream(all: Setup) {
    const listeners = await all.listenAll()
    const pipe = openPipe(all, '/topics/news?onAbort=cut-off')
    pipe.send('data: 1\n\n')
    await all.turnUntil(() => expect(all.counts()).toEqual([1, 1, 1]))
    return { pipe, listeners }
  }

  test.each([0, 1, 2])('because it hangs is reported within seconds (shard %i)', async (shard) => {
    const all = setUp()
    let isHanging = false
    all.intercepts.set(shard, async (_, pass) => {
      const response = await pass()
      if (response.headers.get('Content-Type') !== 'application/x-ndjson') return response
      const through = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          if (!isHanging) controller.enqueue(chunk)
        },
      })
      return new Response(response.body?.pipeThrough(through), response)
    })
    const { pipe, listeners } = await openStream(all)
    isHanging = true
    pipe.send('data: 2\n\n')
    await all.turnUntil(() => expect(all.counts()[shard]).toBe(2))
    const result = resultOf(pipe, all)
    await all.clock.advance(10_000)
    expect(await result).toMatchObject({
      status: 503,
      published: 1,
      detail: expect.stringMatching(shard === 0 ? /^The shard did not/ : /^1 of 3 shards did not/),
    })
    // The others say so to their clients.
    await all.turnUntil(() => {
      for (const [n, one] of listeners.entries()) {
        if (n !== shard) expect(one.events.at(-1)?.event).toBe('cut-off')
      }
    })
    expect(all.reports.map(String)).toEqual([expect.stringContaining('10000 ms')])
  })

  test.each([0, 1, 2])(
    'because it no longer stores events is reported (shard %i)',
    async (shard) => {
      const all = setUp()
      const { pipe } = await openStream(all)
      await all.hubs[shard]?.close()
      pipe.send('data: 2\n\n')
      expect(await resultOf(pipe, all)).toMatchObject({ status: 503, published: 1 })
    },
  )

  test.each([0, 1, 2])('because it is reset is reported (shard %i)', async (shard) => {
    const all = setUp()
    let reset = () => {}
    all.intercepts.set(shard, async (_, pass) => {
      const response = await pass()
      const error = Object.assign(new Error('reset'), { durableObjectReset: true })
      const through = new TransformStream<Uint8Array, Uint8Array>({
        start: (controller) => {
          reset = () => controller.error(error)
        },
      })
      return new Response(response.body?.pipeThrough(through), response)
    })
    const { pipe } = await openStream(all)
    reset()
    pipe.send('data: 2\n\n')
    const result = await resultOf(pipe, all)
    expect(result).toMatchObject({ status: 503, published: 1 })
    expect(result).not.toHaveProperty('retryAfter')
  })

  test.each([
    [0, 'while it publishes'],
    [1, 'while it publishes'],
    [0, 'between two events'],
    [1, 'between two events'],
  ])('and is back receives the last event, too (shard %i, reset %s)', async (shard, when) => {
    const all = setUp()
    let reset = () => {}
    all.intercepts.set(shard, async (request, pass) => {
      const response = await pass()
      if (request.headers.get('Content-Type') !== 'application/x-ndjson') return response
      all.intercepts.delete(shard)
      const error = Object.assign(new Error('reset'), { durableObjectReset: true })
      const through = new TransformStream<Uint8Array, Uint8Array>({
        start: (controller) => {
          reset = () => controller.error(error)
        },
      })
      return new Response(response.body?.pipeThrough(through), response)
    })
    const { pipe, listeners } = await openStream(all)
    reset()
    if (when === 'while it publishes') pipe.send('data: 2\n\n')
    else pipe.break()
    const status = when === 'while it publishes' ? 503 : 400
    expect(await resultOf(pipe, all)).toMatchObject({ status, published: 1 })
    await all.turnUntil(() => {
      for (const one of listeners) {
        expect(one.events.filter(({ event }) => event === 'cut-off')).toHaveLength(1)
      }
    })
    expect(all.reports.map(String)).toEqual(['Error: reset'])
  })

  test('before the first event leads to a status', async () => {
    for (const [shard, retryAfter] of [
      [0, '2'],
      [1, null],
    ] as const) {
      const all = setUp()
      all.intercepts.set(shard, () => {
        return Promise.reject(Object.assign(new Error('moved'), { retryable: true }))
      })
      const response = await settled(all.fetch('/broadcast', post('data: 1\n\n', SSE)), all)
      expect([response.status, response.headers.get('Retry-After')]).toEqual([503, retryAfter])
    }
  })
})

test.each(['leaves', 'breaks off'])(
  'a publisher that %s ends the stream on all shards',
  async (how) => {
    const all = setUp()
    const listeners = await all.listenAll()
    const pipe = openPipe(all, '/topics/news?onAbort=cut-off')
    pipe.send('data: 1\n\ndata: half')
    const response = await settled(pipe.response, all)
    if (how === 'leaves') await response.body?.cancel()
    else pipe.break()
    await all.turnUntil(() => {
      for (const one of listeners) expect(publishedData(one)).toEqual(['1', '{"reason":"broken"}'])
    })
  },
)

test('a publisher may be silent for as long as it sends comments', async () => {
  const all = setUp()
  const pipe = openPipe(all, '/broadcast')
  pipe.send('data: 1\n\n')
  await settled(pipe.response, all)
  for (let minute = 0; minute < 5; minute += 1) {
    for (let second = 0; second < 50; second += 5) {
      await all.clock.advance(5_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    pipe.send(':\n\n')
    await new Promise((resolve) => setImmediate(resolve))
  }
  pipe.send('data: 2\n\n')
  await all.turnUntil(() => expect(all.counts()).toEqual([2, 2, 2]))
  await all.clock.advance(61_000)
  expect(await resultOf(pipe, all)).toMatchObject({ status: 408, published: 2 })
})
