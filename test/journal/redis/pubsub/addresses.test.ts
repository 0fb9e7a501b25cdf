/** A hub with too many addresses for a channel each listens to shared channels, and receives everything once. */
import { describe, expect, test } from 'vitest'
import { EVERYONE, topicKey } from '../../../../src/core/address.ts'
import { bucketOf } from '../../../../src/journal/redis/scripts/buckets.ts'
import { until } from '../../../support/eventually.ts'
import { REDIS_IS_MISSING } from '../../../support/redis.ts'
import {
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
    expect(big.deliveries.map(({ key }) => key)).toEqual(sent.filter((key) => key !== NEAR_FAR))
    expect(big.deliveries.map(({ entry }) => entry?.id)).toEqual(
      results.filter((_, i) => sent[i] !== NEAR_FAR).map(({ id }) => id),
    )
    expect(results[0]).toMatchObject({ instances: 2 })
    await other.delivered(3)
    expect(other.deliveries.map(({ key }) => key)).toEqual([FAR, FAR, FAR])
  })

  test('receives ephemeral events once', async () => {
    const { big, other } = await open()
    await until('the other hub knows', async () => {
      await other.journal.backplane?.relay?.(FAR, { data: 'early' })
      return big.deliveries.length > 0
    })
    const before = big.deliveries.length
    expect(await other.journal.backplane?.relay?.(FAR, { data: 'x' })).toEqual({ instances: 2 })
    await other.journal.backplane?.relay?.(NEWS, { data: 'y' })
    await other.journal.append(EVERYONE, { data: 'z' })
    await until('all came', () => big.deliveries.at(-1)?.key === EVERYONE)
    expect(big.deliveries.slice(before).map(({ key }) => key)).toEqual([FAR, NEWS, EVERYONE])
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
    expect(big.deliveries.map(({ key }) => key)).toEqual([EVERYONE])
  })

  test('is told what it missed during a cut, and receives what is published afterwards', async () => {
    const proxy = await openTcpProxy(redis.port)
    try {
      const { big, other } = await open(`redis://127.0.0.1:${proxy.port}`)
      const before = big.missed.length
      proxy.cut()
      await big.disconnected()
      await other.journal.append(FAR, { data: 'x' })
      proxy.redirect(redis.port)
      await big.connected()
      const affects = big.missed[before]
      expect([FAR, NEAR_FAR, NEWS].map((key) => affects?.(key))).toEqual([true, false, false])
      await other.journal.append(FAR, { data: 'y' })
      await big.delivered(1)
    } finally {
      await proxy.close()
    }
  })

  test('reads what was missed when Redis did not know that buckets are used', async () => {
    const { big, other, name } = await open()
    const missedBefore = big.missed.length
    await redis.command('HDEL', name('head'), 'bucketsUntil')
    await other.journal.append(FAR, { data: 'x' })
    await until('the event is reported', () =>
      big.missed.slice(missedBefore).some((affects) => affects(FAR)),
    )
    await big.connected()
    await other.journal.append(FAR, { data: 'y' })
    await until('it came', () => big.deliveries.some(({ key }) => key === FAR))
  })

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
