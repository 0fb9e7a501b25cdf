/** A primary that dies, and a replica in its place that may lack the tail: no id comes twice, no loss is silent. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import type { ReplayBatch } from '../../../src/journal/journal.ts'
import { type Pair, startPair } from '../../support/failover.ts'
import { openProxy } from '../../support/proxy.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import { closeAll, newPrefix, openStand, type Stand } from '../../support/redis-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const epochOf = (id: string) => id.split('-')[0]
const dataOf = ({ entries }: ReplayBatch) =>
  entries.map(({ frame }) => /^data: (.*)$/m.exec(new TextDecoder().decode(frame))?.[1])

async function put({ journal }: Stand, key: string, ...data: string[]): Promise<string[]> {
  const ids: string[] = []
  for (const one of data) ids.push((await journal.append(key, { data: one })).id)
  return ids
}

describe.skipIf(REDIS_IS_MISSING)('a replica that takes over', () => {
  let pair: Pair
  beforeEach(async () => {
    pair = await startPair()
  })
  afterEach(async () => {
    await closeAll()
    await pair.close()
  })

  test('with all of the journal goes on, and older cursors hold', async () => {
    const stand = await openStand(pair, {}, [ALICE])
    const [first = '', second = ''] = await put(stand, ALICE, 'a', 'b')
    await pair.caughtUp()
    await pair.failOver()
    await stand.away()
    await stand.reached()
    const [third = ''] = await put(stand, ALICE, 'c')
    expect(epochOf(third)).not.toBe(epochOf(second))
    const page = await stand.journal.read([ALICE], first, 1_000)
    expect(page.gap).toBeUndefined()
    expect(dataOf(page)).toEqual(['b', 'c'])
  })

  test('without the tail gives no id twice, and tells all a gap, also who was behind', async () => {
    const stand = await openStand(pair, {}, [ALICE])
    const [first = '', second = ''] = await put(stand, ALICE, 'a', 'b')
    await pair.caughtUp()
    pair.fallBehind()
    const [third = '', fourth = ''] = await put(stand, ALICE, 'c', 'd')
    await stand.delivered(4)
    const before = stand.missed.length
    await pair.failOver()
    await stand.away()
    await stand.reached()
    expect(stand.missed).toHaveLength(before + 1)
    expect(stand.missed.at(-1)?.(BOB)).toBe(true)
    const [fifth = ''] = await put(stand, ALICE, 'e')
    expect(new Set([first, second, third, fourth, fifth].map(epochOf)).size).toBe(2)
    const ahead = await stand.journal.read([ALICE], fourth, 1_000)
    expect(ahead.gap).toBe('epoch')
    expect(dataOf(ahead), 'nothing that was seen comes again').toEqual(['e'])
    // It has seen nothing that was lost: but 'c' and 'd' were for it, too.
    const behind = await stand.journal.read([ALICE], first, 1_000)
    expect(behind.gap).toBe('epoch')
    expect(dataOf(behind)).toEqual(['b', 'e'])
  })

  test('without the tail is found out by the hub that knows of it, though another came first', async () => {
    const prefix = newPrefix()
    const line = await openProxy(pair.port)
    const { command } = pair
    const url = `redis://127.0.0.1:${line.port}`
    const knowing = await openStand({ url, command }, {}, [], prefix)
    const [first = ''] = await put(knowing, ALICE, 'a')
    await pair.caughtUp()
    pair.fallBehind()
    const [lost = ''] = await put(knowing, ALICE, 'lost')
    // Only the hub that published it has heard that it was stored. It comes back last.
    line.cut()
    await pair.failOver()
    const other = await openStand(pair, {}, [ALICE], prefix)
    const [next = ''] = await put(other, ALICE, 'b')
    expect(next).not.toBe(lost)
    const early = await other.journal.read([ALICE], first, 1_000)
    expect(early.gap, 'nobody can know yet').toBeUndefined()
    line.turn(pair.port)
    await other.away()
    await other.reached()
    await knowing.reached()
    for (const id of [first, early.end.id]) {
      expect((await other.journal.read([ALICE], id, 1_000)).gap, id).toBe('epoch')
    }
    const [last = ''] = await put(other, ALICE, 'c')
    expect((await other.journal.read([ALICE], last, 1_000)).gap).toBeUndefined()
    await line.close()
  })

  test('and had never heard of the last epoch is found out, too', async () => {
    const prefix = newPrefix()
    const stand = await openStand(pair, {}, [ALICE], prefix)
    const [first = ''] = await put(stand, ALICE, 'a')
    await pair.caughtUp()
    pair.fallBehind()
    // An epoch that begins and ends out of the replica's sight.
    await pair.command('HSET', `{${prefix}}:head`, 'server', 'another')
    await put(stand, ALICE, 'lost').catch(() => {})
    await stand.away()
    await stand.reached()
    const [lost = ''] = await put(stand, ALICE, 'lost, too')
    await pair.failOver()
    await stand.away()
    await stand.reached()
    const [next = ''] = await put(stand, ALICE, 'b')
    expect(new Set([first, lost, next].map(epochOf)).size).toBe(3)
    expect((await stand.journal.read([ALICE], first, 1_000)).gap).toBe('epoch')
    expect((await stand.journal.read([ALICE], next, 1_000)).gap).toBeUndefined()
  })

  test('and is made a replica again refuses events, until it is a primary: of another epoch', async () => {
    const stand = await openStand(pair, {}, [ALICE])
    const [first = ''] = await put(stand, ALICE, 'a')
    await pair.demote()
    await stand.away()
    await expect(stand.journal.append(ALICE, { data: 'x' })).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await pair.promote()
    await stand.reached()
    const [second = ''] = await put(stand, ALICE, 'b')
    // The process is the same: but what it holds may be what another one had.
    expect(epochOf(second)).not.toBe(epochOf(first))
  })
})
