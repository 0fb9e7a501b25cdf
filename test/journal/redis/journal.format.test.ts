/** A journal in a format that this version does not know: refused as a whole, at once and for as long as it stays. */
import { describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import { newPrefix, openRedisJournal, redisForSuite } from '../../support/redis-journals.ts'

const ALICE = clientKey('alice')

describe.skipIf(REDIS_IS_MISSING)('a journal in Redis', () => {
  const redis = redisForSuite()

  test('that a newer version has changed is refused until its format is known again', async () => {
    const prefix = newPrefix()
    const { journal, connected, disconnected } = await openRedisJournal(redis, {}, [ALICE], prefix)
    await journal.append(ALICE, { data: 'a' })
    await redis.command('HSET', `{${prefix}}:head`, 'format', '5')
    await expect(journal.append(ALICE, { data: 'b' })).rejects.toMatchObject({
      code: 'journal-unavailable',
      message: expect.stringMatching(/FORMAT .* format 5, .* up to 4/),
    })
    await disconnected()
    const head = await redis.command('HGETALL', `{${prefix}}:head`)
    await expect(journal.append(ALICE, { data: 'b' })).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    expect(await redis.command('HGETALL', `{${prefix}}:head`)).toEqual(head)
    await redis.command('HDEL', `{${prefix}}:head`, 'format')
    await connected()
    expect((await journal.read([ALICE], 'earliest', 1_000)).entries).toHaveLength(1)
  })

  test('is also refused by a hub that only listens', async () => {
    const prefix = newPrefix()
    const { disconnected } = await openRedisJournal(redis, {}, [ALICE], prefix)
    await redis.command('HSET', `{${prefix}}:head`, 'format', '5')
    await disconnected()
  })
})
