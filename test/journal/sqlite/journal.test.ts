/** The journal in SQLite keeps the contract of all journals, and what only one on disk can promise. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { clientKey, EVERYONE } from '../../../src/core/address.ts'
import { createSqliteJournal } from '../../../src/journal/sqlite/journal.ts'
import { ROWS_PER_EVENT } from '../../bench/scaling.ts'
import { backplaneSuite, journalSuite } from '../../support/journal-suite.ts'
import { type Objects, startObjects } from '../../support/sqlite-journals.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')

interface Rows {
  readonly read: number
  readonly written: number
}

describe('the journal in SQLite', () => {
  let objects: Objects
  beforeAll(async () => {
    objects = await startObjects()
  })
  afterAll(() => objects.close())

  journalSuite((bounds) => objects.open(bounds))
  backplaneSuite((bounds) => objects.open(bounds))

  test('outlives its object: the epoch is the same, cursors stay valid, and no id comes twice', async () => {
    const { journal, call } = await objects.open()
    const first = await journal.append(ALICE, { data: 'a' })
    const second = await journal.append(ALICE, { data: 'b' })
    const { stats } = journal
    await call('restart')
    expect(journal.stats).toEqual(stats)
    const batch = await journal.read([ALICE], first.id, 1_000)
    expect(batch).toMatchObject({ gap: undefined, done: true })
    expect(batch.entries.map(({ id }) => id)).toEqual([second.id])
    const third = await journal.append(ALICE, { data: 'c' })
    expect(third.id.split('-')[0]).toBe(first.id.split('-')[0])
    expect(third.sequence).toBeGreaterThan(second.sequence + 1)
    const rest = await journal.read([ALICE], second.id, 1_000)
    expect(rest.entries.map(({ id }) => id)).toEqual([third.id])
    await call('restart')
    const fourth = await journal.append(ALICE, { data: 'd' })
    expect(fourth.sequence).toBeGreaterThan(third.sequence + 1)
  })

  test('refuses to go on when another one uses its storage: it would read the events of another hub', async () => {
    const { journal, call } = await objects.open()
    const { id } = await journal.append(ALICE, { data: 'a' })
    await call('openAnother')
    const refusal = {
      code: 'journal-unavailable',
      message: expect.stringMatching(/uses this storage/),
    }
    for (const use of [
      () => journal.append(ALICE, { data: 'b' }),
      () => journal.read([ALICE], id, 1_000),
      () => journal.retained?.([ALICE], 0, 1_000),
    ]) {
      await expect((async () => await use())()).rejects.toMatchObject(refusal)
    }
  })

  test.each([
    ['maxEvents', -1],
    ['maxAgeMs', -1],
    ['maxBytes', -1],
    ['maxEventBytes', 0],
  ])('refuses %s of %i, and names the option', async (name, value) => {
    const { call } = await objects.open({ [name]: value })
    await expect(call('head')).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining(`${name} `),
    })
  })

  test('delivers nothing once it is closed, and stores what is published', async () => {
    const { journal, call, deliveries } = await objects.open()
    await call('close')
    await journal.append(ALICE, { data: 'a' })
    expect(deliveries).toEqual([])
    expect((await journal.read([ALICE], 'earliest', 1_000)).entries).toHaveLength(1)
    expect(await journal.backplane.request('x', 0)).toMatchObject({ asked: 1 })
  })

  test('refuses a block over the bound before it takes effect, but not one that is stored already', async () => {
    const harness = await objects.open()
    const { journal, call, now } = harness
    const { request, useOnce } = journal.backplane
    expect((await request('block alice', 60_000)).responses).toHaveLength(1)
    await call('fillUsedNames', now + 60_000, 99_998)
    await request('block carol', 60_000)
    await expect(request('block bob', 60_000)).rejects.toMatchObject({ code: 'at-capacity' })
    expect(harness.requests).toEqual([])
    expect((await request('block alice', 90_000)).responses).toHaveLength(1)
    await harness.advance(60_000)
    expect(await useOnce('more', 1_000)).toBe(true)
    expect(await call('count', 'expiring')).toBe(100_000 - 500 + 1)
  })

  test('starts a permanent new epoch on request: older cursors become invalid, and stored events stay', async () => {
    const { journal, call } = await objects.open()
    const first = await journal.append(ALICE, { data: 'a' })
    const second = await journal.append(ALICE, { data: 'b' })
    await call('startEpoch', 'suffix')
    expect(journal.head().sequence).toBe(second.sequence)
    const third = await journal.append(ALICE, { data: 'c' })
    expect(third.sequence).toBe(second.sequence + 1)
    const epochs = [first, second, third].map(({ id }) => id.split('-')[0])
    expect(epochs).toEqual([epochs[0], epochs[0], expect.stringMatching(/^[0-9a-z]{12}suffix$/)])
    const check = async () => {
      const batch = await journal.read([ALICE], second.id, 1_000)
      expect(batch.gap).toBe('epoch')
      expect(batch.entries.map(({ sequence }) => sequence)).toEqual(
        [first, second, third].map(({ sequence }) => sequence),
      )
      const rest = await journal.read([ALICE], batch.entries[1]?.id ?? '', 1_000)
      expect(rest).toMatchObject({ gap: undefined, entries: [{ id: third.id }] })
    }
    await check()
    await call('restart')
    await check()
    expect(journal.head().id.split('-')[0]).toBe(epochs[2])
  })

  test('stamps the frames of an older epoch with ids that are valid now: a gap is reported once', async () => {
    const { journal, call } = await objects.open()
    const { id: old } = await journal.append(ALICE, { data: 'a\nid: 1' })
    await journal.append(ALICE, { data: 'b', event: 'e' })
    await call('startEpoch', 'suffix')
    await journal.append(ALICE, { data: 'c' })
    const { gap, entries } = await journal.read([ALICE], old, 1_000)
    expect(gap).toBe('epoch')
    const [a, b, c] = entries.map(({ id }) => id)
    expect(entries.map(({ frame }) => new TextDecoder().decode(frame))).toEqual([
      `id: ${a}\ndata: a\ndata: id: 1\n\n`,
      `id: ${b}\nevent: e\ndata: b\n\n`,
      `id: ${c}\ndata: c\n\n`,
    ])
    for (const id of [a, b, c]) {
      expect((await journal.read([ALICE], id, 1_000)).gap).toBeUndefined()
    }
  })

  test('keeps its epoch when the new one can’t be written', async () => {
    const { journal, call } = await objects.open()
    const { id } = await journal.append(ALICE, { data: 'a' })
    await call('failStatements', 'UPDATE head SET epoch')
    await expect(call('startEpoch', 'suffix')).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await call('failStatements')
    expect(journal.head().id).toBe(id)
    expect((await journal.read([ALICE], id, 1_000)).gap).toBeUndefined()
  })

  test('refuses a format that it does not know, and changes nothing', async () => {
    const { journal, call } = await objects.open()
    const { id } = await journal.append(ALICE, { data: 'a' })
    for (const format of [0, 4]) {
      await call('setFormat', format)
      await expect(call('restart')).rejects.toMatchObject({
        code: 'journal-unavailable',
        message: `The journal has format ${format}, but this version of the hub knows formats up to 3: deploy another version, or use an empty object.`,
      })
    }
    await call('setFormat', 1)
    await call('restart')
    expect(await journal.read([ALICE], 'earliest', 1_000)).toMatchObject({ entries: [{ id }] })
    expect(await call('count', 'format')).toBe(1)
  })

  test('knows after a restart which events it evicted before', async () => {
    const { journal, call } = await objects.open({ maxEvents: 1 })
    const first = await journal.append(ALICE, { data: 'a' })
    await journal.append(ALICE, { data: 'b' })
    await journal.append(ALICE, { data: 'c' })
    await call('restart')
    expect((await journal.read([ALICE], first.id, 1_000)).gap).toBe('evicted')
    expect((await journal.read([BOB, EVERYONE], first.id, 1_000)).gap).toBeUndefined()
  })

  test('applies new bounds after a restart', async () => {
    const { journal, call, setBounds } = await objects.open({ maxBytes: 100_000 })
    for (const data of 'abcd') await journal.append(ALICE, { data: data.repeat(1_000) })
    setBounds({ maxBytes: 2_500 })
    await call('restart')
    expect((await journal.read([ALICE], 'earliest', 1e6)).entries).toHaveLength(2)
  })

  test('writes no more rows per event, from append to eviction, than documented', async () => {
    const { call, advance } = await objects.open({ maxAgeMs: 60_000 })
    await call('rows')
    // The most expensive case: each event is the only one at its address.
    const keys = Array.from({ length: 100 }, (_, i) => clientKey(`c${i}`))
    await call('appendEach', keys, 'x')
    await advance(60_001)
    await call('prune')
    expect(await call('count', 'entries')).toBe(0)
    const { written } = (await call('rows')) as Rows
    expect(Math.round(written / 100)).toBe(ROWS_PER_EVENT)
  })

  test('reads and writes few rows for an event, also when there are too many addresses', async () => {
    const { call } = await objects.open({ maxEvents: 0, maxEmptyAddresses: 5_000 })
    await call('fillEmptyAddresses', 5_000)
    await call('rows')
    const keys = Array.from({ length: 600 }, (_, i) => clientKey(`c${i}`))
    await call('appendEach', keys, 'x')
    const { read, written } = (await call('rows')) as Rows
    expect(read / 600).toBeLessThan(20)
    expect(written / 600).toBeLessThan(ROWS_PER_EVENT + 3)
  })

  test('rolls back a write when the disk fails, and continues', async () => {
    const { journal, call, deliveries } = await objects.open({ maxEvents: 1 })
    const first = await journal.append(ALICE, { data: 'a' })
    await call('failStatements', 'DELETE')
    await expect(journal.append(ALICE, { data: 'b' })).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await call('failStatements')
    expect(journal.stats).toMatchObject({ events: await call('count', 'entries') })
    expect(deliveries).toHaveLength(1)
    const batch = await journal.read([ALICE], 'earliest', 1_000)
    expect(batch.entries.map(({ id }) => id)).toEqual([first.id])
    const next = await journal.append(ALICE, { data: 'c' })
    expect(next.sequence).toBe(first.sequence + 1)
    expect((await journal.read([ALICE], first.id, 1_000)).entries).toHaveLength(1)
  })

  test('drops the records of empty addresses beyond a bound, and reports gaps as precisely', async () => {
    const { journal, call } = await objects.open({ maxEvents: 0, maxEmptyAddresses: 2 })
    await call('fillEmptyAddresses', 3_000)
    await call('restart')
    const { id, sequence } = await journal.append(clientKey('a'), { data: 'a' })
    const [epoch] = id.split('-')
    await call('prune')
    expect(await call('count', 'addresses')).toBe(2)
    const gapOf = async (name: string, after: number) =>
      (await journal.read([clientKey(name)], `${epoch}-${after}`, 1_000)).gap
    const check = async () => {
      for (const lost of [1, 2, 700, 2_996, 2_997, 2_998, 2_999, 3_000]) {
        expect(await gapOf(`lost-${lost}`, lost - 1), `${lost}`).toBe('evicted')
        expect(await gapOf(`lost-${lost}`, 3_000), `${lost}`).toBeUndefined()
      }
      expect(await gapOf('a', sequence - 1)).toBe('evicted')
      const names = Array.from({ length: 100 }, (_, at) => `stranger-${at}`)
      const gaps = await Promise.all(names.map((name) => gapOf(name, 0)))
      expect(gaps.filter((gap) => gap !== undefined)).toEqual([])
    }
    await check()
    await call('restart')
    await check()
  })

  test('finds out what an address lost before its record was dropped when it gets events again', async () => {
    const { journal, call } = await objects.open({ maxEvents: 1, maxEmptyAddresses: 0 })
    await call('fillEmptyAddresses', 10)
    await call('restart')
    await call('prune')
    const { id } = await journal.append(clientKey('lost-5'), { data: 'a' })
    await journal.append(clientKey('stranger'), { data: 'a' })
    const [epoch] = id.split('-')
    const gapOf = async (name: string, after: number) =>
      (await journal.read([clientKey(name)], `${epoch}-${after}`, 1_000)).gap
    expect(await gapOf('lost-5', 4)).toBe('evicted')
    expect(await gapOf('lost-5', 5)).toBeUndefined()
    expect(await gapOf('stranger', 0)).toBeUndefined()
  })

  test('remembers used names after a restart, until they expire', async () => {
    const { journal, call, advance } = await objects.open()
    const { useOnce } = journal.backplane
    expect(await useOnce('ticket', 30_000)).toBe(true)
    await call('restart')
    expect(await useOnce('ticket', 30_000)).toBe(false)
    await advance(30_000)
    expect(await useOnce('ticket', 30_000)).toBe(true)
    await advance(30_000)
    await call('prune')
    expect(await call('count', 'expiring')).toBe(0)
  })

  test('does not look for expired names while there is room', async () => {
    const { journal, call } = await objects.open()
    await call('failStatements', 'DELETE FROM expiring')
    expect(await journal.backplane.useOnce('ticket', 1_000)).toBe(true)
  })

  test('says that it is unavailable when it can’t tell whether a name was used', async () => {
    const { journal, call } = await objects.open()
    await call('failStatements', 'SELECT 1 FROM expiring')
    await expect(journal.backplane.useOnce('ticket', 1_000)).rejects.toMatchObject({
      code: 'journal-unavailable',
    })
    await call('failStatements')
    expect(await journal.backplane.useOnce('ticket', 1_000)).toBe(true)
  })

  test('lists stored control requests in parts, without those that have expired', async () => {
    const { journal, call, advance } = await objects.open()
    const { request, useOnce } = journal.backplane
    await request('short', 1_000)
    for (const name of ['c', 'ä', 'a', '"', 'b']) await request(name, 5_000)
    await useOnce('request:"aa"', 5_000)
    await advance(1_000)
    const list = (after: string) => call('storedRequests', after, 2)
    const first = await list('')
    expect(first).toEqual([
      { text: '"\\""', remainingMs: 4_000 },
      { text: '"a"', remainingMs: 4_000 },
    ])
    expect(await list('"a"')).toMatchObject([{ text: '"b"' }, { text: '"c"' }])
    expect(await list('"c"')).toMatchObject([{ text: '"ä"' }])
    expect(await list('"ä"')).toEqual([])
  })

  test('repeats a stored control request after a restart, for the time that is left', async () => {
    const harness = await objects.open()
    expect(await harness.journal.backplane.request({ about: 'x' }, 60_000)).toEqual({
      responses: [1],
      asked: 1,
    })
    await harness.journal.backplane.request({ about: 'y' }, 0)
    await harness.journal.backplane.request('z', 60_000)
    await harness.advance(20_000)
    await harness.call('restart')
    expect(harness.requests).toEqual([
      ['z', 40_000],
      [{ about: 'x' }, 40_000],
    ])
    await harness.advance(40_000)
    await harness.call('restart')
    expect(harness.requests).toEqual([])
  })

  test('accepts the largest event that a hub may allow, and refuses a larger bound', async () => {
    const maxEventBytes = 2_000_000 - 4_096
    const { journal } = await objects.open({ maxEventBytes })
    const data = 'x'.repeat(maxEventBytes)
    await journal.append(ALICE, { data, event: 'e'.repeat(128) })
    expect((await journal.read([ALICE], 'earliest', 1)).entries).toHaveLength(1)
    const beyond = await objects.open({ maxEventBytes: maxEventBytes + 1 })
    await expect(beyond.call('head')).rejects.toMatchObject({ code: 'invalid-option' })
  })
})

const STORAGE = { transactionSync() {}, setAlarm() {} } as never

test.each<[RegExp, object]>([
  [/createSqliteJournal has no option "maxEvent"/, { maxEvent: 10 }],
  [/maxAgeMs of createSqliteJournal must be a finite number/, { maxAgeMs: '1000' }],
  [/maxEvents of createSqliteJournal must be a whole number/, { maxEvents: 1.5 }],
  [/maxEmptyAddresses must be between 0/, { maxEmptyAddresses: -1 }],
  [/clock of createSqliteJournal must be a clock/, { clock: {} }],
  [/createSqliteJournal requires storage/, { storage: undefined }],
  [/storage of createSqliteJournal must be state.storage/, { storage: {} }],
])('an option that is misspelt, or of another kind, is refused: %s', (message, options) => {
  const journal = () => createSqliteJournal({ storage: STORAGE, ...options })
  expect(journal).toThrow(message)
  expect(journal).toThrow(expect.objectContaining({ code: 'invalid-option' }))
})
