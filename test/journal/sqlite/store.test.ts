/** The store in SQLite meets its bounds exactly, and does no work that they do not need. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import { type Objects, startObjects } from '../../support/sqlite-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')

/** What the statement that looks for entries to evict starts with. */
const SWEEP = 'SELECT sequence, at, bytes'

describe('the store in SQLite', () => {
  let objects: Objects
  beforeAll(async () => {
    objects = await startObjects()
  })
  afterAll(() => objects.close())

  test('counts the bytes of a key twice', async () => {
    const { journal } = await objects.open()
    await journal.append(clientKey('a'), { data: 'x' })
    const { bytes = 0 } = journal.stats ?? {}
    await journal.append(clientKey(`${'ä'.repeat(50)}a`), { data: 'x' })
    expect(journal.stats?.bytes).toBe(2 * bytes + 200)
  })

  test('keeps events that fill the bound on bytes exactly, and looks for none to evict', async () => {
    const { journal: measured } = await objects.open()
    await measured.append(ALICE, { data: 'x' })
    const { bytes = 0 } = measured.stats ?? {}
    const { journal, call } = await objects.open({ maxBytes: 2 * bytes })
    await journal.append(ALICE, { data: '1' })
    await call('failStatements', SWEEP)
    await journal.append(BOB.replace('bob', 'robin'), { data: '2' })
    expect(journal.stats).toMatchObject({ events: 2, bytes: 2 * bytes, evicted: 0 })
    await call('failStatements')
    await call('appendEach', [ALICE, ALICE, ALICE], 'x')
    expect(journal.stats).toMatchObject({ events: 2, bytes: 2 * bytes, evicted: 3 })
    await journal.append(ALICE, { data: 'x'.repeat(20 * bytes) })
    expect(journal.stats).toMatchObject({ events: 0, bytes: 0, evicted: 6, maxBytes: 2 * bytes })
  })

  test('keeps events until they are older than the bound, and then evicts no others', async () => {
    const { journal, call, advance } = await objects.open({ maxAgeMs: 60_000 })
    const sequences = async () => {
      const { entries } = await journal.read([ALICE, BOB], 'earliest', 1_000)
      return entries.map(({ sequence }) => sequence)
    }
    await journal.append(ALICE, { data: 'a' })
    await advance(1)
    await journal.append(BOB, { data: 'b' })
    await advance(59_999)
    await call('restart')
    await call('failStatements', 'transaction')
    expect(await sequences()).toEqual([1, 2])
    await call('failStatements')
    await advance(1)
    expect(await sequences()).toEqual([2])
    await advance(1)
    expect(await sequences()).toEqual([])
  })

  test('keeps a young event whose address has lost an old one', async () => {
    const { journal, advance } = await objects.open({ maxAgeMs: 60_000, maxEvents: 1 })
    await journal.append(ALICE, { data: 'a' })
    await advance(30_000)
    const { id } = await journal.append(ALICE, { data: 'b' })
    await advance(30_001)
    expect(await journal.read([ALICE], 'earliest', 1_000)).toMatchObject({ entries: [{ id }] })
  })

  test.each([250, 500, 501])('reads %i events in parts, each once', async (count) => {
    const { journal, call } = await objects.open()
    const sequences = await call('appendEach', Array(count).fill(ALICE), 'x')
    expect(sequences).toHaveLength(count)
    const { entries, done } = await journal.read([ALICE], 'earliest', 1e6)
    expect(done).toBe(true)
    expect(entries.map(({ sequence }) => sequence)).toEqual(sequences)
  })

  test('stores as many empty addresses as it may, and 250 more until the next alarm', async () => {
    const { call } = await objects.open({ maxEvents: 0, maxEmptyAddresses: 2 })
    const keys = (count: number, name: string) =>
      Array.from({ length: count }, (_, n) => clientKey(`${name}${n}`))
    await call('appendEach', keys(252, 'a'), 'x')
    expect(await call('count', 'addresses')).toBe(252)
    await call('appendEach', keys(1, 'b'), 'x')
    expect(await call('count', 'addresses')).toBe(2)
    await call('appendEach', keys(1, 'c'), 'x')
    expect(await call('count', 'addresses')).toBe(3)
    await call('prune')
    expect(await call('count', 'addresses')).toBe(2)
  })

  test('counts an address as empty only while it has no events', async () => {
    const bounds = { maxEvents: 2, maxAgeMs: 60_000, maxEmptyAddresses: 2 }
    const { call, advance } = await objects.open(bounds)
    await call('appendEach', [BOB], 'x')
    await advance(60_001)
    await call('appendEach', Array(20).fill(ALICE), 'x')
    await call('prune')
    expect(await call('count', 'addresses')).toBe(2)
    await call('appendEach', ['a', 'b', 'c', 'd'].map(clientKey), 'x')
    await advance(60_001)
    await call('prune')
    expect(await call('count', 'addresses')).toBe(2)
  })

  test('keeps the record of an empty address, however often others become empty again', async () => {
    const { call } = await objects.open({ maxEvents: 0, maxEmptyAddresses: 2 })
    await call('appendEach', [BOB, ...Array(20).fill(ALICE)], 'x')
    await call('prune')
    expect(await call('count', 'addresses')).toBe(2)
  })

  test('reads floors only for cursors below them', async () => {
    const { journal, call } = await objects.open({ maxEvents: 0, maxEmptyAddresses: 1 })
    await call('failStatements', 'FROM floors')
    await call('appendEach', [ALICE], 'x')
    await call('failStatements')
    await call('appendEach', [BOB, clientKey('carol')], 'x')
    await call('prune')
    await call('failStatements', 'FROM floors')
    const [epoch] = journal.head().id.split('-')
    const read = (sequence: number) => journal.read([ALICE], `${epoch}-${sequence}`, 1_000)
    expect((await read(2)).gap).toBeUndefined()
    await expect(read(1)).rejects.toThrow('disk is full')
  })
})
