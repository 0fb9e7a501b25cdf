/** Events with a key in Redis: what is left of them there, and what happens beside a hub of an older version. */
import { createClient } from '@redis/client'
import { describe, expect, test } from 'vitest'
import { clientKey, topicKey } from '../../../src/core/address.ts'
import type { HubEvent } from '../../../src/core/event.ts'
import { until } from '../../support/eventually.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import {
  dataIn,
  newPrefix,
  openRedisJournal,
  type RedisJournalHarness,
  redisForSuite,
} from '../../support/redis-journals.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')

const TOKEN: HubEvent = { key: 'answer', data: 'token' }
const PRICE: HubEvent = { key: 'price', replace: true, retain: true, data: '1' }
const ANSWER: HubEvent = { key: 'answer', replace: true, data: 'all' }

describe.skipIf(REDIS_IS_MISSING)('events with a key in Redis', () => {
  const redis = redisForSuite()

  test('are superseded and delivered in order if they are published in one turn', async () => {
    const { one } = await open([ALICE, NEWS])
    const { end } = await one.journal.read([ALICE, NEWS], undefined, 1e6)
    const events: [string | string[], HubEvent][] = [
      [ALICE, { data: '1' }],
      [ALICE, { ...TOKEN, data: '2' }],
      [[ALICE, NEWS], { ...TOKEN, data: '3' }],
      [NEWS, { data: '4' }],
      [ALICE, { ...ANSWER, data: '5' }],
      [[NEWS, ALICE], { data: '6' }],
      [ALICE, { ...TOKEN, data: '7' }],
    ]
    const results = await Promise.all(
      events.map(([keys, event]) => one.journal.append(keys, event)),
    )
    await one.delivered(events.length)
    expect(one.deliveries.map(({ entry }) => entry?.id)).toEqual(results.map(({ id }) => id))
    expect(results.map(({ instances }) => instances)).toEqual(events.map(() => 1))
    const read = async (keys: string[]) => dataIn(await one.journal.read(keys, end.id, 1e6))
    expect(await read([ALICE])).toEqual(['1', '5', '6', '7'])
    expect(await read([NEWS])).toEqual(['3', '4', '6'])
  })

  test('leave no more keys, bytes and records behind than others', async () => {
    const prefix = newPrefix()
    const { one } = await open([], prefix, { maxEvents: 8 })
    await one.journal.append(ALICE, { data: 'plain' })
    for (let n = 0; n < 20; n++)
      await one.journal.append(ALICE, { key: 'price', replace: true, data: `${n}` })
    await expectKept(prefix, { records: 2, lists: 1, frames: 2, events: 2 })
    for (let n = 0; n < 50; n++) await one.journal.append(BOB, { key: `key ${n}`, data: `${n}` })
    await expectKept(prefix, { records: 10, lists: 9, frames: 10, events: 10 })
    const tokens = Array.from({ length: 300 }, () => one.journal.append([NEWS, BOB], TOKEN))
    await Promise.all(tokens)
    await one.journal.append([NEWS, BOB], ANSWER)
    await one.journal.append([ALICE], { data: 'last' })
    const { events, bytes } = await headOf(prefix)
    expect(events).toBe(2 + 1 + 2)
    expect(bytes).toBeLessThan(5_000)
    expect(bytes).toBeGreaterThan(0)
  })

  test('count as evicted only if they were', async () => {
    const { one } = await open([], newPrefix(), { maxEvents: 8 })
    await until('measured', () => (one.journal.stats?.events ?? -1) >= 0)
    for (let n = 0; n < 20; n++) await one.journal.append([ALICE, BOB], ANSWER)
    await until('stored', () => one.journal.stats?.events === 2)
    expect(one.journal.stats?.evicted).toBe(0)
    for (let n = 0; n < 20; n++) await one.journal.append(ALICE, TOKEN)
    await until('evicted', () => (one.journal.stats?.evicted ?? 0) >= 12)
  })

  test('are refused beside a hub that does not know keys, which fails no other event', async () => {
    const { one, prefix } = await open([ALICE, NEWS])
    const channel = `{${prefix}}:instances`
    const older = createClient({ url: redis.url })
    await older.connect()
    try {
      await older.subscribe([channel, `{${prefix}}:several`], () => {})
      const outcomes = await Promise.allSettled([
        one.journal.append(ALICE, { data: '1' }),
        one.journal.append(ALICE, TOKEN),
        one.journal.append([ALICE, NEWS], { data: '2' }),
        one.journal.append(ALICE, ANSWER),
      ])
      expect(outcomes.map(({ status }) => status)).toEqual([
        'fulfilled',
        'rejected',
        'fulfilled',
        'rejected',
      ])
      expect(outcomes[1]).toMatchObject({
        reason: {
          code: 'journal-unavailable',
          message: expect.stringMatching(/an older version can’t store events with a key/),
        },
      })
      await older.unsubscribe(channel)
      await one.journal.append(ALICE, ANSWER)
    } finally {
      older.destroy()
    }
  })

  test('that another hub evicts, or superseded long ago, are no obstacle', async () => {
    const prefix = newPrefix()
    const { one } = await open([], prefix, { maxEvents: 4 })
    const other = await openRedisJournal(redis, { maxEvents: 4 }, [], prefix)
    const { end } = await one.journal.read([ALICE], undefined, 1e6)
    await one.journal.append(ALICE, TOKEN)
    await other.journal.append(ALICE, ANSWER)
    // A sequence in the list whose event is gone, as after a change of the epoch.
    const [list] = await keysLike(prefix, ':keyed:')
    await redis.command('LPUSH', list ?? '', '1')
    for (let n = 0; n < 3; n++) await other.journal.append(ALICE, { data: `${n}` })
    await one.journal.append(ALICE, { ...ANSWER, data: 'again' })
    const batch = await other.journal.read([ALICE], end.id, 1e6)
    expect([batch.gap, dataIn(batch)]).toEqual([undefined, ['0', '1', '2', 'again']])
  })

  async function open(keys: string[], prefix = newPrefix(), bounds = {}) {
    const one: RedisJournalHarness = await openRedisJournal(redis, bounds, keys, prefix)
    if (keys.length > 0) await one.journal.read(keys, undefined, 1e6)
    return { one, prefix }
  }

  async function keysLike(prefix: string, part: string): Promise<string[]> {
    const all = (await redis.command('KEYS', `{${prefix}}*`)) as string[]
    return all.filter((name) => name.includes(part))
  }

  async function headOf(prefix: string) {
    const fields = (await redis.command('HMGET', `{${prefix}}:head`, 'events', 'bytes')) as string[]
    return { events: Number(fields[0]), bytes: Number(fields[1]) }
  }

  async function expectKept(
    prefix: string,
    kept: { records: number; lists: number; frames: number; events: number },
  ): Promise<void> {
    const [records] = await keysLike(prefix, ':records')
    const logs = await keysLike(prefix, ':log:')
    const lengths = await Promise.all(logs.map((name) => redis.command('LLEN', name)))
    expect({
      records: Number(await redis.command('ZCARD', records ?? '')),
      lists: (await keysLike(prefix, ':keyed:')).length,
      frames: lengths.reduce((sum: number, one) => sum + Number(one), 0),
      events: (await headOf(prefix)).events,
    }).toEqual(kept)
  }
})

describe.skipIf(REDIS_IS_MISSING)('retained events in Redis', () => {
  const redis = redisForSuite()

  test('are read by other hubs, and by one that was away meanwhile', async () => {
    const proxy = await openTcpProxy(redis.port)
    try {
      const prefix = newPrefix()
      const bounds = { maxAgeMs: 200 }
      const one = await openRedisJournal(redis, bounds, [BOB], prefix)
      const server = { ...redis, url: `redis://127.0.0.1:${proxy.port}` }
      const away = await openRedisJournal(server, bounds, [ALICE, NEWS], prefix)
      await away.journal.read([ALICE, NEWS], undefined, 1e6)
      const before = away.missed.length
      const head = away.journal.head().id
      proxy.cut()
      await away.disconnected()
      const { id } = await one.journal.append([ALICE, BOB], PRICE)
      // All records of that call are evicted before the hub returns.
      await one.advance(1_000)
      await one.journal.append(BOB, { data: 'x' })
      await one.journal.read([BOB], 'earliest', 1e6)
      proxy.redirect(redis.port)
      await away.connected()
      const affects = away.missed[before]
      expect([ALICE, NEWS].map((key) => affects?.(key))).toEqual([true, false])
      const { entries, gap } = await away.journal.read([ALICE, NEWS], head, 1e6)
      expect([entries.map((entry) => entry.id), gap]).toEqual([[id], undefined])
      const { retained } = await away.journal.read([ALICE], undefined, 1e6)
      expect(retained?.entries.map((entry) => entry.id)).toEqual([id])
    } finally {
      await proxy.close()
    }
  })

  test('keep older versions out for as long as there are any', async () => {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, {}, [], prefix)
    const format = () => redis.command('HGET', `{${prefix}}:head`, 'format')
    await one.journal.append(ALICE, { ...PRICE, retain: undefined })
    expect(await format()).toBeNull()
    await one.journal.append(ALICE, PRICE)
    expect(await format()).toBe('4')
    await one.journal.append(ALICE, { ...PRICE, retain: undefined, data: '' })
    await until('they are let in', async () => (await format()) !== '4')
    await until('without a trace', async () => (await format()) === null)
    expect(await keysLike(prefix, ':retained')).toEqual([])
  })

  test('have a time to live, which hubs renew', async () => {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, {}, [], prefix)
    await one.journal.append(ALICE, PRICE)
    const names = await keysLike(prefix, ':retained')
    expect(names).toHaveLength(3)
    for (const name of names) {
      expect(Number(await redis.command('PTTL', name))).toBeGreaterThan(86_400_000)
      await redis.command('PEXPIRE', name, '60000')
    }
    await until('renewed', async () => {
      const left = await Promise.all(names.map((name) => redis.command('PTTL', name)))
      return left.every((ms) => Number(ms) > 86_400_000)
    })
  })

  test('survive a change of the epoch', async () => {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, {}, [], prefix)
    const { id } = await one.journal.append(ALICE, PRICE)
    await redis.command('HSET', `{${prefix}}:head`, 'server', 'another')
    await one.disconnected()
    await one.connected()
    const { retained, end } = await one.journal.read([ALICE], undefined, 1e6)
    const [entry] = retained?.entries ?? []
    expect(entry?.sequence).toBe(Number(id.split('-')[1]))
    expect(entry?.id).not.toBe(id)
    expect(entry?.id.split('-')[0]).toBe(end.id.split('-')[0])
    expect((await one.journal.read([ALICE], 'gone-1', 1e6)).entries).toHaveLength(1)
  })

  async function keysLike(prefix: string, part: string): Promise<string[]> {
    const all = (await redis.command('KEYS', `{${prefix}}*`)) as string[]
    return all.filter((name) => name.includes(part))
  }
})
