/** A hub that connects reads all stored control requests, however many there are, in parts of limited size. */
import { describe, expect, test } from 'vitest'
import {
  readStoredRequests,
  type StoredRequest,
} from '../../../../src/journal/redis/control/stored-requests.ts'
import { STORED_REQUESTS } from '../../../../src/journal/redis/scripts/membership.ts'
import { REDIS_IS_MISSING } from '../../../support/redis.ts'
import { newPrefix, openRedisJournal, redisForSuite } from '../../../support/redis-journals.ts'

describe.skipIf(REDIS_IS_MISSING)('stored control requests', () => {
  const redis = redisForSuite()

  /** Stores numbered requests. @param perMs - how many expire in the same millisecond */
  async function store(key: string, count: number, size: number, perMs: number): Promise<void> {
    const text = `local time = redis.call('TIME')
      for i = 1, ARGV[1] do
        local request = string.format('{"number":%d,"text":"%s"}', i, string.rep('x', ARGV[2]))
        redis.call('ZADD', KEYS[1], time[1] * 1000 + 600000 + math.floor(i / ARGV[3]), request)
      end
      redis.call('ZADD', KEYS[1], 1, '{"number":0}')`
    await redis.command('EVAL', text, '1', key, `${count}`, `${size}`, `${perMs}`)
  }

  const numberIn = ({ text }: StoredRequest) => (JSON.parse(text) as { number: number }).number

  test.each([
    ['many', 20_000, 10, 1, 5_000, 500_000],
    ['many that expire at once', 20_000, 10, 8_000, 5_000, 500_000],
    ['large', 100, 100_000, 1, 11, 1_200_000],
  ])('are read in parts: %s', async (_, count, size, perMs, maxRows, maxBytes) => {
    const key = newPrefix()
    await store(key, count, size, perMs)
    const stored: StoredRequest[] = []
    const parts: (readonly unknown[])[] = []
    let progress = 0
    const run = async (args: readonly string[]) => {
      const reply = await redis.command('EVAL', STORED_REQUESTS.text, '1', key, ...args)
      parts.push(reply as unknown[])
      return reply
    }
    await readStoredRequests(
      run,
      (one) => void stored.push(one),
      () => {
        progress += 1
      },
    )
    expect(stored.map(numberIn).sort((one, other) => one - other)).toEqual(
      Array.from({ length: count }, (_, i) => i + 1),
    )
    expect(progress).toBe(parts.length - 1)
    for (const part of parts) {
      expect(part.length).toBeLessThanOrEqual(1 + 2 * maxRows)
      expect(part.join('').length).toBeLessThanOrEqual(maxBytes)
    }
    for (const { remainingMs } of stored) {
      expect(remainingMs).toBeGreaterThan(500_000)
      expect(remainingMs).toBeLessThanOrEqual(600_000 + count)
    }
  })

  test('are read on when the last one of a part was removed or stored again meanwhile', async () => {
    for (const change of ['ZREM', 'ZADD']) {
      const key = newPrefix()
      await store(key, 11_000, 1, 500)
      const numbers = new Set<number>()
      const run = (args: readonly string[]) =>
        redis.command('EVAL', STORED_REQUESTS.text, '1', key, ...args)
      await readStoredRequests(
        async (args) => {
          const [last = ''] = args
          if (numbers.size === 5_000) {
            const score = `${Date.now() + 900_000}`
            await redis.command(change, key, ...(change === 'ZADD' ? [score, last] : [last]))
          }
          return await run(args)
        },
        (one) => void numbers.add(numberIn(one)),
        () => {},
      )
      expect(numbers.size).toBe(11_000)
    }
  })

  test('reach a hub before it is ready', async () => {
    const prefix = newPrefix()
    await store(`{${prefix}}:requests`, 6_000, 1, 1)
    const { requests } = await openRedisJournal(redis, {}, [], prefix)
    expect(requests).toHaveLength(6_000)
  })
})
