/** Events for several addresses in SQLite: one frame, a row for each address, and a format that older versions refuse. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { type Objects, startObjects } from '../../support/sqlite-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const MANY = Array.from({ length: 1_000 }, (_, n) => clientKey(`client-${n}`))

describe('an event for several addresses in SQLite', () => {
  let objects: Objects
  beforeAll(async () => {
    objects = await startObjects()
  })
  afterAll(() => objects.close())

  test('stores its frame once, until its last address has lost it', async () => {
    const { journal, call } = await objects.open({ maxEvents: 1 })
    const tables = async () => [await call('count', 'entries'), await call('count', 'recipients')]
    await journal.append([ALICE, BOB], { data: 'x'.repeat(1_000) })
    const { bytes = 0 } = journal.stats ?? {}
    expect(bytes).toBeGreaterThan(1_000)
    expect(bytes).toBeLessThan(1_300)
    expect(await tables()).toEqual([1, 2])
    await journal.append(ALICE, { data: 'a' })
    expect(await tables()).toEqual([2, 1])
    expect(journal.stats).toMatchObject({ events: 2, evicted: 0 })
    expect(journal.stats?.bytes).toBeGreaterThan(bytes)
    await journal.append(BOB, { data: 'b' })
    expect(await tables()).toEqual([2, 0])
    expect(journal.stats).toMatchObject({ events: 2, evicted: 1 })
    expect(journal.stats?.bytes).toBeLessThan(500)
  })

  test('lets older versions in again, also if the object restarts after the last one has gone', async () => {
    const { journal, call, advance } = await objects.open({ maxAgeMs: 1_000 })
    await journal.append([ALICE, BOB], { data: 'x' })
    expect(await call('format')).toBe(2)
    await advance(5_000)
    await journal.read([ALICE], 'earliest', 1e6)
    expect(await call('count', 'recipients')).toBe(0)
    await call('restart')
    await call('prune')
    expect(await call('format')).toBe(1)
  })

  test('is evicted with all of its rows by age, and costs few rows for each address', async () => {
    const { journal, call, advance } = await objects.open({ maxAgeMs: 60_000 })
    await call('rows')
    await journal.append(MANY, { data: 'x' })
    await advance(60_001)
    await call('prune')
    const { written } = (await call('rows')) as { readonly written: number }
    expect(written / MANY.length).toBeLessThan(7)
    expect([await call('count', 'entries'), await call('count', 'recipients')]).toEqual([0, 0])
    expect(journal.stats).toMatchObject({ events: 0, bytes: 0 })
  })

  test('keeps older versions out for as long as it is stored, and no longer', async () => {
    const { journal, call, advance } = await objects.open({ maxAgeMs: 60_000 })
    await journal.append(ALICE, { data: 'one address' })
    expect(await call('format')).toBe(1)
    await call('failStatements', 'UPDATE format')
    await expect(journal.append([ALICE, BOB], { data: 'x' })).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await call('failStatements')
    expect([await call('format'), await call('count', 'recipients')]).toEqual([1, 0])
    await journal.append([ALICE, BOB], { data: 'two addresses' })
    expect(await call('format')).toBe(2)
    await call('restart')
    await call('prune')
    expect(await call('format')).toBe(2)
    expect((await journal.read([BOB], 'earliest', 1_000)).entries).toHaveLength(1)
    await advance(60_001)
    await call('prune')
    expect(await call('format')).toBe(1)
  })

  test('leaves its sequence to several addresses, each of which reports it as lost', async () => {
    const { journal, call } = await objects.open({ maxEvents: 0, maxEmptyAddresses: 100 })
    const { end } = await journal.read([ALICE], undefined, 1_000)
    await journal.append(MANY, { data: 'x' })
    const { id } = await journal.append([ALICE, BOB], { data: 'x' })
    await call('prune')
    expect(await call('count', 'addresses')).toBe(100)
    for (const key of [...MANY, ALICE, BOB]) {
      expect((await journal.read([key], end.id, 1_000)).gap).toBe('evicted')
    }
    for (const key of [ALICE, BOB]) {
      expect((await journal.read([key], id, 1_000)).gap).toBeUndefined()
    }
  })
})
