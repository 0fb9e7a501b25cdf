/** A primary that dies, and a replica in its place that may lack the tail: no id comes twice, no loss is silent. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { epochOf } from '../../support/event-id.ts'
import { type RedisPair, startRedisPair } from '../../support/failover.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import {
  appendAll,
  closeJournals,
  dataIn,
  newPrefix,
  openRedisJournal,
} from '../../support/redis-journals.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')

describe.skipIf(REDIS_IS_MISSING)('a replica that takes over', () => {
  let pair: RedisPair
  beforeEach(async () => {
    pair = await startRedisPair()
  })
  afterEach(async () => {
    await closeJournals()
    await pair.close()
  })

  test('with the whole journal continues, and older cursors stay valid', async () => {
    const harness = await openRedisJournal(pair, {}, [ALICE])
    const [first = '', second = ''] = await appendAll(harness, ALICE, 'a', 'b')
    await pair.caughtUp()
    await pair.failOver()
    await harness.disconnected()
    await harness.connected()
    const [third = ''] = await appendAll(harness, ALICE, 'c')
    expect(epochOf(third)).not.toBe(epochOf(second))
    const batch = await harness.journal.read([ALICE], first, 1_000)
    expect(batch.gap).toBeUndefined()
    expect(dataIn(batch)).toEqual(['b', 'c'])
  })

  test('without the tail issues no id twice, and reports a gap to every client, also to those that lagged', async () => {
    const harness = await openRedisJournal(pair, {}, [ALICE])
    const [first = '', second = ''] = await appendAll(harness, ALICE, 'a', 'b')
    await pair.caughtUp()
    pair.fallBehind()
    const [third = '', fourth = ''] = await appendAll(harness, ALICE, 'c', 'd')
    await harness.delivered(4)
    const before = harness.missed.length
    await pair.failOver()
    await harness.disconnected()
    await harness.connected()
    expect(harness.missed).toHaveLength(before + 1)
    expect(harness.missed.at(-1)?.(BOB)).toBe(true)
    const [fifth = ''] = await appendAll(harness, ALICE, 'e')
    expect(new Set([first, second, third, fourth, fifth].map(epochOf)).size).toBe(2)
    const ahead = await harness.journal.read([ALICE], fourth, 1_000)
    expect(ahead.gap).toBe('epoch')
    expect(dataIn(ahead), 'nothing that was seen comes again').toEqual(['e'])
    // It has seen nothing that was lost: but 'c' and 'd' were for it, too.
    const behind = await harness.journal.read([ALICE], first, 1_000)
    expect(behind.gap).toBe('epoch')
    expect(dataIn(behind)).toEqual(['b', 'e'])
  })

  test('without the tail is detected by the hub that knows the tail, even if another hub connects first', async () => {
    const prefix = newPrefix()
    const line = await openTcpProxy(pair.port)
    const { command } = pair
    const url = `redis://127.0.0.1:${line.port}`
    const knowing = await openRedisJournal({ url, command }, {}, [], prefix)
    const [first = ''] = await appendAll(knowing, ALICE, 'a')
    await pair.caughtUp()
    pair.fallBehind()
    const [lost = ''] = await appendAll(knowing, ALICE, 'lost')
    // Only the hub that published it has heard that it was stored. It comes back last.
    line.cut()
    await pair.failOver()
    const other = await openRedisJournal(pair, {}, [ALICE], prefix)
    const [next = ''] = await appendAll(other, ALICE, 'b')
    expect(next).not.toBe(lost)
    const early = await other.journal.read([ALICE], first, 1_000)
    expect(early.gap, 'nobody can know yet').toBeUndefined()
    line.redirect(pair.port)
    await other.disconnected()
    await other.connected()
    await knowing.connected()
    for (const id of [first, early.end.id]) {
      expect((await other.journal.read([ALICE], id, 1_000)).gap, id).toBe('epoch')
    }
    const [last = ''] = await appendAll(other, ALICE, 'c')
    expect((await other.journal.read([ALICE], last, 1_000)).gap).toBeUndefined()
    await line.close()
  })

  test('without the last epoch is detected, too', async () => {
    const prefix = newPrefix()
    const harness = await openRedisJournal(pair, {}, [ALICE], prefix)
    const [first = ''] = await appendAll(harness, ALICE, 'a')
    await pair.caughtUp()
    pair.fallBehind()
    // An epoch that begins and ends out of the replica's sight.
    await pair.command('HSET', `{${prefix}}:head`, 'server', 'another')
    await appendAll(harness, ALICE, 'lost').catch(() => {})
    await harness.disconnected()
    await harness.connected()
    const [lost = ''] = await appendAll(harness, ALICE, 'lost, too')
    await pair.failOver()
    await harness.disconnected()
    await harness.connected()
    const [next = ''] = await appendAll(harness, ALICE, 'b')
    expect(new Set([first, lost, next].map(epochOf)).size).toBe(3)
    expect((await harness.journal.read([ALICE], first, 1_000)).gap).toBe('epoch')
    expect((await harness.journal.read([ALICE], next, 1_000)).gap).toBeUndefined()
  })

  test('and is demoted to a replica refuses events until it is a primary again, in another epoch', async () => {
    const harness = await openRedisJournal(pair, {}, [ALICE])
    const [first = ''] = await appendAll(harness, ALICE, 'a')
    await pair.demote()
    await harness.disconnected()
    await expect(harness.journal.append(ALICE, { data: 'x' })).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await pair.promote()
    await harness.connected()
    const [second = ''] = await appendAll(harness, ALICE, 'b')
    // The process is the same: but what it holds may be what another one had.
    expect(epochOf(second)).not.toBe(epochOf(first))
  })
})
