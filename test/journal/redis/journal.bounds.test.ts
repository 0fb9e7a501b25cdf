/** What Redis stores beside events has a bound, too, and no call works on all of it at once. */
import { describe, expect, test } from 'vitest'
import { clientKey, topicKey } from '../../../src/core/address.ts'
import type { Journal } from '../../../src/journal/journal.ts'
import { until } from '../../support/eventually.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import {
  closeJournals,
  newPrefix,
  openRedisJournal,
  redisForSuite,
} from '../../support/redis-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')

describe.skipIf(REDIS_IS_MISSING)('the journal in Redis', () => {
  const redis = redisForSuite()

  test.each([
    ['a busy topic', 1],
    ['busy topics that are published together', 3],
  ])('keeps the events of other addresses, however much is published to %s', async (_, topics) => {
    const { journal } = await openRedisJournal(redis, { maxEvents: 20, maxBytes: 60_000 })
    const { id } = await journal.append(BOB, { data: 'a' })
    const { id: unread } = await journal.append(ALICE, { data: 'b' })
    for (let at = 0; at < 1_500; at++) {
      const keys = Array.from({ length: topics }, (_, topic) => topicKey(`busy-${topic}`))
      await Promise.all(keys.map((key) => journal.append(key, { data: 'c' })))
    }
    const batch = await journal.read([ALICE], id, 1_000)
    expect(batch).toMatchObject({ gap: undefined, entries: [{ id: unread }] })
  })

  test.each([
    ['events', { maxEvents: 20 }],
    ['bytes', { maxBytes: 20_000 }],
  ])(
    'every instance counts the events that were evicted because of the bound on %s',
    async (_, bounds) => {
      const prefix = newPrefix()
      const { journal } = await openRedisJournal(redis, bounds, [], prefix)
      const { journal: other } = await openRedisJournal(redis, bounds, [], prefix)
      await journal.append(ALICE, { data: 'a' })
      const both = [journal, other]
      await until('both read the size', () => both.every(({ stats }) => stats?.events === 1))
      await Promise.all(Array.from({ length: 499 }, () => journal.append(ALICE, { data: 'a' })))
      await until('both count', () =>
        both.every(({ stats: { events = 0, evicted = 0 } = {} }) => {
          return evicted > 350 && events + evicted === 500
        }),
      )
    },
  )

  test('detects most addresses that lost nothing, even when they are too many to list', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, { maxEvents: 0 }, [], prefix)
    const { id, epoch } = await firstOf(journal)
    const remembered = `for i = ARGV[1], ARGV[1] + 9999 do
      redis.call('ZADD', KEYS[1], 1 + i, 'c:lost-' .. i)
    end`
    const head = `{${prefix}}:head`
    const evicted = `{${prefix}}:${await redis.command('HGET', head, 'root')}:evicted`
    // In parts: a Redis that is busy for seconds counts as lost.
    for (let first = 1; first <= 100_000; first += 10_000) {
      await redis.command('EVAL', remembered, '1', evicted, `${first}`)
    }
    await redis.command('HSET', head, 'seq', '200000')
    const others = Array.from({ length: 500 }, (_, at) => clientKey(`other-${at}`))
    await Promise.all(others.map((key) => journal.append(key, { data: 'a' })))
    const gapOf = async (client: string, cursor = id) =>
      (await journal.read([clientKey(client)], cursor, 1_000)).gap
    for (const client of ['lost-1', 'lost-100', 'lost-400', 'lost-1000', 'other-1']) {
      expect(await gapOf(client), client).toBe('evicted')
    }
    expect(await gapOf('lost-100', `${epoch}-101`)).toBeUndefined()
    const names = Array.from({ length: 100 }, (_, at) => `nobody-${at}`)
    const gaps = await Promise.all(names.map((client) => gapOf(client)))
    expect(gaps.filter((gap) => gap !== undefined)).toEqual([])
    const [floors = ''] = (await redis.command('KEYS', `{${prefix}}:*:floors`)) as string[]
    expect(await redis.command('PTTL', floors)).toBeGreaterThan(0)
    // Without the floors, everyone may have lost something.
    await redis.command('DEL', floors)
    expect(await gapOf('nobody-1')).toBe('evicted')
  })

  test('prolongs many logs in several calls', async () => {
    const prefix = newPrefix()
    const before = await openRedisJournal(redis, { maxAgeMs: 20_000 }, [], prefix)
    await publishToMany(before.journal)
    await closeJournals()
    const { journal } = await openRedisJournal(redis, { maxAgeMs: 3_600_000 }, [], prefix)
    const age = () => redis.command('HGET', `{${prefix}}:head`, 'age')
    expect(await age()).toBe('20000')
    await until('all are prolonged', async () => {
      await journal.read([ALICE], undefined, 1_000)
      return (await age()) === '3600000'
    })
    const logs = (await redis.command('KEYS', `{${prefix}}:*:log:*`)) as string[]
    expect(logs).toHaveLength(4_000)
    const shortest = `local ttl = 1e12
      for _, key in ipairs(KEYS) do ttl = math.min(ttl, redis.call('PTTL', key)) end return ttl`
    expect(await redis.command('EVAL', shortest, '4000', ...logs)).toBeGreaterThan(3_600_000)
  })

  test('evicts a large journal whose logs have expired at once, and finds in several calls which addresses lost events', async () => {
    const prefix = newPrefix()
    const before = await openRedisJournal(redis, {}, [], prefix)
    const { id } = await firstOf(before.journal)
    await publishToMany(before.journal)
    await closeJournals()
    const [known = ''] = (await redis.command(
      'KEYS',
      `{${prefix}}:*:log:c:client-3999`,
    )) as string[]
    await redis.command('HSET', `{${prefix}}:head`, 'oldest', `${Date.now() - 36_000_000}`)
    const { journal } = await openRedisJournal(redis, { maxAgeMs: 100_000_000 }, [], prefix)
    // A log that is left over is as lost as the others, and doesn't make later events expire.
    expect(await redis.command('EXISTS', known)).toBe(1)
    const { id: next } = await journal.append(clientKey('client-3999'), { data: 'b' })
    const all = await journal.read([clientKey('client-3999')], 'earliest', 1_000)
    expect(all.entries.map((entry) => entry.id)).toEqual([next])
    expect((await journal.read([BOB], id, 1_000)).gap, 'not known yet').toBe('evicted')
    await until('it is known', async () => (await journal.read([BOB], id, 1_000)).gap === undefined)
    for (const client of ['client-0', 'client-2000', 'client-3999']) {
      expect((await journal.read([clientKey(client)], id, 1_000)).gap, client).toBe('evicted')
    }
    expect((await journal.read([ALICE], next, 1_000)).gap).toBeUndefined()
    const [size] = (await redis.command('HMGET', `{${prefix}}:head`, 'events')) as string[]
    expect(size).toBe('1')
  })

  async function firstOf(journal: Journal): Promise<{ id: string; epoch: string }> {
    const { id } = await journal.append(ALICE, { data: 'first' })
    return { id, epoch: id.slice(0, id.indexOf('-')) }
  }

  async function publishToMany(journal: Journal): Promise<void> {
    const keys = Array.from({ length: 4_000 }, (_, at) => clientKey(`client-${at}`))
    await Promise.all(keys.map((key) => journal.append(key, { data: 'a' })))
  }
})
