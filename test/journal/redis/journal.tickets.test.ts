/** Tickets whose use Redis has forgotten: a replica that takes over, and a flush. */
import { afterEach, describe, expect, test } from 'vitest'
import { epochOf } from '../../../src/core/cursor.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { type AuthHarness, createAuthHarness, statusOf } from '../../support/auth-harness.ts'
import { until } from '../../support/eventually.ts'
import { startRedisPair } from '../../support/failover.ts'
import { readEvents } from '../../support/reader.ts'
import { REDIS_IS_MISSING, startRedis } from '../../support/redis.ts'
import { newPrefix } from '../../support/redis-journals.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface GuardedOnRedis extends AuthHarness {
  /** Resolves once the hub is ready in another epoch than at its start. */
  inNewEpoch(): Promise<void>
}

async function open(url: string, prefix: string): Promise<GuardedOnRedis> {
  const journal = createRedisJournal({ url, prefix })
  const set = createAuthHarness({ journal })
  ends.push(() => journal.close())
  await until('the journal is ready', () => journal.ready === true)
  const first = epochOf(journal.head())
  const isInNewEpoch = () => journal.ready === true && epochOf(journal.head()) !== first
  return { ...set, inNewEpoch: () => until('the epoch is another', isInNewEpoch) }
}

const pathOf = async (set: AuthHarness) => `/sse?ticket=${await set.ticket({ client: 'alice' })}`

describe.skipIf(REDIS_IS_MISSING)('a used ticket', () => {
  test('is refused by a replica that took over without the record of its use, and a new one is accepted', async () => {
    const pair = await startRedisPair()
    ends.push(() => pair.close())
    const prefix = newPrefix()
    const [one, other] = [await open(pair.url, prefix), await open(pair.url, prefix)]
    const path = await pathOf(one)
    const kept = await pathOf(one)
    expect(await statusOf(other.request(kept))).toBe(200)
    await pair.caughtUp()
    pair.fallBehind()
    expect(await statusOf(other.request(path))).toBe(200)
    await pair.failOver()
    for (const { inNewEpoch } of [one, other]) await inNewEpoch()
    const statuses = [path, kept].map((used) => statusOf(one.request(used)))
    expect(await Promise.all(statuses)).toEqual([401, 401])
    expect(await statusOf(other.request(await pathOf(one)))).toBe(200)
  })

  test('is not accepted by a Redis that has just been flushed', async () => {
    const redis = await startRedis()
    ends.push(() => redis.close())
    const set = await open(redis.url, newPrefix())
    const path = await pathOf(set)
    expect(await statusOf(set.request(path))).toBe(200)
    await redis.command('FLUSHALL')
    // The hub has not noticed yet. Its answer is a stream that ends, so that the page retries.
    const reader = readEvents(
      await set.request(path, undefined, { headers: { 'User-Agent': 'other' } }),
    )
    // A refusal is held for a second.
    await set.clock.advance(1_000)
    expect(await reader.next()).toMatchObject({
      event: 'hub:bye',
      data: '{"reason":"at-capacity"}',
    })
    await set.inNewEpoch()
    expect(await statusOf(set.request(path))).toBe(401)
    expect(await statusOf(set.request(await pathOf(set)))).toBe(200)
  })
})
