/** A hub with too many addresses for a channel each listens to shared channels, and receives everything once. */
import { describe, expect, test } from 'vitest'
import { EVERYONE, topicKey } from '../../../../src/core/address.ts'
import type { ReplayBatch } from '../../../../src/journal/journal.ts'
import { bucketOf } from '../../../../src/journal/redis/scripts/buckets.ts'
import { until } from '../../../support/eventually.ts'
import { REDIS_IS_MISSING } from '../../../support/redis.ts'
import {
  appendAll,
  dataIn,
  newPrefix,
  openRedisJournal,
  type RedisJournalHarness,
  redisForSuite,
} from '../../../support/redis-journals.ts'
import { openTcpProxy } from '../../../support/tcp-proxy.ts'

/** Addresses with a channel of their own. */
const MAX_EXACT = 65_536
const NEWS = topicKey('news')
/** An address in a bucket, and another one in the same bucket. */
const FAR = topicKey('été')
const NEAR_FAR = sameBucketAs(FAR)
const LATER = topicKey('later')
/** An address with a channel of its own, and one that shares its bucket. */
const NEAR_NEWS = sameBucketAs(NEWS)

describe.skipIf(REDIS_IS_MISSING)('a hub with too many addresses', () => {
  const redis = redisForSuite()

  test('receives each event of its addresses once, whether or not they share a channel', async () => {
    const { big, other, name } = await open()
    expect(await redis.command('PUBSUB', 'NUMSUB', name(`address:${FAR}`))).toEqual([
      name(`address:${FAR}`),
      1,
    ])
    const sent = [FAR, NEWS, NEAR_FAR, NEAR_NEWS, EVERYONE, FAR, FAR]
    const results = await Promise.all(sent.map((key) => other.journal.append(key, { data: key })))
    await big.delivered(6)
    // Nothing for the address that only shares a bucket.
    expect(big.deliveries.map(({ keys }) => keys)).toEqual(sent.filter((key) => key !== NEAR_FAR))
    expect(big.deliveries.map(({ entry }) => entry?.id)).toEqual(
      results.filter((_, i) => sent[i] !== NEAR_FAR).map(({ id }) => id),
    )
    expect(results[0]).toMatchObject({ instances: 2 })
    await other.delivered(3)
    expect(other.deliveries.map(({ keys }) => keys)).toEqual([FAR, FAR, FAR])
  })

  test('receives ephemeral events once, from the first reading on', async () => {
    const { big, other } = await open()
    expect(await other.journal.backplane?.relay?.(FAR, { data: 'x' })).toEqual({ instances: 2 })
    await other.journal.backplane?.relay?.(NEWS, { data: 'y' })
    await other.journal.append(EVERYONE, { data: 'z' })
    await big.delivered(3)
    expect(big.deliveries.map(({ keys }) => keys)).toEqual([FAR, NEWS, EVERYONE])
  })

  test('receives nothing for a shared address that it has left', async () => {
    const { big, other, name } = await open()
    big.journal.backplane?.unsubscribe?.(FAR)
    const bucket = name(`bucket:${bucketOf(FAR)}`)
    await until('it is unsubscribed', async () => {
      const [, count] = (await redis.command('PUBSUB', 'NUMSUB', bucket)) as [string, number]
      return count === 0
    })
    await other.journal.append(FAR, { data: 'x' })
    await other.journal.append(EVERYONE, { data: 'y' })
    await big.delivered(1)
    expect(big.deliveries.map(({ keys }) => keys)).toEqual([EVERYONE])
  })

  test('receives what it missed during a cut, and what is published afterwards', async () => {
    const proxy = await openTcpProxy(redis.port)
    try {
      const { big, other } = await open(`redis://127.0.0.1:${proxy.port}`)
      const before = big.missed.length
      proxy.cut()
      await big.disconnected()
      await appendAll(other, FAR, 'missed')
      await appendAll(other, LATER, 'stored')
      // This address gets its listener during the cut.
      big.journal.backplane?.subscribe?.(LATER)
      const reading = big.journal.read([LATER], 'earliest', 1_000)
      proxy.redirect(redis.port)
      await big.connected()
      const affects = big.missed[before]
      expect([FAR, NEAR_FAR, NEWS].map((key) => affects?.(key))).toEqual([true, false, false])
      expect(dataIn(await reading)).toEqual(['stored'])
      await appendAll(other, FAR, 'a')
      await appendAll(other, LATER, 'b')
      await big.delivered(2)
      expect(big.deliveries.map(({ keys }) => keys)).toEqual([FAR, LATER])
    } finally {
      await proxy.close()
    }
  })

  test('comes back to a Redis without free memory', async () => {
    const proxy = await openTcpProxy(redis.port)
    try {
      const { big, name } = await open(`redis://127.0.0.1:${proxy.port}`)
      await redis.command('CONFIG', 'SET', 'maxmemory', '1')
      proxy.cut()
      await big.disconnected()
      await until('the other hub has ended the use of shared channels', async () => {
        return (await redis.command('HGET', name('head'), 'format')) === null
      })
      proxy.redirect(redis.port)
      await big.connected()
      expect(await redis.command('HGET', name('head'), 'format')).toBe('2')
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0')
      await proxy.close()
    }
  })

  test('comes back to a Redis that refuses writes, and misses nothing once it accepts them', async () => {
    const proxy = await openTcpProxy(redis.port)
    try {
      const { big, other, name } = await open(`redis://127.0.0.1:${proxy.port}`)
      const { id } = await other.journal.append(EVERYONE, { data: 'before' })
      await big.delivered(1)
      proxy.cut()
      await big.disconnected()
      await until('the other hub has ended the use of shared channels', async () => {
        return (await redis.command('HGET', name('head'), 'format')) === null
      })
      await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
      proxy.redirect(redis.port)
      await big.connected()
      // Until all hubs publish to shared channels, only addresses with one of their own can be read.
      expect([FAR, NEWS].map((key) => big.missed.at(-1)?.(key))).toEqual([true, true])
      expect(dataIn(await big.journal.read([NEWS], id, 1_000))).toEqual([])
      await expect(big.journal.read([FAR], id, 1_000)).rejects.toThrow(/NOREPLICAS/)
      await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
      await appendAll(other, FAR, 'stored')
      expect(dataIn(await big.journal.read([FAR], id, 1_000))).toEqual(['stored'])
      const delivered = big.deliveries.length
      await appendAll(other, FAR, 'live')
      await big.delivered(delivered + 1)
    } finally {
      await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
      await proxy.close()
    }
  })

  test('receives what is published after Redis has lost all its data', async () => {
    const { big, other, name } = await open()
    await redis.command('FLUSHALL')
    await until('both hubs have noticed', async () => {
      const epoch = await redis.command('HGET', name('head'), 'epoch')
      const [one, another] = [big, other].map(({ journal }) => journal.head().id.split('-')[0])
      return epoch === one && epoch === another && big.journal.ready === true
    })
    await appendAll(other, FAR, 'x')
    await big.delivered(1)
  })

  test('makes older versions refuse the journal for as long as it listens to buckets', async () => {
    const { big, name } = await open()
    const format = () => redis.command('HGET', name('head'), 'format')
    expect(await format()).toBe('2')
    big.journal.backplane?.unsubscribe?.(FAR)
    big.journal.backplane?.unsubscribe?.(NEAR_NEWS)
    await until('older versions may come back', async () => (await format()) === null)
    big.journal.backplane?.subscribe?.(FAR)
    await confirmed(big, [FAR])
    expect(await format()).toBe('2')
  })

  test('misses nothing at addresses that come and go while events are published', async () => {
    const { big, other, name } = await open()
    const keys = Array.from({ length: 10 }, (_, i) => topicKey(`far-${i}`))
    let leaving = [FAR, NEAR_NEWS]
    for (let term = 0; term < 2; term++) {
      for (const key of leaving) big.journal.backplane?.unsubscribe?.(key)
      leaving = keys
      await until('no hub listens to buckets', async () => {
        return (await redis.command('HGET', name('head'), 'format')) === null
      })
      const start = await other.journal.append(EVERYONE, { data: 'start' })
      const before = big.deliveries.length
      const { stop, sequences } = publishInTurn(other, keys)
      for (const key of keys) big.journal.backplane?.subscribe?.(key)
      const batches = await Promise.all(
        keys.map((key) => big.journal.read([key], start.id, 10_000_000)),
      )
      await big.delivered(big.deliveries.length + 100)
      stop()
      const published = await sequences
      const last = await other.journal.append(EVERYONE, { data: 'last' })
      await until('all came', () => big.journal.head().sequence >= last.sequence)
      for (const [index, key] of keys.entries()) {
        const { entries, end } = batches[index] as ReplayBatch
        const live = big.deliveries.slice(before).flatMap((event) => {
          return event.keys === key && event.entry ? [event.entry.sequence] : []
        })
        const seen = [
          ...entries.map(({ sequence }) => sequence),
          ...live.filter((sequence) => sequence > end.sequence),
        ]
        expect(seen).toEqual(published.get(key))
      }
    }
  })

  /** Publishes at one address after another until `stop` is called. */
  function publishInTurn({ journal }: RedisJournalHarness, keys: readonly string[]) {
    let stopped = false
    const stop = () => {
      stopped = true
    }
    const publish = async () => {
      const sequences = new Map(keys.map((key): [string, number[]] => [key, []]))
      while (!stopped) {
        for (const [key, published] of sequences) {
          published.push((await journal.append(key, { data: 'x' })).sequence)
        }
      }
      return sequences
    }
    return { stop, sequences: publish() }
  }

  /** A hub with as many addresses as have channels, and one more; and another hub. */
  async function open(url = redis.url) {
    const prefix = newPrefix()
    const big = await openRedisJournal({ ...redis, url }, {}, [EVERYONE, NEWS], prefix)
    for (let i = 2; i < MAX_EXACT; i++) big.journal.backplane?.subscribe?.(topicKey(`exact-${i}`))
    big.journal.backplane?.subscribe?.(FAR)
    big.journal.backplane?.subscribe?.(NEAR_NEWS)
    const other = await openRedisJournal(redis, {}, [FAR], prefix)
    await confirmed(big, [FAR, NEAR_NEWS])
    await confirmed(other, [FAR])
    return { big, other, name: (text: string) => `{${prefix}}:${text}` }
  }

  async function confirmed({ journal }: RedisJournalHarness, keys: readonly string[]) {
    await journal.read(keys, undefined, 1_000)
  }
})

/** Another address in the same bucket. */
function sameBucketAs(key: string): string {
  for (let i = 0; ; i++) {
    const other = topicKey(`other-${i}`)
    if (bucketOf(other) === bucketOf(key)) return other
  }
}
