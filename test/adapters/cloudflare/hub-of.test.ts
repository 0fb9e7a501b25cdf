/** The hub as a Worker of one's own calls it, over shards in this process whose errors lose all but their message. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { createObjectHub } from '../../../src/adapters/cloudflare/hub-of.ts'
import type { ObjectStub } from '../../../src/adapters/cloudflare/platform.ts'
import {
  createRemoteCalls,
  errorOfCall,
  PERMIT_HEADER,
} from '../../../src/adapters/cloudflare/remote-calls.ts'
import { shardCountOf } from '../../../src/adapters/cloudflare/request.ts'
import { shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import type { EventSchemas } from '../../../src/core/declared-events.ts'
import { createHolding } from '../../../src/core/holding.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { problemIn, released } from '../../support/app-harness.ts'
import { manualClock } from '../../support/clock.ts'

const COUNT = 3
const ALICE = { client: 'alice' }
const BOB = { client: 'bob' }
const DAVE = { client: 'dave' }
const NEWS = { topic: 'news' }

type Call = keyof ObjectStub

function setUp(count = COUNT, events?: EventSchemas) {
  const clock = manualClock()
  const hanging = new Set<number>()
  const calls: [shard: number, call: Call][] = []
  const permitted: unknown[] = []
  const hubs = Array.from({ length: count }, () => createHub({ clock, events }))
  const remotes = hubs.map((hub) =>
    createRemoteCalls({
      hub,
      clock,
      ensureReady: async (shards) => {
        if (shards !== count) throw new Error(`hub-resharding: it has ${count}, not ${shards}`)
      },
    }),
  )
  const hub = createObjectHub({ count, retryMs: 2_000, clock, shard: (index) => stubOf(index) })
  return { clock, hub, hubs, calls, hanging, permitted, remotes }

  function stubOf(index: number): ObjectStub {
    const remote = remotes[index]
    if (!remote) throw new Error(`There is no shard ${index}.`)
    const over = <Args extends unknown[], T>(name: Call, work: (...args: Args) => Promise<T>) => {
      return async (...args: Args): Promise<T> => {
        calls.push([index, name])
        if (hanging.has(index)) return await new Promise(() => {})
        // A call carries copies, as RPC does.
        const received = name === 'fetch' ? args : structuredClone(args)
        return await work(...received).catch((error: Error) => {
          throw new Error(error.message)
        })
      }
    }
    return {
      publish: over('publish', remote.publish),
      publishWith: over('publishWith', remote.publishWith),
      pipe: over('pipe', remote.pipe),
      endPipe: over('endPipe', remote.endPipe),
      stop: over('stop', remote.stop),
      disconnect: over('disconnect', remote.disconnect),
      permit: over('permit', remote.permit),
      fetch: over('fetch', async (request: Request) => {
        const permit = remote.takePermit(request.headers.get(PERMIT_HEADER) ?? '')
        permitted.push(permit)
        return new Response(`${shardCountOf(request)}`, { status: permit ? 200 : 401 })
      }),
      fence: over('fence', async () => {}),
      storedRequests: over('storedRequests', async () => []),
      onlineAmong: over('onlineAmong', async () => []),
    }
  }
}

test('an event for a client goes to its shard alone', async () => {
  const { hub, calls } = setUp()
  const result = await hub.publish({ client: 'alice' }, { data: 1 })
  expect(result).toEqual({ id: expect.any(String), connections: 0 })
  expect(calls).toEqual([[shardOf('alice', COUNT), 'publish']])
})

test.each([['everyone' as const], [{ topic: 'news' }]])(
  'an event for %j goes to every shard, and has an id on each',
  async (address) => {
    const { hub, calls } = setUp()
    const { ids, connections } = await hub.publish(address, { data: 1 })
    expect(ids).toHaveLength(COUNT)
    expect(connections).toBe(0)
    expect(calls.map(([shard]) => shard)).toEqual([0, 1, 2])
  },
)

test('an event for several clients goes to their shards, each with the clients that it has', async () => {
  const { clock, hub, hubs, calls } = setUp()
  const loops = hubs.map((one) => one.events([ALICE, BOB, DAVE, NEWS])[Symbol.asyncIterator]())
  const { ids, connections } = await hub.publish([ALICE, BOB, ALICE, DAVE], { data: 1 })
  const shards = new Set(['alice', 'bob', 'dave'].map((client) => shardOf(client, COUNT)))
  expect(shards.size).toBe(2)
  expect([ids?.length, connections]).toEqual([2, 0])
  expect(calls.map(([shard]) => shard).sort()).toEqual([...shards].sort())
  await hub.publish([NEWS, ALICE], { data: 2 })
  expect(calls.map(([shard]) => shard).slice(2)).toEqual([0, 1, 2])
  await clock.runPending()
  for (const [shard, loop] of loops.entries()) {
    for (const data of shards.has(shard) ? ['1', '2'] : ['2']) {
      expect((await loop.next()).value).toMatchObject({ data })
    }
  }
})

test('an event for several clients of one shard has one id', async () => {
  const { hub, calls } = setUp()
  const client = Array.from({ length: 100 }, (_, n) => `client-${n}`).find((name) => {
    return shardOf(name, COUNT) === shardOf('alice', COUNT)
  })
  const result = await hub.publish([ALICE, { client: client ?? '' }], { data: 1 })
  expect(result).toEqual({ id: expect.any(String), connections: 0 })
  expect(calls).toEqual([[shardOf('alice', COUNT), 'publish']])
})

test('a list that an older object does not know is refused until its deployment', async () => {
  const publish = async (address: unknown) => {
    const message = "invalid-address: An address must be 'everyone', { client } or { topic }."
    if (Array.isArray(address)) throw new Error(message)
    return { id: 'e-1', connections: 0 }
  }
  const shard = { publish } as Partial<ObjectStub>
  const hub = createObjectHub({ count: 1, retryMs: 1, shard: () => shard as ObjectStub })
  expect(await hub.publish([ALICE, ALICE], { data: 1 })).toEqual({ id: 'e-1', connections: 0 })
  await expect(hub.publish([ALICE, BOB], { data: 1 })).rejects.toMatchObject({
    code: 'journal-unavailable',
    message: expect.stringMatching(/older version/),
  })
})

test.each([
  ['address in a list', [{ client: 'alice' }, { topic: '' }], { data: 1 }, 'invalid-address'],
  ['list of no addresses', [], { data: 1 }, 'invalid-address'],
  ['address', { client: '' }, { data: 1 }, 'invalid-address'],
  ['address of another type', 7, { data: 1 }, 'invalid-address'],
  ['event', 'everyone', { data: 1, event: 'hub:ready' }, 'invalid-event'],
  ['event without data', 'everyone', {}, 'invalid-event'],
  ['event that is missing', 'everyone', undefined, 'invalid-event'],
  ['event with a misspelt field', 'everyone', { data: 1, name: 'x' }, 'invalid-event'],
  ['event that JSON can’t encode', 'everyone', { data: 1n }, 'invalid-event'],
])('an invalid %s is refused with its code, before any call', async (_, address, event, code) => {
  const { hub, calls } = setUp()
  await expect(hub.publish(address as 'everyone', event as { data: 1 })).rejects.toMatchObject({
    name: 'HubError',
    code,
  })
  expect(calls).toEqual([])
})

test('an event that is too large is refused by the first shard, with its code', async () => {
  const { hub, calls } = setUp()
  const event = { data: 'x'.repeat(300_000) }
  await expect(hub.publish('everyone', event)).rejects.toMatchObject({ code: 'event-too-large' })
  expect(calls).toHaveLength(1)
})

class Order {
  readonly #state = 'paid'
  readonly print = () => this.#state
  toJSON(): object {
    return { state: this.#state }
  }
}

test.each<[string, unknown, string]>([
  ['an instance of a class', new Order(), '{"state":"paid"}'],
  ['a value with an instance of a class in it', [new Order()], '[{"state":"paid"}]'],
  ['a value with a function in it', { a: 1, b: () => {} }, '{"a":1}'],
  ['text that is JSON', '{ "a": 1 }', '{ "a": 1 }'],
  ['a date', new Date(0), '"1970-01-01T00:00:00.000Z"'],
])('%s is published as the library publishes it', async (_, data, expected) => {
  const { clock, hub, hubs } = setUp(1)
  const items = hubs[0]?.events('everyone')[Symbol.asyncIterator]()
  await hub.publish('everyone', { data })
  await clock.runPending()
  expect((await items?.next())?.value).toMatchObject({ data: expected })
})

test.each(['everyone' as const, { client: 'alice' }])(
  'an event for %j that a shard does not confirm within ten seconds may have been stored',
  async (address) => {
    const { hub, hanging, clock } = setUp()
    hanging.add(shardOf('alice', COUNT))
    const result = hub.publish(address, { data: 1 })
    const refused = expect(result).rejects.toMatchObject({
      code: 'journal-unavailable',
      retryable: true,
    })
    await clock.advance(30_000)
    await refused
    expect(clock.timers).toBe(0)
  },
)

test('an error of a schema has its issues, and a message that only looks like them has none', async () => {
  const events = { inbox: z.object({ unread: z.number() }) }
  const { hub } = setUp(1, events)
  const wrong = hub.publish('everyone', { event: 'inbox', data: { unread: 'three' } })
  await expect(wrong).rejects.toMatchObject({
    code: 'invalid-event',
    message: expect.stringMatching(/^data\.unread .*number.*\.$/),
    issues: [{ path: 'data.unread', message: expect.stringContaining('number') }],
  })
  for (const ending of ['\n\n[', '\n\n{}', '\n\n[{"path":1}]', '\n\n[null]']) {
    const error = errorOfCall(new Error(`invalid-event: It is wrong.${ending}`))
    expect(error).toMatchObject({ message: `It is wrong.${ending}`, issues: undefined })
  }
})

test.each([
  'The RPC receiver does not implement the method "publish".',
  'The receiving Durable Object does not support RPC, because its class was not declared with `extends DurableObject`.',
])(
  'an object that lacks the calls is an error that may end with its deployment: %s',
  async (text) => {
    const lacking = async () => {
      throw new TypeError(text)
    }
    const shard = { publish: lacking, permit: lacking } as Partial<ObjectStub>
    const { hold } = createHolding(manualClock())
    const hub = createObjectHub({ count: 1, retryMs: 1, shard: () => shard as ObjectStub, hold })
    await expect(hub.publish('everyone', { data: 1 })).rejects.toMatchObject({
      code: 'journal-unavailable',
      message: expect.stringMatching(/older version/),
    })
    const { body } = await hub.open(new Request('https://example.com/'), { client: 'alice' })
    expect(body).not.toBeNull()
  },
)

test('an event with an idempotency key is stored once by each object that it concerns', async () => {
  const { hub, hubs, hanging, clock, calls } = setUp()
  const key = { idempotencyKey: 'order-1' }
  const first = await hub.publish({ client: 'alice' }, { data: 1 }, key)
  expect(await hub.publish({ client: 'alice' }, { data: 1 }, key)).toEqual(first)
  await expect(hub.publish({ client: 'alice' }, { data: 2 }, key)).rejects.toMatchObject({
    code: 'idempotency-conflict',
  })
  expect(new Set(calls.map(([, name]) => name))).toEqual(new Set(['publishWith']))
  const all = { idempotencyKey: 'order-2' }
  hanging.add(COUNT - 1)
  const cut = hub.publish('everyone', { data: new Date(0) }, all)
  cut.catch(() => {})
  await clock.advance(10_000)
  await expect(cut).rejects.toMatchObject({ code: 'journal-unavailable' })
  hanging.clear()
  const { ids } = await hub.publish('everyone', { data: new Date(0) }, all)
  expect(ids).toHaveLength(COUNT)
  const stored = hubs.map((one) => one.stats().journal.events)
  expect(stored).toEqual(stored.map((_, index) => (index === shardOf('alice', COUNT) ? 2 : 1)))
  await expect(hub.publish('everyone', { data: 1 }, { idempotencyKey: '' })).rejects.toMatchObject({
    code: 'invalid-option',
  })
})

test('a key that only some objects know from another event is reported with how many have stored this one', async () => {
  const { hub, hubs } = setUp()
  const key = { idempotencyKey: 'order-1' }
  const names = Array.from({ length: 100 }, (_, n) => `user-${n}`)
  const client = names.find((name) => shardOf(name, COUNT) === COUNT - 1) ?? ''
  await hub.publish({ client }, { data: 1 }, key)
  await expect(hub.publish('everyone', { data: 1 }, key)).rejects.toMatchObject({
    code: 'idempotency-conflict',
    message: expect.stringMatching(`^${COUNT - 1} of ${COUNT} shards have published the event`),
  })
  expect(hubs.map((one) => one.stats().journal.events)).toEqual(hubs.map(() => 1))
})

test('an object of an older version stores no event whose key it would ignore', async () => {
  const published: unknown[] = []
  const shard = {
    publish: async (...args: unknown[]) => published.push(args),
    publishWith: async () => {
      throw new TypeError('The RPC receiver does not implement the method "publishWith".')
    },
  } as unknown as ObjectStub
  const hub = createObjectHub({ count: 1, retryMs: 1, shard: () => shard })
  const keyed = hub.publish('everyone', { data: 1 }, { idempotencyKey: 'a' })
  await expect(keyed).rejects.toMatchObject({ code: 'journal-unavailable' })
  expect(published).toEqual([])
})

test('a caller with another number of shards is refused', async () => {
  const { remotes } = setUp()
  await expect(remotes[0]?.publish('everyone', { data: 1 }, 2)).rejects.toThrow('hub-resharding')
})

test('a block goes to every shard, a disconnect to one', async () => {
  const { hub, calls } = setUp()
  expect(await hub.disconnect('alice')).toEqual({ disconnected: 0 })
  expect(calls).toHaveLength(1)
  await hub.disconnect('alice', 60_000)
  expect(calls.slice(1).map(([shard]) => shard)).toHaveLength(COUNT)
})

test.each([
  ['', 0, 'invalid-address'],
  [undefined, 0, 'invalid-address'],
  ['alice', Number.NaN, 'invalid-option'],
  ['alice', 'x', 'invalid-option'],
  ['alice', -1, 'invalid-option'],
])('a disconnect of %s for %s is refused before any call', async (client, blockMs, code) => {
  const { hub, calls } = setUp()
  const refused = hub.disconnect(client as string, blockMs as number)
  await expect(refused).rejects.toMatchObject({ name: 'HubError', code })
  expect(calls).toEqual([])
})

test('a stream without a permit is an error of the program', async () => {
  const { hub } = setUp()
  const opening = hub.open(new Request('https://example.com/events'), undefined as never)
  await expect(opening).rejects.toMatchObject({ name: 'HubError', code: 'invalid-option' })
})

test('a stream opens on the shard of its client, with what the Worker permits', async () => {
  const { hub, permitted, calls } = setUp()
  const permit = { client: 'alice', topics: ['news'], expiresAt: 7 }
  const request = new Request('https://example.com/events', { headers: { 'Last-Event-ID': 'x-1' } })
  const response = await hub.open(request, permit)
  expect(await response.text()).toBe(`${COUNT}`)
  expect(permitted).toEqual([permit])
  const home = shardOf('alice', COUNT)
  expect(calls).toEqual([
    [home, 'permit'],
    [home, 'fetch'],
  ])
})

test.each<[RegExp, object]>([
  [/topics of a permit must be an array of strings/, { topics: 'news' }],
  [/expiresAt of a permit must be a finite number/, { expiresAt: Number.NaN }],
  [/expiresAt of a permit must be a finite number/, { expiresAt: 'x' }],
  [/a permit has no option "topic"/, { topic: ['news'] }],
])('a permit that is a mistake of the Worker is refused: %s', async (message, wrong) => {
  const { hub, calls, remotes } = setUp()
  const permit = { client: 'alice', ...wrong }
  const opened = () => hub.open(new Request('https://example.com/events'), permit)
  await expect(opened()).rejects.toThrow(expect.objectContaining({ code: 'invalid-option' }))
  await expect(opened()).rejects.toThrow(message)
  expect(calls).toEqual([])
  await expect(remotes[0]?.permit(permit, COUNT)).rejects.toThrow(message)
})

test('an invalid client is an error of the program', async () => {
  const { hub } = setUp()
  const request = new Request('https://example.com/events')
  const opening = hub.open(request, { client: '' })
  await expect(opening).rejects.toMatchObject({ code: 'invalid-address' })
})

test.each([
  ['a wildcard', ['*']],
  ['too many', Array.from({ length: 51 }, (_, n) => `t-${n}`)],
])('topics that may come from the request are answered 400: %s', async (_, topics) => {
  const { hub, calls } = setUp()
  const response = await hub.open(new Request('https://example.com/events'), {
    client: 'a',
    topics,
  })
  expect(response.status).toBe(400)
  await problemIn(response)
  expect(calls).toEqual([])
})

test('goodbyes spread the returns of clients between the retry time and twice as long', async () => {
  const { hub, hanging, clock } = setUp(1)
  hanging.add(0)
  const opening = Array.from({ length: 40 }, () =>
    hub.open(new Request('https://example.com/events'), { client: 'alice' }),
  )
  await clock.advance(30_000)
  const texts = (await Promise.all(opening)).map((response) => response.text())
  await clock.advance(1_000)
  const delays = (await Promise.all(texts)).map((text) => Number(/^retry: (\d+)/.exec(text)?.[1]))
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(2_000)
  expect(Math.max(...delays)).toBeLessThanOrEqual(4_000)
  expect(new Set(delays).size).toBeGreaterThan(20)
})

test('if the shard hangs, the stream ends with a goodbye, so that the client reconnects', async () => {
  const { hub, hanging, clock } = setUp(1)
  hanging.add(0)
  const opening = hub.open(new Request('https://example.com/events'), { client: 'alice' })
  await clock.advance(30_000)
  const response = await released(await opening, clock)
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toMatch('text/event-stream')
  expect(await response.text()).toMatch(/retry: \d+\nevent: hub:bye\ndata: {"reason":"shutdown"}/)
})

test('a stream that opens after its client was sent away is cancelled', async () => {
  const clock = manualClock()
  const cancelled: string[] = []
  const lateStream = () =>
    new Promise<Response>((resolve) => {
      const body = new ReadableStream({ cancel: () => void cancelled.push('late') })
      const stop = clock.every(15_000, () => {
        stop()
        resolve(new Response(body))
      })
    })
  const shard = { permit: async () => 'name', fetch: lateStream } as Partial<ObjectStub>
  const hub = createObjectHub({
    count: 1,
    retryMs: 2_000,
    clock,
    shard: () => shard as ObjectStub,
  })
  const opening = hub.open(new Request('https://example.com/events'), { client: 'alice' })
  await clock.advance(10_000)
  const refused = await released(await opening, clock)
  expect(await refused.text()).toContain('event: hub:bye')
  await clock.advance(4_000)
  expect(cancelled).toEqual(['late'])
})

test('a permit is good once, and for thirty seconds', async () => {
  const { remotes, clock } = setUp(1)
  const [remote] = remotes
  if (!remote) expect.unreachable()
  const first = await remote.permit({ client: 'alice' })
  expect(remote.takePermit(first)).toMatchObject({ client: 'alice' })
  expect(remote.takePermit(first)).toBeUndefined()
  const second = await remote.permit({ client: 'bob' })
  await clock.advance(30_000)
  expect(remote.takePermit(second)).toBeUndefined()
})

test('of a hundred thousand permits that nobody uses, the latest ten thousand are kept', async () => {
  const { remotes } = setUp(1)
  const [remote] = remotes
  if (!remote) expect.unreachable()
  const names: string[] = []
  for (let n = 0; n < 100_000; n++) names.push(await remote.permit({ client: `c-${n}` }))
  expect(names.filter((name) => remote.takePermit(name)).length).toBe(10_000)
  expect(remote.takePermit(names.at(-1) ?? '')).toBeUndefined()
})
