/** Hubs that share a journal: all report their clients, and a disconnected client is disconnected everywhere. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createHub } from '../../../../src/hub/hub.ts'
import type { Hub } from '../../../../src/hub/hub-types.ts'
import { internalsOf } from '../../../../src/hub/internals.ts'
import { createRedisJournal } from '../../../../src/journal/redis/journal.ts'
import { eventsNamed, publishedData } from '../../../support/events.ts'
import { until } from '../../../support/eventually.ts'
import { type FakeStream, fakeStream } from '../../../support/fake-stream.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../../support/redis.ts'
import { newPrefix } from '../../../support/redis-journals.ts'
import { openTcpProxy } from '../../../support/tcp-proxy.ts'

describe.skipIf(REDIS_IS_MISSING)('hubs on one Redis', () => {
  let redis: RedisServer
  const hubs: Hub[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    for (const hub of hubs.splice(0)) await hub.close()
  })
  afterAll(() => redis.close())

  async function open(prefix: string, url = redis.url): Promise<Hub> {
    const hub = createHub({ journal: createRedisJournal({ url, prefix }), retryMs: 10 })
    hubs.push(hub)
    await until('the hub is ready', () => hub.ready)
    return hub
  }

  async function pair(): Promise<[Hub, Hub, string]> {
    const prefix = newPrefix()
    return [await open(prefix), await open(prefix), prefix]
  }

  async function enter(hub: Hub, client: string, topics: string[] = []): Promise<FakeStream> {
    const stream = fakeStream()
    hub.connect({ client, topics, stream })
    await until('the stream is open', () => eventsNamed(stream, 'hub:ready').length === 1)
    return stream
  }

  test('refuse a block over the bound before any client is blocked, and all hubs stay reachable', async () => {
    const [one, other, prefix] = await pair()
    const requests = `{${prefix}}:requests`
    const filled = `for i = tonumber(ARGV[2]), math.min(ARGV[2] + 9999, 99999) do
      local request = string.format('{"type":"disconnect","client":"c-%d"}', i)
      redis.call('ZADD', KEYS[1], ARGV[1], request)
    end`
    await one.disconnect('alice', 60_000)
    // In parts: a Redis that is busy for seconds counts as lost.
    for (let first = 1; first <= 99_999; first += 10_000) {
      await redis.command('EVAL', filled, '1', requests, `${Date.now() + 600_000}`, `${first}`)
    }
    await expect(one.disconnect('bob', 60_000)).rejects.toMatchObject({ code: 'at-capacity' })
    expect(internalsOf(other).refusal('bob')).toBeUndefined()
    expect(await redis.command('ZCARD', requests)).toBe(100_000)
    await other.disconnect('alice', 300_000)
    await other.disconnect('c-5', 300_000)
    expect(await redis.command('ZCARD', requests)).toBe(100_000)
    const late = await open(prefix)
    expect(internalsOf(late).refusal('c-1')).toBe('blocked')
    // One block has ended in Redis; the hubs' clocks are a little behind.
    await redis.command('ZREM', requests, '{"type":"disconnect","client":"c-2"}')
    await late.disconnect('bob', 60_000)
    expect(internalsOf(late).refusal('bob')).toBe('blocked')
    expect(internalsOf(one).refusal('bob')).toBe('blocked')
  })

  test('know how many they are', async () => {
    const prefix = newPrefix()
    const journal = createRedisJournal({ url: redis.url, prefix })
    const hub = createHub({ journal, retryMs: 10 })
    hubs.push(hub)
    expect(journal.backplane?.instances).toBe(1)
    await until('the hub is ready', () => hub.ready)
    await open(prefix)
    await hub.clients(1)
    expect(journal.backplane?.instances).toBe(2)
  })

  test('show each other’s clients and connections', async () => {
    const [one, other] = await pair()
    await enter(one, 'alice', ['news'])
    await enter(other, 'alice')
    await enter(other, 'bob', ['news'])
    const { rows, total } = await one.clients(100)
    expect(rows.map(({ client, connections }) => [client, connections])).toEqual([
      ['alice', 2],
      ['bob', 1],
    ])
    expect(total).toBe(2)
    // Bob is beyond the list, and only one of the instances has listed Alice first.
    expect(await one.clients(1)).toMatchObject({
      rows: [{ client: 'alice', connections: 2 }],
      total: 2,
    })
    const news = await other.connections({ topic: 'news' }, 100)
    expect(news.rows.map(({ client }) => client).sort()).toEqual(['alice', 'bob'])
    expect(new Set(news.rows.map(({ instance }) => instance)).size).toBe(2)
  })

  test('report each other’s connections with remote address and cursor', async () => {
    const [one, other] = await pair()
    const { id } = await one.publish('everyone', { data: 'a' })
    const info = { opener: 'native', remoteAddress: '192.0.2.7', requestId: 'r-1' }
    const stream = fakeStream()
    other.connect({ client: 'alice', stream, info })
    await until('the stream is open', () => eventsNamed(stream, 'hub:ready').length === 1)
    const { rows } = await one.connections({ client: 'alice' }, 100)
    expect(rows).toEqual([
      expect.objectContaining({ client: 'alice', queuedEvents: 0, cursor: id, ...info }),
    ])
  })

  test('drop the connections of a hub that is gone', async () => {
    const [one, other] = await pair()
    await enter(other, 'bob')
    expect((await one.clients(100)).total).toBe(1)
    await other.close()
    expect((await one.clients(100)).total).toBe(0)
  })

  test('report how many of them had a listener', async () => {
    const [one, other] = await pair()
    await enter(one, 'alice')
    const stream = await enter(other, 'alice')
    const receipt = await one.publish({ client: 'alice' }, { data: 'a' })
    expect(receipt).toMatchObject({ connections: 1, instances: 2 })
    const typing = { data: 'b', event: 'typing', ephemeral: true }
    expect(await one.publish('everyone', typing)).toEqual({ connections: 1, instances: 2 })
    await until('both came', () => publishedData(stream).length === 2)
    expect(stream.events.map(({ event, id }) => [event, id === undefined])).toEqual([
      ['hub:ready', false],
      [undefined, false],
      ['typing', true],
    ])
  })

  test('disconnect a client and block it, also on a hub that starts later', async () => {
    const [one, other, prefix] = await pair()
    await enter(one, 'alice')
    const stream = await enter(other, 'alice')
    expect(await one.disconnect('alice', 60_000)).toMatchObject({ disconnected: 2 })
    await until('the goodbye came', () => eventsNamed(stream, 'hub:bye').length === 1)
    expect(internalsOf(other).refusal('alice')).toBe('blocked')
    const late = await open(prefix)
    expect(internalsOf(late).isBlocked('alice')).toBe(true)
    expect(internalsOf(late).isBlocked('bob')).toBe(false)
  })

  test('report that a hub did not answer, and it disconnects the client when it is back', async () => {
    const prefix = newPrefix()
    const proxy = await openTcpProxy(redis.port)
    try {
      const one = await open(prefix)
      const away = await open(prefix, `redis://127.0.0.1:${proxy.port}`)
      const stream = await enter(away, 'alice')
      expect(await one.clients()).toMatchObject({ total: 1, asked: 2, answered: 2 })
      proxy.cut()
      await until('the link is lost', () => !away.ready)
      expect(await one.clients()).toMatchObject({ total: 0, asked: 2, answered: 1 })
      expect(await one.disconnect('alice')).toEqual({ disconnected: 0, asked: 2, answered: 1 })
      expect(eventsNamed(stream, 'hub:bye')).toEqual([])
      proxy.redirect(redis.port)
      await until('the goodbye came', () => eventsNamed(stream, 'hub:bye').length === 1)
      await until('the hub is ready again', () => away.ready)
      // A stream that opens later stays open, however often the command is read again.
      const later = await enter(away, 'alice')
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await until('the link is lost', () => !away.ready)
      await until('both are ready', () => one.ready && away.ready)
      expect((await one.connections({ client: 'alice' })).total).toBe(1)
      expect(eventsNamed(later, 'hub:bye')).toEqual([])
      // All have answered: nothing is stored, and a hub that stopped is not asked.
      await redis.command('DEL', `{${prefix}}:requests`)
      expect(await one.disconnect('alice')).toEqual({ disconnected: 1, asked: 2, answered: 2 })
      const requests = () => redis.command('ZCARD', `{${prefix}}:requests`)
      await until('nothing is stored', async () => (await requests()) === 0)
      await away.close()
      await until('it is not asked', async () => (await one.clients()).asked === 1)
    } finally {
      await proxy.close()
    }
  })

  test('let a name be used once across all hubs', async () => {
    const [one, other] = await pair()
    const uses = await Promise.all(
      [one, other, one].map((hub) => internalsOf(hub).useOnce('ticket', 60_000)),
    )
    expect(uses.filter((first) => first)).toHaveLength(1)
  })

  test('keep their streams while Redis is down, refuse new ones, and deliver everything once it returns', async () => {
    const [one, other] = await pair()
    const stream = await enter(one, 'alice')
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('the link is lost', () => !one.ready)
    expect(internalsOf(one).refusal('bob')).toBe('at-capacity')
    await until('both are ready', () => one.ready && other.ready)
    await other.publish({ client: 'alice' }, { data: 'a' })
    await until('it came', () => publishedData(stream).length === 1)
    expect(eventsNamed(stream, 'hub:bye')).toEqual([])
    expect(eventsNamed(stream, 'hub:gap')).toEqual([])
    expect(one.stats().journal).toMatchObject({ ready: true, reconnects: 1 })
  })

  test('report a gap, and continue, when Redis is flushed under open streams', async () => {
    const [one, other] = await pair()
    const stream = await enter(one, 'alice')
    await other.publish({ client: 'alice' }, { data: 'a' })
    await until('it came', () => publishedData(stream).length === 1)
    await redis.command('FLUSHALL')
    await other.publish({ client: 'alice' }, { data: 'b' })
    await until('the gap is reported', () => eventsNamed(stream, 'hub:gap').length === 1)
    await until('both are ready', () => one.ready && other.ready)
    await other.publish({ client: 'alice' }, { data: 'c' })
    await until('all came', () => publishedData(stream).length === 3)
    expect(publishedData(stream)).toEqual(['a', 'b', 'c'])
    expect(eventsNamed(stream, 'hub:gap').map(({ data }) => JSON.parse(data))).toMatchObject([
      { reason: 'epoch' },
    ])
  })
})
