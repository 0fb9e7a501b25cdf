/** Keyed and retained events in SQLite: the rows that they leave, and a format that older versions refuse. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressKeys, clientKey } from '../../../../src/core/address.ts'
import type { HubEvent } from '../../../../src/core/event.ts'
import { type Objects, startObjects } from '../../../support/sqlite-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')

const PRICE: HubEvent = { key: 'price', replace: true, retain: true, data: 'x'.repeat(1_000) }

describe('in SQLite', () => {
  let objects: Objects
  beforeAll(async () => {
    objects = await startObjects()
  })
  afterAll(() => objects.close())

  test('what was replaced leaves no rows, nor does what was evicted', async () => {
    const { journal, call, advance } = await objects.open({ maxAgeMs: 60_000, maxEvents: 3 })
    const tables = async () => {
      const names = ['entries', 'recipients', 'keyed', 'retained']
      return await Promise.all(names.map((name) => call('count', name)))
    }
    for (let n = 0; n < 3; n++) await journal.append([ALICE, BOB], { key: 'a', data: 'x' })
    expect(await tables()).toEqual([3, 6, 6, 0])
    await journal.append(ALICE, { key: 'a', replace: true, data: 'x' })
    expect(await tables()).toEqual([4, 3, 4, 0])
    await journal.append(BOB, { ...PRICE, key: 'a' })
    expect(await tables()).toEqual([1, 0, 1, 1])
    for (let n = 0; n < 5; n++) await journal.append(ALICE, { key: `${n}`, data: 'x' })
    expect(await tables()).toEqual([3, 0, 3, 1])
    await advance(60_001)
    await call('prune')
    expect(await tables()).toEqual([0, 0, 0, 1])
    expect(journal.stats).toMatchObject({ events: 0, bytes: 0, retained: { events: 1 } })
  })

  test('evictions that were rolled back are not counted', async () => {
    const { journal, call, advance } = await objects.open({
      maxAgeMs: 60_000,
      maxRetainedBytes: 2_000,
    })
    await journal.append(BOB, { data: 'x' })
    await journal.append(ALICE, { ...PRICE, key: 'first' })
    await advance(60_001)
    await call('failStatements', 'DELETE FROM entries')
    await expect(journal.append(ALICE, PRICE)).rejects.toThrow()
    await call('failStatements')
    expect(journal.stats?.retained).toMatchObject({ events: 1, evicted: 0 })
    await journal.append(ALICE, PRICE)
    expect(journal.stats?.retained).toMatchObject({ events: 1, evicted: 1 })
  })

  test('an event for many topics with many levels replaces others', async () => {
    const { journal } = await objects.open()
    const name =
      'tenant-0123/region-eu-west/shop-berlin/floor-3/line-7/rack-12/slot-9/device/sensor'
    const topics = Array.from({ length: 1_000 }, (_, n) => ({ topic: `${name}/${n}` }))
    const keys = addressKeys(topics)
    await journal.append(ALICE, PRICE)
    for (const data of ['1', '2']) {
      await journal.append(keys, { data, key: 'k'.repeat(128), replace: true })
    }
    const { entries } = await journal.read([keys[0] ?? ''], 'earliest', 1e6)
    expect(entries).toHaveLength(1)
  })

  test('retained events keep older versions out for as long as there are any', async () => {
    const { journal, call } = await objects.open()
    await journal.append(ALICE, { ...PRICE, retain: false })
    expect(await call('format')).toBe(1)
    await journal.append([ALICE, BOB], PRICE)
    expect(await call('format')).toBe(3)
    await journal.append([ALICE, BOB], { ...PRICE, retain: false, data: '' })
    expect(await call('format')).toBe(2)
  })

  test('an event that can’t be retained changes nothing', async () => {
    const { journal, call } = await objects.open()
    const { id } = await journal.append(ALICE, PRICE)
    const before = journal.stats
    for (const statement of ['INSERT INTO retained', 'DELETE FROM keyed', 'transaction']) {
      await journal.append(ALICE, { key: 'other', data: 'x' })
      await call('failStatements', statement)
      const failing = journal.append(ALICE, {
        ...PRICE,
        key: statement === 'transaction' ? 'price' : 'other',
      })
      await expect(failing).rejects.toMatchObject({ code: 'journal-unavailable' })
      await call('failStatements')
    }
    const { retained } = await journal.read([ALICE], undefined, 1e6)
    expect(retained?.entries.map((one) => one.id)).toEqual([id])
    expect(journal.stats?.retained).toEqual(before?.retained)
    expect(await call('count', 'entries')).toBe(3)
  })

  test('a new epoch keeps what is retained for some addresses only, and no position is used twice', async () => {
    const { journal, call } = await objects.open()
    const retainedFor = async (key: string) => {
      return (await journal.read([key], undefined, 1e6)).retained?.entries.length ?? 0
    }
    await journal.append([ALICE, BOB], PRICE)
    await journal.append(ALICE, { ...PRICE, key: 'other' })
    await call('startEpoch', 'suffix')
    expect([await retainedFor(ALICE), await retainedFor(BOB)]).toEqual([2, 1])
    await call('startEpoch', 'suffix', [BOB])
    expect([await retainedFor(ALICE), await retainedFor(BOB)]).toEqual([0, 1])
    expect(journal.stats?.retained).toMatchObject({ events: 1 })
    const { bytes } = journal.stats?.retained ?? {}
    expect(bytes).toBeGreaterThan(1_000)
    expect(bytes).toBeLessThan(1_300)
    await call('exec', 'UPDATE head SET start = 0')
    const { sequence } = journal.head()
    await call('exec', `UPDATE retained SET sequence = sequence + 3000000`)
    await call('startEpoch', 'suffix', [])
    expect(journal.stats?.retained).toMatchObject({ events: 0, bytes: 0 })
    expect(await call('format')).toBe(1)
    await call('restart')
    expect(journal.head().sequence).toBeGreaterThan(sequence + 3_000_000)
  })

  test('a new epoch that can’t be written loses nothing that is retained', async () => {
    const { journal, call } = await objects.open()
    await journal.append([ALICE, BOB], PRICE)
    const before = journal.stats?.retained
    await call('failStatements', 'UPDATE head SET epoch')
    await expect(call('startEpoch', 'suffix', [])).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await call('failStatements')
    expect(journal.stats?.retained).toEqual(before)
    expect((await journal.read([ALICE], undefined, 1e6)).retained?.entries).toHaveLength(1)
  })

  test('evicted retained events are remembered, and no position is used twice', async () => {
    const { journal, call, setBounds } = await objects.open({ maxRetainedBytes: 3_000 })
    const { end } = await journal.read([ALICE], undefined, 1e6)
    setBounds({ maxRetainedBytes: 3_000 })
    for (let n = 0; n < 5; n++) await journal.append(ALICE, { ...PRICE, key: `${n}` })
    expect(journal.stats?.retained).toMatchObject({ events: 2, evicted: 3, maxBytes: 3_000 })
    await call('restart')
    expect((await journal.read([ALICE], end.id, 1e6)).gap).toBe('evicted')
    expect((await journal.read([BOB], end.id, 1e6)).gap).toBeUndefined()
    const { sequence } = await journal.append(BOB, { data: 'x' })
    expect(sequence).toBeGreaterThan(5)
  })
})
