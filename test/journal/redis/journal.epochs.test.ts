/** Epochs of the Redis journal: a flush, another server, a lost tail, a server that stops answering. */
import { describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { epochOf } from '../../support/event-id.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import {
  appendAll,
  closeJournals,
  dataIn,
  newPrefix,
  openRedisJournal,
  redisForSuite,
} from '../../support/redis-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')

describe.skipIf(REDIS_IS_MISSING)('a journal in Redis', () => {
  const redis = redisForSuite('always')

  test('that is flushed starts a new epoch, and all listeners are notified at once', async () => {
    const harness = await openRedisJournal(redis, {}, [ALICE])
    const [old = ''] = await appendAll(harness, ALICE, 'a')
    await harness.delivered(1)
    const before = harness.missed.length
    await redis.command('FLUSHALL')
    const [fresh = ''] = await appendAll(harness, ALICE, 'b')
    expect(epochOf(fresh)).not.toBe(epochOf(old))
    await harness.disconnected()
    await harness.connected()
    expect(harness.missed).toHaveLength(before + 1)
    expect(harness.missed.at(-1)?.(BOB)).toBe(true)
    const batch = await harness.journal.read([ALICE], old, 1_000)
    expect(batch).toMatchObject({ gap: 'epoch', end: { id: fresh } })
    expect(dataIn(batch)).toEqual(['b'])
  })

  test('that another server process took over continues, and older cursors stay valid', async () => {
    const harness = await openRedisJournal(redis, {}, [ALICE])
    const [first = '', second = ''] = await appendAll(harness, ALICE, 'a', 'b')
    await redis.crash()
    await harness.disconnected()
    await expect(harness.journal.append(ALICE, { data: 'x' })).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await redis.restart()
    await harness.connected()
    const [third = ''] = await appendAll(harness, ALICE, 'c')
    expect(epochOf(third)).not.toBe(epochOf(first))
    const batch = await harness.journal.read([ALICE], first, 1_000)
    expect(batch.gap).toBeUndefined()
    expect(dataIn(batch)).toEqual(['b', 'c'])
    expect((await harness.journal.read([ALICE], second, 1_000)).gap).toBeUndefined()
  })

  test('that lost its tail never reuses an id: clients that saw the tail receive a gap, others do not', async () => {
    const prefix = newPrefix()
    const harness = await openRedisJournal(redis, {}, [ALICE], prefix)
    const [first = '', second = '', third = ''] = await appendAll(harness, ALICE, 'a', 'b', 'c')
    // As a replica that took over would know it: the last event was never stored.
    await closeJournals()
    const root = String(await redis.command('HGET', `{${prefix}}:head`, 'root'))
    const base = `{${prefix}}:${root}`
    await redis.command('ZPOPMAX', `${base}:records`)
    await redis.command('RPOP', `${base}:log:${ALICE}`)
    await redis.command('HSET', `{${prefix}}:head`, 'seq', '2', 'server', 'another')
    const after = await openRedisJournal(redis, {}, [ALICE], prefix)
    const [other = ''] = await appendAll(after, ALICE, 'd')
    expect(epochOf(other)).not.toBe(epochOf(third))
    const lost = await after.journal.read([ALICE], third, 1_000)
    expect(lost.gap).toBe('epoch')
    expect(dataIn(lost), 'nothing that was seen comes again').toEqual(['d'])
    const kept = await after.journal.read([ALICE], second, 1_000)
    expect(kept.gap).toBeUndefined()
    expect(dataIn(kept)).toEqual(['d'])
    expect(dataIn(await after.journal.read([ALICE], first, 1_000))).toEqual(['b', 'd'])
  })

  test('reports after an outage the addresses that missed events, and no others', async () => {
    const prefix = newPrefix()
    const harness = await openRedisJournal(redis, {}, [ALICE, BOB], prefix)
    const other = await openRedisJournal(redis, {}, [], prefix)
    await appendAll(other, BOB, 'a')
    await harness.delivered(1)
    const connections = String(await redis.command('CLIENT', 'LIST', 'TYPE', 'pubsub'))
    const [, id = ''] = /^id=(\d+)/m.exec(connections) ?? []
    await redis.command('CLIENT', 'KILL', 'ID', id)
    await appendAll(other, ALICE, 'b')
    await harness.connected()
    const batch = await harness.journal.read([ALICE], 'earliest', 1_000)
    expect(dataIn(batch)).toEqual(['b'])
  })

  test.each([
    ['many events', 250, false],
    ['more addresses than are listed', 5_200, true],
  ])('reports all addresses after %s', async (_, addresses, all) => {
    const prefix = newPrefix()
    const harness = await openRedisJournal(redis, {}, [ALICE], prefix)
    const other = await openRedisJournal(redis, {}, [], prefix)
    // Open connections stay open; no new one succeeds, because each starts with INFO.
    await redis.command('ACL', 'SETUSER', 'default', '-info')
    const connections = String(await redis.command('CLIENT', 'LIST', 'TYPE', 'pubsub'))
    const [, id = ''] = /^id=(\d+)/m.exec(connections) ?? []
    await redis.command('CLIENT', 'KILL', 'ID', id)
    const keys = Array.from({ length: addresses }, (_, i) => clientKey(`client-${i}`))
    for (let at = 0; at < addresses; at += all ? 128 : 1) {
      await Promise.all(
        keys.slice(at, at + (all ? 128 : 1)).map((key) => appendAll(other, key, 'a')),
      )
    }
    await redis.command('ACL', 'SETUSER', 'default', '+info')
    await harness.connected()
    const affects = harness.missed.at(-1)
    expect(keys.every((key) => affects?.(key))).toBe(true)
    expect(affects?.(ALICE)).toBe(all)
  })

  test('that stops answering is noticed within ten seconds, and reconnects', async () => {
    const harness = await openRedisJournal(redis, {}, [ALICE])
    redis.signal('SIGSTOP')
    const began = Date.now()
    const stuck = harness.journal.append(ALICE, { data: 'a' })
    await expect(stuck).rejects.toMatchObject({ code: 'journal-unavailable' })
    expect(Date.now() - began).toBeLessThan(10_000)
    expect(harness.journal.ready).toBe(false)
    redis.signal('SIGCONT')
    await harness.connected()
    await appendAll(harness, ALICE, 'b')
  })

  test('sends a stored control request to hubs that connect later', async () => {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, {}, [], prefix)
    await one.journal.backplane?.request({ about: 'later' }, 60_000)
    const late = await openRedisJournal(redis, {}, [], prefix)
    expect(late.requests).toEqual([{ request: { about: 'later' }, keepMs: expect.any(Number) }])
  })
})
