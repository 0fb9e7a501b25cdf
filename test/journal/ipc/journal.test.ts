/** A journal that another process holds keeps the contract of all journals, and what only a shared one can promise. */
import { describe, expect, test } from 'vitest'
import { clientKey, EVERYONE, topicKey } from '../../../src/core/address.ts'
import type { ReplayBatch } from '../../../src/journal/journal.ts'
import { eventually, until } from '../../support/eventually.ts'
import { createIpcWorld, type IpcProcess } from '../../support/ipc-journals.ts'
import {
  backplaneSuite,
  journalSuite,
  type OpenTestJournal,
  presenceSuite,
  relaySuite,
} from '../../support/journal-suite.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')

const open: OpenTestJournal = async (bounds, subscribed) => {
  const { start, clock } = createIpcWorld(bounds)
  const { journal, deliveries } = await start(subscribed)
  return {
    journal,
    deliveries,
    delivered: (count) => until(`${count} deliveries`, () => deliveries.length >= count),
    advance: clock.advance,
  }
}

describe('the journal over IPC', () => {
  journalSuite(open)
  backplaneSuite(open)
  relaySuite(open)
  presenceSuite(async (count) => {
    const { start, clock } = createIpcWorld()
    const processes = await Promise.all(Array.from({ length: count }, () => start()))
    return {
      journals: processes.map(({ journal }) => journal),
      clock,
      eventually: (condition) => until('the condition holds', condition),
      advance: clock.advance,
    }
  })
})

const idsOf = ({ deliveries }: IpcProcess) => deliveries.map(({ entry }) => entry?.id)

describe('processes that share a journal', () => {
  test('receive one order, whoever publishes, and only what they listen to', async () => {
    const { start } = createIpcWorld()
    const one = await start([EVERYONE, ALICE])
    const other = await start([EVERYONE, NEWS])
    const appends = Array.from({ length: 100 }, (_, n) => {
      const { journal } = n % 2 ? one : other
      return journal.append(EVERYONE, { data: `${n}` })
    })
    const results = await Promise.all(appends)
    await one.journal.append(ALICE, { data: 'for one' })
    const last = await one.journal.append(NEWS, { data: 'for the other' })
    await until('all arrive', () => one.deliveries.length + other.deliveries.length === 202)
    const ids = idsOf(one).slice(0, 100)
    expect(idsOf(other)).toEqual([...ids, last.id])
    expect([...ids].sort()).toEqual(results.map(({ id }) => id).sort())
  })

  test('send what they publish in one turn in one message', async () => {
    const { start } = createIpcWorld()
    const one = await start()
    const before = { ...one.counts }
    await Promise.all(
      Array.from({ length: 50 }, (_, n) => one.journal.append(NEWS, { data: `${n}` })),
    )
    expect(one.counts).toEqual({ sent: before.sent + 1, received: before.received + 1 })
  })

  test('ask for no batch of a client that has left', async () => {
    const { start } = createIpcWorld()
    const { journal, counts } = await start()
    const before = { ...counts }
    await journal.read([ALICE], 'earliest', 1e6, () => false)
    expect(await journal.retained?.([ALICE], 0, 1e6, () => false)).toMatchObject({ entries: [] })
    expect(counts).toEqual(before)
  })

  test('count the retained events that were evicted, also once none is left', async () => {
    const { start } = createIpcWorld({ maxRetainedBytes: 2_000 })
    const { journal } = await start()
    const price = { replace: true, retain: true, data: 'x'.repeat(600) }
    for (const key of ['a', 'b']) await journal.append(ALICE, { ...price, key })
    await journal.append(ALICE, { key: 'b', replace: true, data: '' })
    expect(journal.stats?.retained).toMatchObject({ events: 0, evicted: 1 })
  })

  test('receive what is published after a read, and nothing for a key that they have left', async () => {
    const { start } = createIpcWorld()
    const one = await start()
    const other = await start()
    one.journal.backplane.subscribe?.(ALICE)
    const batch = await one.journal.read([ALICE], undefined, 1e6)
    await other.journal.append(ALICE, { data: 'a' })
    await until('it arrives', () => one.deliveries.length === 1)
    expect(one.deliveries[0]?.entry?.sequence).toBe(batch.end.sequence + 1)
    one.journal.backplane.unsubscribe?.(ALICE)
    await one.journal.read([ALICE], undefined, 1e6)
    expect(await other.journal.append(ALICE, { data: 'b' })).toMatchObject({ connections: 0 })
    expect(one.deliveries).toHaveLength(1)
  })

  test('continue from before an event that their hub fails to take', async () => {
    const { start, errors } = createIpcWorld()
    const one = await start([NEWS], undefined, () => {
      throw new Error('broken')
    })
    const { sequence } = await one.journal.append(NEWS, { data: 'a' })
    expect(errors).toEqual([new Error('broken')])
    expect(one.missed.map((affects) => [affects(NEWS), affects(ALICE)])).toEqual([[true, false]])
    expect(one.headsWhenMissed).toEqual([sequence - 1])
    expect(one.journal.head().sequence).toBe(sequence)
  })

  test('learn how many connections of all of them an event is for', async () => {
    const { start } = createIpcWorld()
    const one = await start([NEWS])
    const other = await start([NEWS])
    one.journal.backplane.count?.(NEWS, 2)
    other.journal.backplane.count?.(NEWS, 3)
    await other.journal.read([NEWS], undefined, 1e6)
    expect(await one.journal.append(NEWS, { data: 'a' })).toMatchObject({ connections: 5 })
    one.journal.backplane.count?.(NEWS, 1)
    expect(await one.journal.backplane.relay?.(NEWS, { data: 'b' })).toEqual({ connections: 4 })
    other.journal.backplane.unsubscribe?.(NEWS)
    await other.journal.read([NEWS], undefined, 1e6)
    expect(await one.journal.append(NEWS, { data: 'c' })).toMatchObject({ connections: 1 })
  })

  test('learn at most how many connections an event for several addresses is for', async () => {
    const { start } = createIpcWorld()
    const one = await start([EVERYONE, NEWS, ALICE])
    const other = await start([EVERYONE, NEWS])
    const count = ({ journal }: typeof one, key: string, connections: number) =>
      journal.backplane.count?.(key, connections)
    count(one, EVERYONE, 4)
    count(one, NEWS, 2)
    count(one, ALICE, 1)
    count(other, EVERYONE, 3)
    count(other, NEWS, 3)
    await other.journal.read([NEWS], undefined, 1e6)
    const to = async (...keys: string[]) =>
      (await one.journal.append(keys, { data: 'a' })).connections
    // Alice may be one of those who follow the news.
    expect([await to(ALICE, NEWS), await to(ALICE, BOB), await to(BOB, 't:none')]).toEqual([
      6, 1, 0,
    ])
    expect(await to(ALICE, EVERYONE, NEWS)).toBe(7)
    const relayed = one.journal.backplane.relay?.([ALICE, NEWS], { data: 'b' })
    expect(await relayed).toEqual({ connections: 6 })
  })

  test('receive an event for several addresses once, with the keys that they listen to', async () => {
    const { start } = createIpcWorld()
    const one = await start([ALICE, NEWS])
    const other = await start([NEWS])
    const neither = await start([BOB])
    const { id } = await neither.journal.append([ALICE, NEWS, 't:none'], { data: 'x' })
    await until('it arrives', () => one.deliveries.length + other.deliveries.length === 2)
    const of = ({ deliveries }: typeof one) =>
      deliveries.map(({ keys, entry }) => [keys, entry?.id])
    expect([of(one), of(other)]).toEqual([[[[ALICE, NEWS], id]], [[[NEWS], id]]])
    expect(neither.deliveries).toEqual([])
  })

  test('know within a second where the journal is, although nothing is delivered to them', async () => {
    const { start, clock } = createIpcWorld()
    const one = await start([ALICE])
    const other = await start([BOB])
    const { id } = await other.journal.append(BOB, { data: 'b' })
    await clock.advance(1_000)
    await until('the head moves', () => one.journal.head().id === id)
    expect(one.journal.stats).toMatchObject({ events: 1 })
    expect(one.journal.backplane.instances).toBe(2)
  })

  test('start where the journal is, with the epoch of the others', async () => {
    const { start } = createIpcWorld()
    const one = await start()
    const { id } = await one.journal.append(NEWS, { data: 'a' })
    one.die()
    const next = await start()
    expect(next.journal.head().id).toBe(id)
    expect((await next.journal.read([NEWS], 'earliest', 1e6)).entries).toHaveLength(1)
  })

  test('keep small frames without the message that they came with', async () => {
    const { start } = createIpcWorld()
    const one = await start([NEWS])
    await one.journal.append(NEWS, { data: 'small' })
    await until('it arrives', () => one.deliveries.length === 1)
    const { frame } = one.deliveries[0] ?? { frame: new Uint8Array() }
    expect(frame.buffer.byteLength).toBeLessThanOrEqual(2 * frame.byteLength)
  })

  test('read 64 batches at a time, and none for clients that have left', async () => {
    const { start } = createIpcWorld()
    const one = await start()
    await one.journal.append(NEWS, { data: 'a' })
    let present = true
    const reads: Promise<ReplayBatch>[] = []
    for (let n = 0; n < 100; n++) {
      reads.push(Promise.resolve(one.journal.read([NEWS], 'earliest', 1e6, () => present)))
    }
    present = false
    const batches = await Promise.all(reads)
    expect(batches.map(({ entries }) => entries.length)).toEqual([
      ...Array.from({ length: 64 }, () => 1),
      ...Array.from({ length: 36 }, () => 0),
    ])
    present = true
    expect((await one.journal.read([NEWS], 'earliest', 1e6)).entries).toHaveLength(1)
  })

  test('reject what is pending when they close, and what follows', async () => {
    const { start } = createIpcWorld()
    const one = await start()
    const pending = Promise.resolve(one.journal.append(NEWS, { data: 'a' }))
    await one.journal.close()
    await expect(pending).rejects.toMatchObject({ code: 'journal-unavailable' })
    await expect(async () => await one.journal.append(NEWS, { data: 'b' })).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    expect(one.journal.ready).toBe(false)
  })

  test('fail to publish while more than 64 MiB wait for the holder', async () => {
    const { start } = createIpcWorld()
    const one = await start()
    const data = 'x'.repeat(1_048_576)
    const results = await Promise.allSettled(
      Array.from({ length: 70 }, () => one.journal.append(NEWS, { data })),
    )
    const failed = results.filter(({ status }) => status === 'rejected')
    expect(failed.length).toBeGreaterThan(4)
    expect(failed[0]).toMatchObject({ reason: { code: 'journal-unavailable' } })
    await eventually(async () => {
      await one.journal.append(NEWS, { data: 'again' })
    })
  })
})
