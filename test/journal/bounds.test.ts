/** A Redis that takes no writes for now is no lost Redis: what is kept is read, pruned, and told to be there. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clientKey } from '../../src/hub/address.ts'
import { createRedisJournal } from '../../src/journal/redis.ts'
import { manualClock } from '../support/clock.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../support/redis.ts'
import { closeAll, newPrefix, openStand, until } from './stand.ts'

const ALICE = clientKey('alice')

describe.skipIf(REDIS_IS_MISSING)('a journal in a Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    await closeAll()
  })
  afterAll(() => redis.close())

  test('without memory to spare is read, and gives up what is too old', async () => {
    const prefix = newPrefix()
    const stand = await openStand(redis, { maxAgeMs: 1_000 }, [ALICE], prefix)
    const { id } = await stand.journal.append(ALICE, { data: 'a' })
    await stand.journal.append(ALICE, { data: 'b' })
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    await expect(stand.journal.append(ALICE, { data: 'x' })).rejects.toMatchObject({
      code: 'journal-unavailable',
      message: expect.stringMatching(/^The journal refused \(OOM /),
    })
    expect((await stand.journal.read([ALICE], id, 1_000)).entries).toHaveLength(1)
    await stand.pass(1_001)
    expect(await stand.journal.read([ALICE], id, 1_000)).toMatchObject({
      entries: [],
      gap: 'evicted',
    })
    const [order = ''] = (await redis.command('KEYS', `{${prefix}}:*:order`)) as string[]
    expect(await redis.command('XLEN', order), 'its memory is free again').toBe(0)
  })

  test('that misses its replicas is alive, however long that takes', async () => {
    const clock = manualClock()
    const journal = createRedisJournal({ url: redis.url, prefix: newPrefix(), clock })
    journal.open(() => {})
    await until('the journal is ready', () => journal.ready === true)
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    const refused = expect(journal.append(ALICE, { data: 'x' })).rejects.toThrow(/NOREPLICAS/)
    await clock.settle()
    await refused
    for (let seconds = 0; seconds < 20; seconds += 2) {
      await clock.advance(2_000)
      // Behind the probe on the same connection.
      await journal.read([ALICE], undefined, 1_000)
      expect(journal.ready).toBe(true)
    }
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    const taken = journal.append(ALICE, { data: 'b' })
    await clock.settle()
    await taken
    await journal.close()
  })
})
