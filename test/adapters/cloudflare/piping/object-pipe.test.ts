/** The pipes of a Worker through objects in this process: each gets a stream of bytes, and errors lose all but their message. */
import { describe, expect, test } from 'vitest'
import { createObjectHub } from '../../../../src/adapters/cloudflare/hub-of.ts'
import type { ObjectStub } from '../../../../src/adapters/cloudflare/platform.ts'
import { createRemoteCalls } from '../../../../src/adapters/cloudflare/remote-calls.ts'
import { shardOf } from '../../../../src/adapters/cloudflare/sharding.ts'
import type { HubEvent } from '../../../../src/core/event.ts'
import { createHub } from '../../../../src/hub/hub.ts'
import type { PipeSource } from '../../../../src/hub/piping/run-pipe.ts'
import { manualClock } from '../../../support/clock.ts'
import { eventually } from '../../../support/eventually.ts'

const COUNT = 3

/** A client of each shard. */
const NAMES = Array.from({ length: COUNT }, (_, shard) => {
  const names = Array.from({ length: 100 }, (_, n) => `user-${n}`)
  return names.find((name) => shardOf(name, COUNT) === shard) as string
})
const CLIENTS = NAMES.map((client) => ({ client }))
const NEWS = { topic: 'news' }
const [ALICE = NEWS] = CLIENTS

function setUp() {
  const clock = manualClock()
  const hubs = Array.from({ length: COUNT }, () => createHub({ clock, maxEventBytes: 1_000 }))
  const calls: string[] = []
  const hanging = new Set<number>()
  const received = hubs.map((): HubEvent[] => [])
  const remotes = hubs.map((hub, shard) => {
    void collect(shard)
    return createRemoteCalls({ hub, clock, ensureReady: async () => {} })
  })
  const hub = createObjectHub({ count: COUNT, retryMs: 2_000, clock, shard: stubOf })
  return { clock, hub, hubs, calls, hanging, received, turnUntil, texts }

  async function collect(shard: number): Promise<void> {
    for await (const event of hubs[shard]?.events([...CLIENTS, NEWS, 'everyone']) ?? []) {
      received[shard]?.push(event as HubEvent)
    }
  }

  /** What listeners of each shard have received. */
  function texts(): string[][] {
    return received.map((events) => events.map(({ data }) => data))
  }

  function stubOf(index: number): ObjectStub {
    const remote = remotes[index] as (typeof remotes)[0]
    const over = <Args extends unknown[], T>(name: string, work: (...args: Args) => Promise<T>) => {
      return async (...args: Args): Promise<T> => {
        calls.push(`${name} ${index}`)
        if (hanging.has(index)) return await new Promise(() => {})
        return await work(...args).catch((error: Error) => {
          throw new Error(error.message)
        })
      }
    }
    const stub = {
      pipe: over('pipe', remote.pipe),
      endPipe: over('endPipe', remote.endPipe),
      stop: over('stop', remote.stop),
    }
    return stub as Partial<ObjectStub> as ObjectStub
  }

  async function turnUntil(check: () => void): Promise<void> {
    await eventually(async () => {
      await clock.runPending()
      check()
    })
  }
}

/** A source that the test sends piece by piece. */
function openSource() {
  let controller: ReadableStreamDefaultController<string> | undefined
  let reads = 0
  let isCancelled = false
  const source = new ReadableStream<string>(
    {
      start: (own) => {
        controller = own
      },
      pull: () => {
        reads += 1
      },
      cancel: () => {
        isCancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return {
    source,
    send: (text: string) => controller?.enqueue(text),
    end: () => controller?.close(),
    fail: (error: Error) => controller?.error(error),
    get reads() {
      return reads
    },
    get isCancelled() {
      return isCancelled
    },
  }
}

/** What a pipe resolves or rejects with, while the hubs do what they put off. */
async function outcomeOf<T>(piping: Promise<T>, { clock }: ReturnType<typeof setUp>) {
  let outcome: { readonly value?: T; readonly error?: unknown } | undefined
  piping.then(
    (value) => {
      outcome = { value }
    },
    (error: unknown) => {
      outcome = { error }
    },
  )
  return await eventually(async () => {
    await clock.runPending()
    if (!outcome) throw new Error('The pipe runs.')
    return outcome
  })
}

test('a stream for a client is piped by its object alone, event by event', async () => {
  const all = setUp()
  const { source, send, end } = openSource()
  const piping = all.hub.pipe(ALICE, source, { event: 'token' })
  for (const data of ['one', 'two']) {
    send(`event: own\ndata: ${data}\n\n: comment\n\n`)
    await all.turnUntil(() => expect(all.texts()[0]?.at(-1)).toBe(data))
  }
  end()
  const { value } = await outcomeOf(piping, all)
  const [events = []] = all.received
  expect(value).toEqual({ published: 2, id: Object(events.at(-1)).id })
  expect(events.map(({ event }) => event)).toEqual(['token', 'token'])
  expect(all.calls).toEqual(['pipe 0'])
  expect(all.clock.timers).toBe(0)
})

describe.each([
  ['everyone', 'everyone' as const],
  ['a topic', NEWS],
  ['several clients', CLIENTS],
])('a stream for %s', (_, addresses) => {
  test('is published in order on all objects', async () => {
    const all = setUp()
    const data = Array.from({ length: 300 }, (_, n) => `${n}`)
    const source = data.map((one) => `data: ${one}\n\n`)
    const { value } = await outcomeOf(all.hub.pipe(addresses, source), all)
    expect(value).toEqual({ published: 300, ids: expect.any(Array) })
    expect(new Set(value?.ids).size).toBe(COUNT)
    await all.turnUntil(() => expect(all.texts()).toEqual([data, data, data]))
  })
})

test.each<[string, () => PipeSource]>([
  ['an iterable', () => ['data: \ud83d', '\ude00\n', '', '\n']],
  ['a stream of bytes', () => new Response('data: 😀\n\n').body as PipeSource],
  [
    'an iterator that waits',
    async function* () {
      yield 'data: 😀'
      yield '\n\n'
    },
  ],
])('the source may be %s', async (_, sourceOf) => {
  const all = setUp()
  const { value } = await outcomeOf(all.hub.pipe(ALICE, sourceOf(), { ephemeral: true }), all)
  expect(value).toEqual({ published: 1 })
  await all.turnUntil(() => expect(all.texts()[0]).toEqual(['😀']))
})

test('an object receives at most 8 KiB at a time, for which it has ten seconds', async () => {
  const lengths: number[] = []
  const pipe: ObjectStub['pipe'] = async (_, stream) => {
    for await (const { length } of stream) lengths.push(length)
    return { published: 0 }
  }
  const stub = { pipe, endPipe: async () => {} } as Partial<ObjectStub> as ObjectStub
  const clock = manualClock()
  const hub = createObjectHub({ count: 1, retryMs: 2_000, clock, shard: () => stub })
  await hub.pipe('everyone', ['x'.repeat(20_000)])
  expect(lengths).toEqual([8_192, 8_192, 3_616])
})

test('an object that does not read holds the source back, and ends the pipe on all after ten seconds', async () => {
  const all = setUp()
  all.hanging.add(1)
  const opened = openSource()
  opened.send('data: 1\n\n')
  const piping = all.hub.pipe('everyone', opened.source, { onAbort: 'cut-off' })
  const outcome = outcomeOf(piping, all)
  await all.clock.advance(9_999)
  expect(opened.reads).toBe(0)
  await all.clock.advance(1)
  // The one that hangs is waited for once more.
  await all.turnUntil(() => {
    const last = '{"reason":"broken"}'
    expect(all.texts()).toEqual([[last], [], [last]])
  })
  await all.clock.advance(10_000)
  expect((await outcome).error).toMatchObject({ code: 'journal-unavailable' })
  expect(opened.isCancelled).toBe(true)
  expect(all.clock.timers).toBe(0)
})

test.each([
  ['its client', ALICE, 1],
  ['one of its clients', [...CLIENTS, NEWS], COUNT],
])('a stop by %s ends a stream on all objects', async (_, addresses, count) => {
  const all = setUp()
  const opened = openSource()
  const piping = all.hub.pipe(addresses, opened.source, { key: 'k', onAbort: 'cut-off' })
  opened.send('data: 1\n\n')
  await all.turnUntil(() => expect(all.texts().flat()).toHaveLength(count))
  expect(await all.hub.stop(NAMES[1] ?? '', 'other')).toEqual({ stopped: 0 })
  expect(await all.hub.stop(NAMES[0] ?? '', 'k')).toEqual({ stopped: 1 })
  const { value } = await outcomeOf(piping, all)
  expect(value).toMatchObject({ published: 1, stopped: true })
  expect(opened.isCancelled).toBe(true)
  const last = JSON.stringify({ reason: 'aborted', key: 'k' })
  await all.turnUntil(() => {
    expect(all.texts().filter((some) => some.length > 0)).toEqual(Array(count).fill(['1', last]))
  })
  expect(await all.hub.stop(NAMES[0] ?? '', 'k')).toEqual({ stopped: 0 })
  expect(all.clock.timers).toBe(0)
})

describe('a signal', () => {
  test.each([false, true])('ends a stream (aborted before: %s)', async (isBefore) => {
    const all = setUp()
    const { source, send } = openSource()
    const controller = new AbortController()
    const { signal } = controller
    if (isBefore) controller.abort()
    else send('data: 1\n\n')
    const piping = all.hub.pipe(NEWS, source, { signal, onAbort: 'cut-off' })
    if (!isBefore) await all.turnUntil(() => expect(all.texts().flat()).toHaveLength(3))
    controller.abort()
    const published = isBefore ? 0 : 1
    expect((await outcomeOf(piping, all)).value).toMatchObject({ published, stopped: true })
    await all.turnUntil(() => {
      for (const some of all.texts()) expect(some.at(-1)).toBe('{"reason":"aborted"}')
    })
  })

  test('is not obeyed by an object that hangs: that is an error after ten seconds', async () => {
    const all = setUp()
    const { source, send } = openSource()
    const controller = new AbortController()
    const piping = all.hub.pipe(ALICE, source, { signal: controller.signal })
    send('data: 1\n\n')
    await all.turnUntil(() => expect(all.texts()[0]).toEqual(['1']))
    all.hanging.add(0)
    controller.abort()
    const outcome = outcomeOf(piping, all)
    await all.clock.advance(20_000)
    expect((await outcome).error).toMatchObject({ code: 'journal-unavailable' })
  })
})

describe('a stream that does not end by itself', () => {
  test.each([
    ['breaks off', true],
    ['can’t be read', false],
  ])('because it %s rejects with its error', async (_, isOpen) => {
    const all = setUp()
    const { source, send, fail } = openSource()
    if (!isOpen) source.getReader()
    const piping = all.hub.pipe(NEWS, source, { onAbort: 'cut-off' })
    if (isOpen) {
      send('data: 1\n\ndata: half')
      await all.turnUntil(() => expect(all.texts().flat()).toHaveLength(3))
      fail(new Error('The model is tired.'))
    }
    const { error } = await outcomeOf(piping, all)
    expect(String(error)).toMatch(isOpen ? 'Error: The model is tired.' : /^TypeError/)
    await all.turnUntil(() => {
      for (const some of all.texts()) expect(some.at(-1)).toBe('{"reason":"broken"}')
    })
  })

  test('because a chunk is neither text nor bytes rejects at once', async () => {
    const all = setUp()
    const piping = all.hub.pipe(NEWS, ['data: 1\n\n', { delta: 'x' } as never])
    expect((await outcomeOf(piping, all)).error).toBeInstanceOf(TypeError)
    expect(all.clock.timers).toBe(0)
  })

  test('because of an invalid event rejects as one hub does', async () => {
    const all = setUp()
    const source = ['data: 1\n\nevent: hub:x\ndata: 2\n\ndata: 3\n\n']
    const piping = all.hub.pipe('everyone', source, { onAbort: 'cut-off' })
    expect((await outcomeOf(piping, all)).error).toMatchObject({ code: 'invalid-event' })
    await all.turnUntil(() => {
      for (const some of all.texts()) {
        expect(some).toHaveLength(2)
        expect(some[0]).toBe('1')
        expect(some[1]).toMatch(/refused|broken/)
      }
    })
  })

  test('because one object no longer stores events ends on all', async () => {
    const all = setUp()
    const { source, send } = openSource()
    const piping = all.hub.pipe('everyone', source, { onAbort: 'cut-off' })
    send('data: 1\n\n')
    await all.turnUntil(() => expect(all.texts().flat()).toHaveLength(3))
    await all.hubs[2]?.close()
    expect((await outcomeOf(piping, all)).error).toMatchObject({ code: 'hub-closed' })
    await all.turnUntil(() => {
      for (const some of all.texts().slice(0, 2)) expect(some.at(-1)).toBe('{"reason":"broken"}')
    })
  })
})

test('wrong addresses, sources and options reach no object', async () => {
  const { hub, calls } = setUp()
  const response = new Response('data: 1\n\n') as never
  await expect(hub.pipe(ALICE, response)).rejects.toMatchObject({ code: 'invalid-option' })
  await expect(hub.pipe({ client: '' }, [])).rejects.toMatchObject({ code: 'invalid-address' })
  for (const options of [
    { onAbort: 'hub:x' },
    { event: 'hub:x' },
    { other: 1 } as object,
    { ephemeral: 1 } as object,
  ]) {
    await expect(hub.pipe(ALICE, [], options)).rejects.toMatchObject({ code: 'invalid-option' })
  }
  await expect(hub.pipe(ALICE, [], { key: '' })).rejects.toMatchObject({ code: 'invalid-event' })
  await expect(hub.stop('', 'k')).rejects.toMatchObject({ code: 'invalid-address' })
  await expect(hub.stop('alice', '')).rejects.toMatchObject({ code: 'invalid-event' })
  expect(calls).toEqual([])
})
