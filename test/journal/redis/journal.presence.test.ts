/** Two hubs on one Redis report who is online once, when Redis restarts, loses data or fails over. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { eventually, until } from '../../support/eventually.ts'
import { startRedisPair } from '../../support/failover.ts'
import { type FakeStream, fakeStream } from '../../support/fake-stream.ts'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'

// What a replica lacks is noticed when the earlier names of hubs have died, after fifteen seconds.
vi.setConfig({ testTimeout: 90_000 })
const NOTICED_MS = 90_000

describe.skipIf(REDIS_IS_MISSING)('of two hubs on one Redis, each', () => {
  const ends: (() => Promise<unknown>)[] = []
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end()
  })

  function open(url: string) {
    const hooks: string[] = []
    const errors: unknown[] = []
    const openHub = (name: string): Hub => {
      const hub = createHub({
        journal: createRedisJournal({ url }),
        offlineGraceMs: 2_000,
        onClientOnline: (client) => hooks.push(`${client} online at ${name}`),
        onClientOffline: (client) => hooks.push(`${client} offline`),
        onError: (error) => errors.push(error),
      })
      ends.push(() => hub.close())
      return hub
    }
    return { hooks, errors, openHub }
  }

  function openTwo(url: string) {
    const { openHub, ...found } = open(url)
    const [a, b] = [openHub('a'), openHub('b')]
    const ready = () => until('both are ready', () => a.ready && b.ready)
    const away = () => until('both have noticed', () => !a.ready && !b.ready)
    return { a, b, ...found, ready, away }
  }

  function connect(hub: Hub, client: string): FakeStream {
    const stream = fakeStream()
    hub.connect({ client, stream })
    return stream
  }

  test('is known to the other as soon as it is ready: one that closes takes nobody offline', async () => {
    const redis = await startRedis()
    ends.push(redis.close)
    const { hooks, errors, openHub } = open(redis.url)
    const a = openHub('a')
    await until('it is ready', () => a.ready)
    connect(a, 'alice')
    await eventually(() => expect(hooks).toHaveLength(1))
    const b = openHub('b')
    await until('the other is ready', () => b.ready)
    await a.close()
    expect(hooks).toEqual(['alice online at a'])
    connect(b, 'alice')
    await b.close()
    expect(hooks).toEqual(['alice online at a', 'alice offline'])
    expect(errors).toEqual([])
  })

  test('counts the clients of both once in its list, however short that is', async () => {
    const redis = await startRedis()
    ends.push(redis.close)
    const { a, b, hooks, ready } = openTwo(redis.url)
    await ready()
    for (const client of ['alice', 'bob', 'carol']) {
      connect(a, client)
      connect(b, client)
    }
    await eventually(() => expect(hooks).toHaveLength(3))
    expect(await a.clients(1)).toMatchObject({
      rows: [{ client: 'alice', connections: 2 }],
      total: 3,
    })
  })

  test('reports nothing again when Redis restarts, with its data or without', async () => {
    const redis = await startRedis('always')
    ends.push(redis.close)
    const { a, b, hooks, errors, ready, away } = openTwo(redis.url)
    await ready()
    const alice = connect(a, 'alice')
    const bob = connect(b, 'bob')
    await eventually(() => expect(hooks).toHaveLength(2))
    for (const disk of ['kept', 'empty'] as const) {
      await redis.crash(disk)
      await away()
      await redis.restart()
      await ready()
      const name = `carol-${disk}`
      const carol = connect(a, name)
      await eventually(() => expect(hooks).toContain(`${name} online at a`))
      carol.leave()
      await until(name, () => hooks.includes(`${name} offline`), NOTICED_MS)
    }
    expect(hooks).toHaveLength(6)
    alice.leave()
    bob.leave()
    await until('both', () => hooks.length === 8, NOTICED_MS)
    expect(hooks.slice(6).sort()).toEqual(['alice offline', 'bob offline'])
    expect(errors).toEqual([])
  })

  test('reports nothing again when a replica takes over that lacks the latest', async () => {
    const pair = await startRedisPair()
    ends.push(pair.close)
    const { a, b, hooks, ready } = openTwo(pair.url)
    await ready()
    const alice = connect(a, 'alice')
    connect(b, 'bob')
    await eventually(() => expect(hooks).toHaveLength(2))
    await pair.caughtUp()
    pair.fallBehind()
    // The replica knows neither that carol came nor that alice left.
    const carol = connect(b, 'carol')
    await eventually(() => expect(hooks).toContain('carol online at b'))
    alice.leave()
    await until('alice is away', async () => {
      return Number(await pair.command('ZCARD', '{hono-sse}:presence:away')) === 1
    })
    await pair.failOver()
    await ready()
    await until('alice is offline', () => hooks.includes('alice offline'), NOTICED_MS)
    expect(hooks).toHaveLength(4)
    carol.leave()
    await until('carol is offline', () => hooks.includes('carol offline'), NOTICED_MS)
    expect(hooks).toHaveLength(5)
  })
})
