/** Events with a key at patterns in Redis: what is left of them there, and the format of the journal. */
import { describe, expect, test } from 'vitest'
import { addressKeys } from '../../../src/core/address.ts'
import type { HubEvent } from '../../../src/core/event.ts'
import { until } from '../../support/eventually.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import { newPrefix, openRedisJournal, redisForSuite } from '../../support/redis-journals.ts'

const PATTERN = 'p:a/*'
const TOKEN: HubEvent = { key: 'k', data: 'x' }
const PRICE: HubEvent = { key: 'k', replace: true, retain: true, data: '1' }

describe.skipIf(REDIS_IS_MISSING)('events with a key at patterns in Redis', () => {
  const redis = redisForSuite()

  test('leave nothing in the lists of their keys once they were evicted', async () => {
    const { append, lists } = await open()
    for (let n = 0; n < 20; n++) await append(['a/1', 'a/2'], TOKEN)
    expect(await lists()).toEqual(['t:a/1 k', 't:a/2 k'])
    for (let n = 0; n < 20; n++) await append(['a/1'], { ...TOKEN, key: `${n % 2}` })
    expect((await lists()).filter((name) => name.startsWith(`${PATTERN} `))).toEqual([
      `${PATTERN} a/1 0`,
      `${PATTERN} a/1 1`,
    ])
    for (let n = 0; n < 20; n++) await append(['a/1', 'a/2'], { data: 'plain' })
    expect(await lists()).toEqual([])
  })

  test('take as many bytes as before once they were superseded', async () => {
    const { append, head } = await open()
    const bytes: number[] = []
    for (let n = 0; n < 12; n++) {
      await append(['a/1'], { key: 'k', replace: true, data: 'x' })
      bytes.push(Number(await head('bytes')))
    }
    expect(Math.max(...bytes) - Math.min(...bytes)).toBeLessThan(20)
    expect(await head('events')).toBe('3')
  })

  test('are delivered to those who listen to the topic or a pattern', async () => {
    const { append, journal, deliveries } = await open([PATTERN, 't:a/2'])
    const ids = [await append(['a/1'], TOKEN), await append(['a/2'], PRICE)]
    ids.push(await append(['a/1', 'a/2'], PRICE))
    const at = (key: string) => {
      const own = deliveries.filter(({ keys }) => [keys].flat().includes(key))
      return own.map(({ entry }) => entry?.id)
    }
    await until('delivered', () => at(PATTERN).length === 3)
    expect(at(PATTERN)).toEqual(ids)
    expect(at('t:a/2')).toEqual(ids.slice(1))
    expect(journal.head().id).toBe(ids[2])
  })

  test('leave the format of patterns when none is retained any longer', async () => {
    const { append, head } = await open()
    expect(await head('format')).toBe('3')
    await append(['a/1'], PRICE)
    expect(await head('format')).toBe('4')
    await append(['a/1'], { ...PRICE, retain: undefined, data: '' })
    await until('older versions are let in', async () => (await head('format')) === '3')
  })

  async function open(subscribed: readonly string[] = []) {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, { maxEvents: 8 }, subscribed, prefix)
    await one.journal.read([PATTERN], undefined, 1e6)
    return {
      ...one,
      append: async (topics: readonly string[], event: HubEvent) => {
        const keys = addressKeys(topics.map((topic) => ({ topic })))
        const topic = topics.length === 1 ? topics[0] : undefined
        return (await one.journal.append(keys, { ...event, topic })).id
      },
      head: (field: string) => redis.command('HGET', `{${prefix}}:head`, field),
      /** The addresses and names that have a list. */
      lists: async () => {
        const all = (await redis.command('KEYS', `{${prefix}}*`)) as string[]
        const found = all.flatMap((name) => /:keyed:(.*)$/s.exec(name)?.[1] ?? [])
        return found.map((name) => name.replaceAll('\n', ' ')).toSorted()
      },
    }
  }
})
