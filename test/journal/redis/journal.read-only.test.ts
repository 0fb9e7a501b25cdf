/** A Redis that refuses writes for now is not lost: the journal is read, pruned, and reported as up. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { manualClock } from '../../support/clock.ts'
import { until } from '../../support/eventually.ts'
import { recordingHandler } from '../../support/journal-handler.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { closeJournals, newPrefix, openRedisJournal } from '../../support/redis-journals.ts'

const ALICE = clientKey('alice')

describe.skipIf(REDIS_IS_MISSING)('a journal in a Redis', () => {
  let redis: RedisServer
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterEach(async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    await closeJournals()
  })
  afterAll(() => redis.close())

  test('without free memory can be read, and evicts old events', async () => {
    const prefix = newPrefix()
    const harness = await openRedisJournal(redis, { maxAgeMs: 4_000 }, [ALICE], prefix)
    const { id } = await harness.journal.append(ALICE, { data: 'a' })
    await harness.journal.append(ALICE, { data: 'b' })
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    await expect(harness.journal.append(ALICE, { data: 'x' })).rejects.toMatchObject({
      code: 'journal-unavailable',
      message: expect.stringMatching(/^The journal refused \(OOM /),
    })
    expect((await harness.journal.read([ALICE], id, 1_000)).entries).toHaveLength(1)
    await harness.advance(4_001)
    expect(await harness.journal.read([ALICE], id, 1_000)).toMatchObject({
      entries: [],
      gap: 'evicted',
    })
    const [order = ''] = (await redis.command('KEYS', `{${prefix}}:*:records`)) as string[]
    expect(await redis.command('EXISTS', order), 'its memory is free again').toBe(0)
  })

  test.each([{}, { replace: true }, { replace: true, retain: true }])(
    'without free memory refuses each event with a key (%o)',
    async (more) => {
      const event = { data: 'x', key: 'k', ...more }
      const { journal } = await openRedisJournal(redis, {}, [ALICE], newPrefix())
      const { id } = await journal.append(ALICE, event)
      await redis.command('CONFIG', 'SET', 'maxmemory', '1')
      await expect(journal.append(ALICE, event)).rejects.toMatchObject({
        message: expect.stringMatching(/^The journal refused \(OOM /),
      })
      expect((await journal.read([ALICE], 'earliest', 1_000)).entries).toMatchObject([{ id }])
    },
  )

  test('that refuses writes for longer than the lifetime of logs reports a gap only to clients that lag', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, [], prefix)
    const first = await journal.append(ALICE, { data: 'a' })
    const last = await journal.append(ALICE, { data: 'b' })
    const [log = ''] = (await redis.command('KEYS', `{${prefix}}:*:log:*`)) as string[]
    // As if it had been so for an hour.
    const aged = `redis.call('DEL', KEYS[1])
      redis.call('HSET', KEYS[2], 'oldest', ${Date.now() - 3_600_000})`
    await redis.command('EVAL', aged, '2', log, `{${prefix}}:head`)
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    expect((await journal.read([ALICE], last.id, 1_000)).gap).toBeUndefined()
    expect((await journal.read([ALICE], first.id, 1_000)).gap).toBe('evicted')
  })

  test('that lost its replicas stays ready, however long that lasts', async () => {
    const clock = manualClock()
    const journal = createRedisJournal({ url: redis.url, prefix: newPrefix(), clock })
    journal.open(recordingHandler([]))
    await until('the journal is ready', () => journal.ready === true)
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    const refused = expect(journal.append(ALICE, { data: 'x' })).rejects.toThrow(/NOREPLICAS/)
    await clock.runPending()
    await refused
    for (let seconds = 0; seconds < 20; seconds += 2) {
      await clock.advance(2_000)
      // Sent after the probe, on the same connection.
      await journal.read([ALICE], undefined, 1_000)
      expect(journal.ready).toBe(true)
    }
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    const taken = journal.append(ALICE, { data: 'b' })
    await clock.runPending()
    await taken
    await journal.close()
  })

  test('that lost its replicas is connected to, also if a pattern is followed for the first time', async () => {
    const prefix = newPrefix()
    const first = await openRedisJournal(redis, {}, ['t:x'], prefix)
    const { id } = await first.journal.append('t:x', { data: 'x' })
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    const { journal } = await openRedisJournal(redis, {}, ['t:x', 'p:a/*'], prefix)
    expect((await journal.read(['t:x'], id, 1_000)).gap).toBeUndefined()
    // Until Redis stores events at patterns, none can be followed.
    await expect(journal.read(['p:a/*'], id, 1_000)).rejects.toThrow(/NOREPLICAS/)
    await redis.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    await journal.append('t:x', { data: 'y' })
    expect((await journal.read(['p:a/*'], id, 1_000)).gap).toBe('evicted')
  })

  test.each([
    ['lost its replicas', 'min-replicas-to-write', /NOREPLICAS/],
    ['is out of memory', 'maxmemory', /OOM/],
  ])(
    'that took over and %s can be read, and starts its epoch once it can be written',
    async (_, name, why) => {
      const other = await startRedis('always')
      try {
        const { journal, disconnected, connected } = await openRedisJournal(other)
        const { id } = await journal.append(ALICE, { data: 'a' })
        const { sequence } = await journal.append(ALICE, { data: 'b' })
        await other.command('CONFIG', 'SET', name, '1')
        await other.command('CONFIG', 'REWRITE')
        await other.crash()
        await disconnected()
        await other.restart()
        await connected()
        expect(await journal.read([ALICE], id, 1_000)).toMatchObject({
          entries: [{ sequence }],
          gap: undefined,
        })
        await expect(journal.append(ALICE, { data: 'x' })).rejects.toThrow(why)
        await other.command('CONFIG', 'SET', name, '0')
        await disconnected()
        await connected()
        const next = await journal.append(ALICE, { data: 'c' })
        expect(next.id.split('-')[0]).not.toBe(id.split('-')[0])
        const batch = await journal.read([ALICE], id, 1_000)
        expect(batch).toMatchObject({ entries: [{ sequence }, { sequence: next.sequence }] })
        expect(batch.gap).toBeUndefined()
      } finally {
        await closeJournals()
        await other.close()
      }
    },
  )
})
