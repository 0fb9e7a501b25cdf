/** Events that are stored once in Redis: whichever hub stores them, and whatever becomes of the connection or of Redis. */
import { describe, expect, test } from 'vitest'
import { clientKey, topicKey } from '../../../src/core/address.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { Once } from '../../../src/journal/once.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { until } from '../../support/eventually.ts'
import { startRedisPair } from '../../support/failover.ts'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import {
  appendAll,
  dataIn,
  newPrefix,
  openRedisJournal,
  redisForSuite,
} from '../../support/redis-journals.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')
const EVENT = { data: 'once' }

const onceOf = (name: string, fields: Partial<Once> = {}): Once => {
  return { name, digest: 'd', ttlMs: 600_000, connections: 2, ...fields }
}

describe.skipIf(REDIS_IS_MISSING)('an event that is stored once in Redis', () => {
  const redis = redisForSuite()

  test('is one event for fifty concurrent publishers with one key at two hubs', async () => {
    const prefix = newPrefix()
    const hubs = [1, 2].map(() =>
      createHub({ journal: createRedisJournal({ url: redis.url, prefix }) }),
    )
    await until('both are ready', () => hubs.every(({ ready }) => ready))
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, n) => {
        const options = { idempotencyKey: 'order-1', keyOwner: 'shop' }
        return hubs[n % 2]?.publish({ client: 'alice' }, EVENT, options)
      }),
    )
    expect(results).toEqual(results.map(() => results[0]))
    expect(results[0]).toMatchObject({ connections: 0, instances: 0 })
    const next = await hubs[0]?.publish({ client: 'alice' }, EVENT)
    expect(next?.id).toBe(results[0]?.id?.replace(/\d+$/, '2'))
    await Promise.all(hubs.map((hub) => hub.close()))
  })

  test('keeps its place among events without a name, and reaches each hub once', async () => {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, {}, [ALICE, NEWS], prefix)
    const other = await openRedisJournal(redis, {}, [NEWS], prefix)
    const results = await Promise.all([
      one.journal.append(ALICE, { data: '1' }),
      one.journal.append(ALICE, EVENT, onceOf('a')),
      one.journal.append([ALICE, NEWS], EVENT, onceOf('b')),
      one.journal.append(ALICE, { data: '2' }),
      one.journal.append(ALICE, EVENT, onceOf('a')),
      one.journal.append([ALICE, NEWS], EVENT, onceOf('b')),
      one.journal.append(NEWS, EVENT, onceOf('c')),
    ])
    expect(results.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 2, 3, 5])
    const repeated = results.flatMap((result, index) => (result.repeated ? [index] : []))
    expect(repeated).toEqual([4, 5])
    expect(results.slice(1, 3)).toMatchObject([
      { instances: 1, connections: 2 },
      { instances: 2, connections: 2 },
    ])
    await Promise.all([one.delivered(5), other.delivered(2)])
    expect(one.deliveries.map(({ entry }) => entry?.sequence)).toEqual([1, 2, 3, 4, 5])
    expect(other.deliveries.map(({ entry }) => entry?.sequence)).toEqual([3, 5])
  })

  test('whose call mixes new names, known ones and conflicts gets a result for each', async () => {
    const { journal } = await openRedisJournal(redis)
    await journal.append(ALICE, EVENT, onceOf('known'))
    const results = await Promise.allSettled([
      journal.append(ALICE, EVENT, onceOf('known')),
      journal.append(BOB, EVENT, onceOf('new')),
      journal.append(ALICE, EVENT, onceOf('known', { digest: 'e' })),
      journal.append(BOB, EVENT, onceOf('new', { digest: 'e' })),
      journal.append(BOB, EVENT, onceOf('newer')),
    ])
    expect(results).toMatchObject([
      { value: { sequence: 1 } },
      { value: { sequence: 2 } },
      { reason: { code: 'idempotency-conflict' } },
      { reason: { code: 'idempotency-conflict' } },
      { value: { sequence: 3 } },
    ])
  })

  test('leaves nothing behind in Redis when it is a repetition', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    await journal.append(ALICE, EVENT, onceOf('a'))
    const [records = ''] = (await redis.command('KEYS', `{${prefix}}:*:records`)) as string[]
    const state = async () => [
      await redis.command('HGETALL', `{${prefix}}:head`),
      await redis.command('ZRANGE', records, '0', '-1'),
      ((await redis.command('KEYS', `{${prefix}}*`)) as string[]).sort(),
    ]
    const before = await state()
    await Promise.all([1, 2, 3].map(() => journal.append(BOB, EVENT, onceOf('a'))))
    expect(await state()).toEqual(before)
    // The record of a call that also repeats an event names only the address of what it has stored.
    await Promise.all([
      journal.append(ALICE, EVENT, onceOf('a')),
      journal.append(BOB, EVENT, onceOf('b')),
    ])
    const all = (await redis.command('ZRANGE', records, '0', '-1')) as string[]
    expect(all.map((record) => record.split('\n').slice(1))).toEqual([[ALICE], [BOB]])
  })

  test('has keys that expire, all of them', async () => {
    const prefix = newPrefix()
    const { journal, advance } = await openRedisJournal(redis, {}, [], prefix)
    await journal.append(ALICE, EVENT, onceOf('a', { ttlMs: 1_000 }))
    await journal.append(ALICE, EVENT, onceOf('b', { ttlMs: 2_000 }))
    const names = async () => (await redis.command('KEYS', `{${prefix}}:once*`)) as string[]
    expect(await names()).toHaveLength(3)
    await advance(3_000)
    await until('they are gone', async () => (await names()).length === 0)
  })

  test('whose name has expired is not counted any longer, while others are stored', async () => {
    const prefix = newPrefix()
    const { journal, advance } = await openRedisJournal(redis, {}, [], prefix)
    await journal.append(ALICE, EVENT, onceOf('short', { ttlMs: 1_000 }))
    await journal.append(ALICE, EVENT, onceOf('long'))
    await advance(2_000)
    await journal.append(ALICE, EVENT, onceOf('last'))
    const names = await redis.command('ZRANGE', `{${prefix}}:once`, '0', '-1')
    expect(names).toEqual(['long', 'last'])
  })

  test('removes expired names in parts, and counts none of them', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    const fill = `for i = 1, 110000 do redis.call('ZADD', KEYS[1], i, i) end`
    await redis.command('EVAL', fill, '1', `{${prefix}}:once`)
    const size = () => redis.command('ZCARD', `{${prefix}}:once`)
    await journal.append(ALICE, EVENT, onceOf('a'))
    expect(await size()).toBe(109_001)
    await redis.command('ZREMRANGEBYRANK', `{${prefix}}:once`, '0', '108499')
    await journal.append(ALICE, EVENT, onceOf('b'))
    expect(await size()).toBe(2)
  })

  test('is refused while too many names are stored, and known names are not', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    const { id } = await journal.append(ALICE, EVENT, onceOf('known'))
    const fill = `local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)
      for i = 1, 99999 do redis.call('ZADD', KEYS[1], now + 600000, i) end`
    await redis.command('EVAL', fill, '1', `{${prefix}}:once`)
    const results = await Promise.allSettled([
      journal.append(ALICE, EVENT, onceOf('known')),
      journal.append(ALICE, EVENT, onceOf('more')),
      journal.append(ALICE, { data: 'plain' }),
    ])
    expect(results).toMatchObject([
      { value: { id } },
      {
        reason: {
          code: 'at-capacity',
          message: expect.stringContaining('The limit of 100000 idempotency keys is reached'),
        },
      },
      { value: { sequence: 2 } },
    ])
    // One of them expires.
    await redis.command('ZADD', `{${prefix}}:once`, '1', '1')
    expect(await journal.append(ALICE, EVENT, onceOf('more'))).toMatchObject({ sequence: 3 })
  })

  test('has the same result for whoever repeats it after the connection was lost before the answer', async () => {
    const proxy = await openTcpProxy(redis.port)
    try {
      const prefix = newPrefix()
      const server = { ...redis, url: `redis://127.0.0.1:${proxy.port}` }
      const cut = await openRedisJournal(server, {}, [], prefix)
      const other = await openRedisJournal(redis, {}, [ALICE], prefix)
      proxy.hold()
      const lost = cut.journal.append(ALICE, EVENT, onceOf('a'))
      await other.delivered(1)
      proxy.reset()
      await expect(lost).rejects.toMatchObject({ code: 'journal-unavailable' })
      proxy.release()
      const again = await other.journal.append(ALICE, EVENT, onceOf('a'))
      expect(again.id).toBe(other.deliveries[0]?.entry?.id)
      await cut.connected()
      expect(await cut.journal.append(ALICE, EVENT, onceOf('a'))).toEqual(again)
      const { entries } = await other.journal.read([ALICE], 'earliest', 1e6)
      expect(entries.map(({ id }) => id)).toEqual([again.id])
    } finally {
      await proxy.close()
    }
  })

  test('is refused by a Redis without free memory, and is stored by the repetition', async () => {
    const { journal } = await openRedisJournal(redis)
    await appendAll({ journal }, ALICE, 'before')
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    try {
      const refused = journal.append(ALICE, EVENT, onceOf('a'))
      await expect(refused).rejects.toMatchObject({ code: 'journal-unavailable' })
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    }
    expect(await journal.append(ALICE, EVENT, onceOf('a'))).toMatchObject({ sequence: 2 })
    const batch = await journal.read([ALICE], 'earliest', 1e6)
    expect(dataIn(batch)).toEqual(['before', 'once'])
  })

  test('is evicted within the bounds of its address, also at several', async () => {
    const { journal } = await openRedisJournal(redis, { maxEvents: 2 })
    for (let n = 0; n < 6; n++) {
      await journal.append(n % 2 ? ALICE : [ALICE, BOB], { data: `${n}` }, onceOf(`${n}`))
    }
    const { end } = await journal.read([ALICE], undefined, 1e6)
    expect(end.sequence).toBe(6)
    expect(dataIn(await journal.read([ALICE], 'earliest', 1e6))).toEqual(['4', '5'])
    expect(dataIn(await journal.read([BOB], 'earliest', 1e6))).toEqual(['2', '4'])
  })
})

describe.skipIf(REDIS_IS_MISSING)('after Redis has restarted, an event', () => {
  test('is known if Redis has it, and stored again if Redis has lost it', async () => {
    for (const [disk, sequence] of [
      ['kept', 1],
      ['empty', 1],
    ] as const) {
      const redis = await startRedis('always')
      const { journal, connected } = await openRedisJournal(redis)
      const first = await journal.append(ALICE, EVENT, onceOf('a'))
      await redis.crash(disk)
      await until('it is away', () => journal.ready === false)
      await redis.restart()
      await connected()
      const again = await journal.append(ALICE, EVENT, onceOf('a'))
      expect(again.sequence).toBe(sequence)
      expect(again.id === first.id).toBe(disk === 'kept')
      const batch = await journal.read([ALICE], 'earliest', 1e6)
      expect(dataIn(batch)).toEqual(['once'])
      await journal.close()
      await redis.close()
    }
  })

  test('that a failover has lost is stored by the repetition', async () => {
    const pair = await startRedisPair()
    const { journal, connected } = await openRedisJournal(pair)
    const kept = await journal.append(ALICE, EVENT, onceOf('kept'))
    await pair.caughtUp()
    pair.fallBehind()
    const lost = await journal.append(BOB, EVENT, onceOf('lost'))
    await pair.failOver()
    await until('it is away', () => journal.ready === false)
    await connected()
    expect(await journal.append(ALICE, EVENT, onceOf('kept'))).toEqual({ ...kept, repeated: true })
    const again = await journal.append(BOB, EVENT, onceOf('lost'))
    expect(again.id).not.toBe(lost.id)
    const batch = await journal.read([ALICE, BOB], 'earliest', 1e6)
    expect(dataIn(batch)).toEqual(['once', 'once'])
    await journal.close()
    await pair.close()
  })
})
