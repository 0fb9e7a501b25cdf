/** Events for several addresses in Redis: what hubs receive and miss of them, also beside a hub of an older version. */
import { createClient } from '@redis/client'
import { describe, expect, test } from 'vitest'
import { clientKey, EVERYONE, topicKey } from '../../../src/core/address.ts'
import { bucketOf, MARKER } from '../../../src/journal/redis/scripts/buckets.ts'
import { until } from '../../support/eventually.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import {
  newPrefix,
  openRedisJournal,
  type RedisJournalHarness,
  redisForSuite,
} from '../../support/redis-journals.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')
const SPORT = topicKey('sport')

describe.skipIf(REDIS_IS_MISSING)('an event for several addresses in Redis', () => {
  const redis = redisForSuite()

  test('reaches each hub once, with the keys that it listens to, in the order of all events', async () => {
    const { one, other, open } = await pair([ALICE, NEWS], [NEWS, BOB])
    const none = await open([SPORT])
    const results = await Promise.all(
      [ALICE, [ALICE, NEWS, BOB], NEWS, [BOB, SPORT], [SPORT, EVERYONE]].map((keys) =>
        none.journal.append(keys, { data: 'x' }),
      ),
    )
    const [a, b, c, d, e] = results.map(({ id }) => id)
    await until('all arrive', () => one.deliveries.length + other.deliveries.length === 6)
    await none.delivered(2)
    expect(received(one)).toEqual([
      [ALICE, a],
      [[ALICE, NEWS], b],
      [NEWS, c],
    ])
    expect(received(other)).toEqual([
      [[NEWS, BOB], b],
      [NEWS, c],
      [[BOB], d],
    ])
    expect(received(none)).toEqual([
      [[SPORT], d],
      [[SPORT], e],
    ])
    // At least: two hubs listen to an address of the fourth, but only one to each.
    expect(results.map(({ instances }) => instances)).toEqual([1, 2, 2, 1, 1])
    const relayed = one.journal.backplane?.relay?.([ALICE, BOB, NEWS], { data: 'x' })
    expect(await relayed).toEqual({ instances: 2 })
    expect(await one.journal.append(['t:a', 't:b'], { data: 'x' })).toMatchObject({ instances: 0 })
  })

  test('is missed at each of its addresses by a hub that was away, and read once', async () => {
    const proxy = await openTcpProxy(redis.port)
    try {
      const { one: other, prefix } = await pair([BOB], [SPORT])
      const server = { ...redis, url: `redis://127.0.0.1:${proxy.port}` }
      const away = await openRedisJournal(server, {}, [ALICE, NEWS, SPORT], prefix)
      await away.journal.read([ALICE, NEWS, SPORT], undefined, 1e6)
      const before = away.missed.length
      const head = away.journal.head().id
      proxy.cut()
      await away.disconnected()
      const ids: string[] = []
      for (const keys of [[ALICE, NEWS], NEWS, [BOB, ALICE]]) {
        ids.push((await other.journal.append(keys, { data: 'x' })).id)
      }
      proxy.redirect(redis.port)
      await away.connected()
      const affects = away.missed[before]
      expect([ALICE, NEWS, SPORT].map((key) => affects?.(key))).toEqual([true, true, false])
      const { entries, gap } = await away.journal.read([ALICE, NEWS, SPORT], head, 1e6)
      expect([entries.map(({ id }) => id), gap]).toEqual([ids, undefined])
    } finally {
      await proxy.close()
    }
  })

  test('is delivered after messages on its channel that can’t be used', async () => {
    const { one, other, prefix } = await pair([ALICE], [BOB])
    for (const junk of ['', 'junk', `${ALICE}\n`, `${ALICE}\n\njunk`, `${ALICE}\n\nid: x\n\n`]) {
      await redis.command('PUBLISH', `{${prefix}}:several`, junk)
    }
    const { id } = await other.journal.append([ALICE, BOB], { data: 'x' })
    await one.delivered(1)
    expect(received(one)).toEqual([[[ALICE], id]])
    expect(one.journal.stats?.ignored).toBe(1)
  })

  test('is refused beside a hub that would lose it, which fails no other event', async () => {
    const { one, other, prefix } = await pair([ALICE, NEWS], [BOB])
    const channel = `{${prefix}}:instances`
    // As a hub of a version without the channel of several addresses.
    const older = createClient({ url: redis.url })
    await older.connect()
    try {
      await older.subscribe(channel, () => {})
      const [single, several, relayed] = await Promise.allSettled([
        one.journal.append(ALICE, { data: '1' }),
        one.journal.append([ALICE, BOB], { data: '2' }),
        one.journal.backplane?.relay?.([ALICE, BOB], { data: '3' }),
      ])
      expect(single.status).toBe('fulfilled')
      for (const refused of [several, relayed]) {
        expect(refused).toMatchObject({
          reason: {
            code: 'journal-unavailable',
            message: expect.stringMatching(/an older version .* publish to one address at a time/),
          },
        })
      }
      await one.delivered(1)
      const { entries } = await one.journal.read([ALICE, BOB], 'earliest', 1e6)
      expect([entries.length, other.deliveries.length]).toEqual([1, 0])
      await older.unsubscribe(channel)
      await one.journal.append([ALICE, BOB], { data: '4' })
      await other.delivered(1)
    } finally {
      older.destroy()
    }
  })

  test('is found at its addresses by a hub with too many of them for a channel each', async () => {
    const { one, other, prefix } = await pair([ALICE], [NEWS])
    const bucket = `{${prefix}}:bucket:${bucketOf(BOB)}`
    const big = createClient({ url: redis.url })
    await big.connect()
    try {
      await big.subscribe([`{${prefix}}${MARKER}`, bucket], () => {})
      await redis.command('HSET', `{${prefix}}:head`, 'format', '2')
      expect(await one.journal.append([BOB, SPORT], { data: 'x' })).toMatchObject({ instances: 1 })
      expect(await one.journal.append([SPORT, ALICE, NEWS], { data: 'x' })).toMatchObject({
        instances: 1,
      })
      await other.delivered(1)
    } finally {
      big.destroy()
    }
  })

  test('is stored, delivered and evicted with a thousand addresses as with one', async () => {
    const keys = Array.from({ length: 1_000 }, (_, n) => clientKey(`client-${n}`))
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, { maxEvents: 16, maxBytes: 4_000_000 }, keys, prefix)
    const { end } = await one.journal.read(keys.slice(0, 10), undefined, 1e6)
    const results = await Promise.all(
      Array.from({ length: 40 }, (_, n) => one.journal.append(keys, { data: `${n}` })),
    )
    await one.delivered(40)
    expect(received(one)).toEqual(results.map(({ id }) => [keys, id]))
    const { entries, gap } = await one.journal.read(keys.slice(0, 50), end.id, 1e6)
    const kept = entries.map(({ id }) => id)
    expect(gap).toBe('evicted')
    expect(kept.length).toBeGreaterThan(5)
    expect(kept.length).toBeLessThanOrEqual(17)
    expect(kept).toEqual(results.map(({ id }) => id).slice(-kept.length))
    const [bytes] = (await redis.command('HMGET', `{${prefix}}:head`, 'bytes')) as [string]
    expect(Number(bytes)).toBeLessThanOrEqual(4_000_000 * (1 + 1 / 16))
  })

  async function pair(first: readonly string[], second: readonly string[]) {
    const prefix = newPrefix()
    const open = (keys: readonly string[]) => openRedisJournal(redis, {}, keys, prefix)
    const [one, other] = [await open(first), await open(second)]
    await Promise.all([
      one.journal.read(first, undefined, 1e6),
      other.journal.read(second, undefined, 1e6),
    ])
    return { one, other, prefix, open }
  }

  function received({ deliveries }: RedisJournalHarness) {
    return deliveries.map(({ keys, entry }) => [keys, entry?.id])
  }
})
