/** Events with a key in Redis: how many there are at most, how long they stay, and how long one call takes. */
import { describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { until } from '../../support/eventually.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import { dataIn, newPrefix, openRedisJournal, redisForSuite } from '../../support/redis-journals.ts'

const ALICE = clientKey('alice')

describe.skipIf(REDIS_IS_MISSING)('the bounds of events with a key in Redis', () => {
  const redis = redisForSuite()

  test('a log lives on in which each event is replaced by the next', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    const put = (key: string, data: string) => {
      return journal.append(ALICE, { key, replace: true, data })
    }
    await put('a', '1')
    const { id } = await put('b', '1')
    const [log = ''] = await keysLike(prefix, ':log:')
    await redis.command('PEXPIRE', log, '50000')
    await put('a', '2')
    expect(Number(await redis.command('PTTL', log))).toBeGreaterThan(60_000)
    await put('b', '2')
    expect(dataIn(await journal.read([ALICE], id, 1e6))).toEqual(['2', '2'])
  })

  test('an address has no more events than others if calls end with one that is retained', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, { maxEvents: 10 }, [], prefix)
    for (let n = 0; n < 30; n++) {
      await Promise.all([
        journal.append(ALICE, { key: 'log', data: `${n}` }),
        journal.append(ALICE, { key: 'state', replace: true, retain: true, data: `${n}` }),
      ])
    }
    const [log = ''] = await keysLike(prefix, ':log:')
    expect(Number(await redis.command('LLEN', log))).toBe(10)
  })

  test('more retained events than one call evicts are evicted soon after', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    const retain = (key: string) => {
      return journal.append(ALICE, { key, replace: true, retain: true, data: key })
    }
    for (let n = 0; n < 10_500; n += 500) {
      await Promise.all(Array.from({ length: 500 }, (_, k) => retain(`${n + k}`)))
    }
    await journal.close()
    const bounds = { maxRetainedBytes: 10_000 }
    const { journal: other } = await openRedisJournal(redis, bounds, [], prefix)
    const { id } = await other.append(ALICE, { key: 'new', replace: true, retain: true, data: '' })
    await until('evicted', () => (other.stats?.retained?.bytes ?? 10_001) <= 10_000)
    const { entries } = (await other.retained?.([ALICE], 0, 1e6)) ?? { entries: [] }
    expect(entries.at(-1)?.id).toBe(id)
    const evicted = await redis.command('HGET', `{${prefix}}:head`, 'retainedEvicted')
    expect(Number(evicted) + entries.length).toBe(10_501)
    expect((await other.read([ALICE], id.replace(/-.*/, '-1'), 1e6)).gap).toBe('evicted')
  })

  test('a retained event takes nothing of what bounds the others', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    for (const data of ['1', '2', '3']) {
      await journal.append(ALICE, { key: 'state', replace: true, retain: true, data })
    }
    const stored = async () => [
      (await keysLike(prefix, ':records')).length,
      await redis.command('HGET', `{${prefix}}:head`, 'bytes'),
    ]
    expect(await stored()).toEqual([0, '0'])
    await journal.append(ALICE, { key: 'state', replace: true, data: '' })
    expect(await stored()).toEqual([1, expect.stringMatching(/^[1-9]/)])
  })

  test('the lists of keys outlive the logs, also if these live longer from now on', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    await journal.append(ALICE, { key: 'answer', data: 'token' })
    const [list = ''] = await keysLike(prefix, ':keyed:')
    expect(Number(await redis.command('PTTL', list))).toBeGreaterThan(86_400_000)
  })

  async function keysLike(prefix: string, part: string): Promise<string[]> {
    const all = (await redis.command('KEYS', `{${prefix}}*`)) as string[]
    return all.filter((name) => name.includes(part))
  }
})
