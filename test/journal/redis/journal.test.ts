/** The Redis journal keeps the contract of all journals, and what only a shared one can promise. */
import { describe, expect, test } from 'vitest'
import { clientKey, EVERYONE } from '../../../src/core/address.ts'
import { encodeFrame } from '../../../src/core/event.ts'
import { until } from '../../support/eventually.ts'
import {
  backplaneSuite,
  journalSuite,
  presenceSuite,
  relaySuite,
} from '../../support/journal-suite.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import {
  closeJournals,
  newPrefix,
  openRedisJournal,
  openSharedJournals,
  redisForSuite,
} from '../../support/redis-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')

describe.skipIf(REDIS_IS_MISSING)('the journal in Redis', () => {
  const redis = redisForSuite()

  journalSuite((bounds, watched) => openRedisJournal(redis, bounds, watched))
  backplaneSuite((bounds, watched) => openRedisJournal(redis, bounds, watched))
  relaySuite((bounds, watched) => openRedisJournal(redis, bounds, watched))
  presenceSuite((count) => openSharedJournals(redis, count))

  test('is one for all hubs with the same prefix: ids, events and deliveries', async () => {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, {}, [ALICE], prefix)
    const other = await openRedisJournal(redis, {}, [ALICE], prefix)
    const third = await openRedisJournal(redis, {}, [EVERYONE], prefix)
    const first = await one.journal.append(ALICE, { data: 'a' })
    const second = await third.journal.append(ALICE, { data: 'b' })
    expect(second).toMatchObject({ sequence: first.sequence + 1, instances: 2 })
    await Promise.all([one.delivered(2), other.delivered(2)])
    expect(other.deliveries).toEqual(one.deliveries)
    expect(third.deliveries).toEqual([])
    const batch = await third.journal.read([ALICE], 'earliest', 1_000)
    expect(batch.entries.map(({ id }) => id)).toEqual([first.id, second.id])
  })

  test('receives nothing for a key that is no longer subscribed', async () => {
    const { journal, deliveries, delivered } = await openRedisJournal(redis, {}, [ALICE, EVERYONE])
    journal.backplane?.unsubscribe?.(ALICE)
    await until('it is unsubscribed', async () => {
      const channels = (await redis.command('PUBSUB', 'CHANNELS', '*')) as string[]
      return !channels.some((channel) => channel.endsWith(ALICE))
    })
    expect(await journal.append(ALICE, { data: 'a' })).toMatchObject({ instances: 0 })
    journal.backplane?.subscribe?.(ALICE)
    await journal.read([ALICE], undefined, 1_000)
    await journal.append(ALICE, { data: 'b' })
    await delivered(1)
    expect(new TextDecoder().decode(deliveries[0]?.frame)).toContain('data: b')
  })

  test('stores concurrent publishes in few calls, in order, each with its own result', async () => {
    const prefix = newPrefix()
    const { journal, deliveries, delivered } = await openRedisJournal(
      redis,
      {},
      [ALICE, EVERYONE],
      prefix,
    )
    const keys = [ALICE, EVERYONE, clientKey('nobody')]
    const receipts = await Promise.all(
      Array.from({ length: 300 }, (_, i) => journal.append(keys[i % 3] ?? '', { data: `${i}` })),
    )
    expect(await calls(prefix)).toBe(Math.ceil(300 / 128))
    expect(receipts.map(({ sequence }) => sequence)).toEqual(receipts.map((_, i) => i + 1))
    expect(receipts.slice(0, 3).map(({ instances }) => instances)).toEqual([1, 1, 0])
    await delivered(200)
    const ids = receipts.filter(({ instances }) => instances === 1).map(({ id }) => id)
    expect(deliveries.map(({ entry }) => entry?.id)).toEqual(ids)
    // Large ones don't wait for each other: a call is what all others wait for.
    const large = { data: 'x'.repeat(100_000) }
    await Promise.all(Array.from({ length: 9 }, () => journal.append(ALICE, large)))
    expect(await calls(prefix)).toBe(Math.ceil(300 / 128) + Math.ceil(9 / 2))
  })

  test('distinguishes events that one call published at one address', async () => {
    const { journal, deliveries, delivered } = await openRedisJournal(redis, {}, [ALICE])
    // Past 9, 10, 99 and 100, where numbers grow longer; some data ends in line breaks.
    const sent = Array.from({ length: 120 }, (_, i) => `${i}${'\n'.repeat(i % 4)}`)
    const receipts = await Promise.all(sent.map((data) => journal.append(ALICE, { data })))
    await delivered(120)
    const { entries } = await journal.read([ALICE], 'earliest', 1e6)
    const frames = sent.map((data, i) => encodeFrame({ id: receipts[i]?.id, data }))
    expect(deliveries.map(({ frame }) => Buffer.from(frame))).toEqual(frames.map(Buffer.from))
    expect(entries.map(({ frame }) => frame)).toEqual(frames)
  })

  /** How many calls have stored events: each has left a record. */
  async function calls(prefix: string): Promise<unknown> {
    const root = await redis.command('HGET', `{${prefix}}:head`, 'root')
    return await redis.command('ZCARD', `{${prefix}}:${root}:records`)
  }

  test('sends a control request to all hubs, and stores it for hubs that connect later', async () => {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, {}, [], prefix)
    const other = await openRedisJournal(redis, {}, [], prefix)
    const answers = await one.journal.backplane?.request({ about: 'x' }, 60_000)
    const by = [one, other].map(({ journal }) => journal.backplane?.instance)
    expect(answers).toMatchObject({ asked: 2, responses: [{}, {}] })
    expect(answers?.responses).toEqual(
      expect.arrayContaining(by.map((name) => expect.objectContaining({ by: name }))),
    )
    const kept = (await redis.command('ZRANGE', `{${prefix}}:requests`, '0', '-1')) as string[]
    expect(kept).toEqual(['{"about":"x"}'])
  })

  test('outlives its hubs: cursors stay valid, and the epoch is the same', async () => {
    const prefix = newPrefix()
    const before = await openRedisJournal(redis, {}, [], prefix)
    const { id } = await before.journal.append(ALICE, { data: 'a' })
    const next = await before.journal.append(ALICE, { data: 'b' })
    await closeJournals()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    const batch = await journal.read([ALICE], id, 1_000)
    expect(batch).toMatchObject({ gap: undefined, end: { id: next.id } })
    expect(batch.entries).toHaveLength(1)
  })

  test('lets all keys of an idle hub expire', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    await journal.append(ALICE, { data: 'a' })
    const keys = (await redis.command('KEYS', `{${prefix}}:*`)) as string[]
    expect(keys).toHaveLength(4)
    for (const key of keys) expect(await redis.command('PTTL', key), key).toBeGreaterThan(0)
  })

  test('prolongs logs for a hub that keeps events longer', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, { maxAgeMs: 20_000 }, [], prefix)
    await journal.append(ALICE, { data: 'a' })
    const logs = (await redis.command('KEYS', `{${prefix}}:*:log:*`)) as string[]
    const life = async () => Number(await redis.command('PTTL', ...logs))
    expect(await life()).toBeLessThanOrEqual(140_000)
    await openRedisJournal(redis, { maxAgeMs: 3_600_000 }, [], prefix)
    expect(await life()).toBeGreaterThan(3_600_000)
  })

  test('reports a gap where logs expired while all hubs were away, and only there', async () => {
    const prefix = newPrefix()
    const before = await openRedisJournal(redis, {}, [], prefix)
    const { id } = await before.journal.append(ALICE, { data: 'a' })
    await before.journal.append(ALICE, { data: 'b' })
    await closeJournals()
    const logs = (await redis.command('KEYS', `{${prefix}}:*:log:*`)) as string[]
    for (const log of logs) await redis.command('DEL', log)
    await redis.command('HSET', `{${prefix}}:head`, 'oldest', `${Date.now() - 3_600_000}`)
    const { journal } = await openRedisJournal(redis, { maxAgeMs: 36_000_000 }, [], prefix)
    expect(await journal.read([ALICE], id, 1_000)).toMatchObject({ entries: [], gap: 'evicted' })
    expect(await journal.read([BOB], id, 1_000)).toMatchObject({ entries: [], gap: undefined })
    const next = await journal.append(ALICE, { data: 'c' })
    const figures = await redis.command('HMGET', `{${prefix}}:head`, 'seq', 'events')
    expect(figures).toEqual([`${next.sequence}`, '1'])
  })

  test('accepts a bound of bytes that is not a whole number', async () => {
    const { journal } = await openRedisJournal(redis, { maxEvents: 2, maxBytes: 10_000.5 })
    for (const data of ['a', 'b', 'c', 'd']) await journal.append(ALICE, { data })
    expect((await journal.read([ALICE], 'earliest', 1_000)).entries).toHaveLength(2)
  })

  test('evicts in several calls what far exceeds a lowered bound', async () => {
    const prefix = newPrefix()
    const limits = { maxEvents: 1_000_000, maxAgeMs: 3_600_000 }
    const before = await openRedisJournal(redis, limits, [], prefix)
    const all = Array.from({ length: 25_000 }, (_, at) => (at % 2 ? ALICE : BOB))
    await Promise.all(all.map((key) => before.journal.append(key, { data: 'a' })))
    await closeJournals()
    const events = async () => Number(await redis.command('HGET', `{${prefix}}:head`, 'events'))
    await openRedisJournal(redis, { ...limits, maxAgeMs: 1 }, [], prefix)
    expect(await events(), 'Redis is not held up until all is gone').toBeGreaterThan(0)
    await until('all is gone', async () => (await events()) === 0)
  })
})
