/** One stream by `fetch`: what each answer means, when it reconnects, and that it notices silence. */
import { expect, onTestFinished, test } from 'vitest'
import type { ClientOptions } from '../../src/client/client-stream.ts'
import { connect } from '../../src/client/connect.ts'
import type { ClientStatus } from '../../src/client/stream-types.ts'
import { manualClock } from '../support/clock.ts'

/** A body whose bytes the test sends. */
interface FakeBody {
  readonly request: { readonly url: string; readonly headers: Record<string, string> }
  send(text: string): Promise<void>
  end(): Promise<void>
  readonly isCancelled: boolean
}

const READY = 'event: hub:ready\ndata: {"client":"alice","resume":"fresh"}\n\n'

/** A client whose requests get the answers that the test lists, one after another; the last one repeats. */
function createHarness(
  answers: (Response | Error | 'stream')[],
  options: Partial<ClientOptions> = {},
) {
  const clock = manualClock()
  const requests: FakeBody['request'][] = []
  const bodies: FakeBody[] = []
  const statuses: ClientStatus[] = []
  const received: string[] = []
  const stream = connect({
    url: '/sse',
    client: 'alice',
    share: false,
    ...options,
    clock,
    random: () => 0.5,
    fetch: (async (url: string, init: RequestInit) => {
      const request = { url, headers: init.headers as Record<string, string> }
      requests.push(request)
      const answer = answers[Math.min(requests.length, answers.length) - 1]
      if (answer instanceof Error) throw answer
      if (answer instanceof Response) return answer.clone()
      return openBody(request, init.signal)
    }) as typeof fetch,
  })
  onTestFinished(stream.close)
  stream.onStatus((status) => statuses.push(status))
  stream.onAny(({ data }) => received.push(data))
  return { clock, requests, bodies, statuses, received, stream, body }

  function body(): FakeBody {
    const last = bodies.at(-1)
    if (!last) throw new Error('No stream was opened.')
    return last
  }

  function openBody(request: FakeBody['request'], signal?: AbortSignal | null): Response {
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    let isCancelled = false
    signal?.addEventListener('abort', () => {
      isCancelled = true
      controller?.error(signal.reason)
    })
    bodies.push({
      request,
      send: async (text) => {
        controller?.enqueue(new TextEncoder().encode(text))
        await clock.runPending()
      },
      end: async () => {
        controller?.close()
        await clock.runPending()
      },
      get isCancelled() {
        return isCancelled
      },
    })
    const stream = new ReadableStream<Uint8Array>({
      start: (own) => {
        controller = own
      },
      cancel: () => {
        isCancelled = true
      },
    })
    return new Response(stream, { headers: { 'Content-Type': 'text/event-stream' } })
  }
}

/** Issues `ticket-1`, `ticket-2` and so on. */
function ticketIssuer(): () => Promise<string> {
  let issued = 0
  return async () => {
    issued += 1
    return `ticket-${issued}`
  }
}

function problem(status: number, detail: string, headers: Record<string, string> = {}): Response {
  return Response.json(
    { detail },
    { status, headers: { 'Content-Type': 'application/problem+json', ...headers } },
  )
}

test('of a problem that never ends only the first piece is read, and it counts as a failure', async () => {
  let sent = 0
  const body = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        sent += 1_024
        // What would fill the memory fails the test.
        if (sent > 10_000_000) controller.error(new Error('It reads on.'))
        else controller.enqueue(new Uint8Array(1_024).fill(0x20))
      },
    },
    { highWaterMark: 0 },
  )
  const headers = { 'Content-Type': 'application/problem+json' }
  const response = new Response(body, { status: 503, headers })
  Object.defineProperty(response, 'clone', { value: () => response })
  const { clock, stream } = createHarness([response])
  await clock.runPending()
  expect(stream.status).toMatchObject({
    state: 'waiting',
    reason: 'The server answered 503 with application/problem+json.',
  })
  expect(sent).toBeLessThan(200_000)
})

test('it resumes from the last id after the hub’s retry delay', async () => {
  const { clock, requests, received, stream, body } = createHarness(['stream'])
  await clock.runPending()
  await body().send(
    `retry: 4000\n${READY}id: e-1\ndata: one\n\nid: e-2\nevent: news\ndata: two\n\n`,
  )
  expect(stream.status).toEqual({ state: 'live', client: 'alice', resume: 'fresh' })
  expect(received).toEqual(['one', 'two'])
  await body().end()
  expect(stream.status).toMatchObject({ state: 'waiting', until: clock.now() + 4_000 })
  await clock.advance(3_999)
  expect(requests).toHaveLength(1)
  await clock.advance(1)
  expect(requests[1]?.headers['Last-Event-ID']).toBe('e-2')
})

test('wall time that jumps does not make a stream stable', async () => {
  const { clock, stream, body } = createHarness(['stream'])
  const waits: number[] = []
  for (let failure = 0; failure < 2; failure++) {
    await clock.runPending()
    await body().send(READY)
    clock.moveWallTime(3_600_000)
    await body().end()
    const { status } = stream
    if (status.state !== 'waiting') expect.unreachable()
    waits.push(status.until - clock.now())
    await clock.advance(waits.at(-1) ?? 0)
  }
  expect(waits[1]).toBeGreaterThan(waits[0] ?? 0)
})

test('it waits longer after each failure, up to half a minute, until a stream has been stable', async () => {
  const { clock, statuses, body } = createHarness([
    ...Array.from({ length: 7 }, () => new TypeError('Failed to fetch')),
    'stream',
  ])
  await clock.advance(120_000)
  const waits = statuses.flatMap((status) => (status.state === 'waiting' ? [status.until] : []))
  const delays = waits.map((until, n) => until - (waits[n - 1] ?? until - 2_000))
  expect(delays).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
  await body().send(READY)
  await clock.advance(10_000)
  await body().end()
  expect(statuses.at(-1)).toMatchObject({ until: clock.now() + 2_000 })
})

test.each([408, 425, 429, 500, 503])(
  'status %d is temporary, and Retry-After counts',
  async (status) => {
    const answer = problem(status, 'Later.', { 'Retry-After': '60' })
    const { clock, stream, requests } = createHarness([answer, 'stream'])
    await clock.runPending()
    expect(stream.status).toEqual({
      state: 'waiting',
      until: clock.now() + 60_000,
      reason: 'Later.',
    })
    await clock.advance(60_000)
    expect(requests).toHaveLength(2)
  },
)

test('a page that is not a stream is temporary: a proxy or a portal may have sent it', async () => {
  const { clock, stream } = createHarness([new Response('<html>')])
  await clock.runPending()
  expect(stream.status).toMatchObject({
    state: 'waiting',
    reason: expect.stringContaining('text/plain'),
  })
})

test.each([
  [204, { state: 'ended', reason: 'blocked' }],
  [400, { state: 'ended', reason: 'refused', detail: 'No.' }],
  [401, { state: 'ended', reason: 'unauthorized', detail: 'No.' }],
  [403, { state: 'ended', reason: 'unauthorized', detail: 'No.' }],
  [404, { state: 'ended', reason: 'refused', detail: 'No.' }],
] as const)('status %d ends the stream for good', async (status, expected) => {
  const answer = status === 204 ? new Response(null, { status }) : problem(status, 'No.')
  const { clock, stream, requests } = createHarness([answer])
  await clock.advance(100_000)
  expect(stream.status).toEqual(expected)
  expect(requests).toHaveLength(1)
  expect(clock.timers).toBe(0)
})

test('a ticket is used until the hub refuses it, and a second refusal ends the stream', async () => {
  const ticket = ticketIssuer()
  const refused = problem(401, 'The ticket was used.')
  const { clock, requests, stream, body } = createHarness(
    ['stream', 'stream', refused, 'stream', refused],
    { ticket, client: undefined },
  )
  await clock.runPending()
  await body().send(READY)
  await body().end()
  await clock.advance(10_000)
  await body().send(READY)
  await body().end()
  await clock.advance(10_000)
  const tickets = () => requests.map(({ url }) => url)
  expect(tickets()).toEqual(['1', '1', '1', '2'].map((n) => `/sse?ticket=ticket-${n}`))
  await body().end()
  await clock.advance(10_000)
  expect(stream.status).toMatchObject({ state: 'ended', reason: 'unauthorized' })
})

test('a grant that has ended is renewed with another ticket', async () => {
  const { clock, requests, body } = createHarness(['stream'], {
    ticket: ticketIssuer(),
  })
  await clock.runPending()
  await body().send(`${READY}event: hub:bye\ndata: {"reason":"expired"}\n\n`)
  await body().end()
  await clock.advance(10_000)
  expect(requests.map(({ url }) => url)).toEqual(['/sse?ticket=ticket-1', '/sse?ticket=ticket-2'])
})

test.each([undefined, null])(
  'a ticket request that fails temporarily is repeated, and %s ends the stream',
  async (none) => {
    const results = [() => Promise.reject(new Error('Offline.')), async () => none]
    const { clock, stream, requests } = createHarness(['stream'], {
      ticket: async () => await results.shift()?.(),
    })
    await clock.runPending()
    expect(stream.status).toMatchObject({ state: 'waiting', reason: 'Offline.' })
    await clock.advance(2_000)
    expect(stream.status).toEqual({ state: 'ended', reason: 'unauthorized' })
    expect(requests).toEqual([])
  },
)

test('a stream that is silent for two heartbeats is opened anew', async () => {
  const { clock, requests, bodies, body } = createHarness(['stream'])
  await clock.runPending()
  await body().send(READY.replace('}', ',"heartbeatMs":5000}'))
  await clock.advance(9_000)
  await body().send('event: hub:beat\ndata: 5\n\n')
  await clock.advance(9_000)
  expect(bodies[0]?.isCancelled).toBe(false)
  await clock.advance(3_000)
  expect(bodies[0]?.isCancelled).toBe(true)
  await clock.advance(2_000)
  expect(requests).toHaveLength(2)
})

test('after a long sleep it reads what has arrived before it reconnects', async () => {
  const { clock, bodies, received, body } = createHarness(['stream'])
  await clock.runPending()
  await body().send(READY)
  clock.suspend(3_600_000)
  await clock.advance(1)
  await body().send('data: late\n\n')
  await clock.advance(5_000)
  expect(received).toEqual(['late'])
  expect(bodies[0]?.isCancelled).toBe(false)
})

test('a page that wakes up retries at once after a network failure, but not after a 503', async () => {
  let wake = () => {}
  const browser = {
    listen: (events: { wake(): void }) => {
      wake = events.wake
      return () => {}
    },
  }
  const answers = [new TypeError('Failed to fetch'), problem(503, 'Later.'), 'stream' as const]
  const { clock, requests } = createHarness(answers, { browser })
  await clock.runPending()
  wake()
  await clock.runPending()
  expect(requests).toHaveLength(2)
  wake()
  await clock.runPending()
  expect(requests).toHaveLength(2)
})

test('a page that wakes up a second after it did retries at once, though wall time was set back', async () => {
  let wake = () => {}
  const browser = {
    listen: (events: { wake(): void }) => {
      wake = events.wake
      return () => {}
    },
  }
  const { clock, requests } = createHarness([new TypeError('Failed to fetch')], { browser })
  await clock.runPending()
  wake()
  clock.moveWallTime(-3_600_000)
  await clock.advance(1_000)
  expect(requests).toHaveLength(2)
  wake()
  await clock.runPending()
  expect(requests).toHaveLength(3)
})

test('a gap is reported once, before the event after it, also if the connection is lost in between', async () => {
  const { clock, stream, body } = createHarness(['stream'])
  const received: unknown[] = []
  stream.onGap((gap) => received.push(gap))
  stream.onAny(({ data }) => received.push(data))
  const gap =
    'event: hub:ready\ndata: {"client":"alice","resume":"gap"}\n\nevent: hub:gap\ndata: {"requested":"a-1","earliest":"b-7","reason":"evicted"}\n\n'
  await clock.runPending()
  await body().send(gap)
  await body().end()
  await clock.advance(2_000)
  await body().send(`${gap}id: b-7\ndata: seven\n\n`)
  expect(received).toEqual([{ reason: 'evicted', earliest: 'b-7' }, 'seven'])
})

test('closing ends the request, and nothing is received afterwards', async () => {
  const { clock, stream, received, bodies, body } = createHarness(['stream'])
  await clock.runPending()
  await body().send(READY)
  stream.close()
  stream.close()
  await clock.runPending()
  expect(bodies[0]?.isCancelled).toBe(true)
  expect(stream.status).toEqual({ state: 'ended', reason: 'closed' })
  expect(received).toEqual([])
  expect(clock.timers).toBe(0)
})

test('control events that are malformed cost nothing', async () => {
  const { clock, received, body } = createHarness(['stream'])
  await clock.runPending()
  await body().send(
    'event: hub:ready\ndata: nonsense\n\nevent: hub:ready\ndata: {"heartbeatMs":-1}\n\nevent: hub:gap\ndata: 1\n\n',
  )
  await body().send('event: hub:bye\ndata: null\n\ndata: still here\n\n')
  expect(received).toEqual(['still here'])
})

test('a ticket that never comes is given up after half a minute, and used no more', async () => {
  const issue: ((ticket: string) => void)[] = []
  const ticket = () => new Promise<string>((resolve) => issue.push(resolve))
  const { clock, requests, stream } = createHarness(['stream'], { ticket, client: undefined })
  await clock.advance(32_000)
  expect(stream.status).toMatchObject({ state: 'waiting' })
  await clock.advance(2_000)
  issue[0]?.('late')
  await clock.runPending()
  expect(requests).toEqual([])
  issue[1]?.('fresh')
  await clock.runPending()
  expect(requests.map(({ url }) => url)).toEqual(['/sse?ticket=fresh'])
})

test('a retry delay longer than an hour counts as an hour', async () => {
  const { clock, stream, body } = createHarness(['stream'])
  await clock.runPending()
  await body().send(`retry: 99999999999\n${READY}`)
  await body().end()
  expect(stream.status).toMatchObject({ until: clock.now() + 3_600_000 })
})

test('closing while it waits leaves no timer behind, also after a silence', async () => {
  const { clock, stream, body } = createHarness(['stream'])
  await clock.runPending()
  await body().send(READY.replace('}', ',"heartbeatMs":2000}'))
  await clock.advance(6_000)
  expect(stream.status.state).toBe('waiting')
  stream.close()
  await clock.runPending()
  expect(clock.timers).toBe(0)
})
