/** One suite for every journal: what the hub above may count on. */
import { expect, test } from 'vitest'
import { clientKey, EVERYONE, topicKey } from '../../src/core/address.ts'
import type { Delivery, Journal, ReplayBatch } from '../../src/journal/journal.ts'
import { eventually } from './eventually.ts'

/** A journal on trial, and what was delivered by it. */
export interface Trial {
  readonly journal: Journal
  readonly deliveries: readonly Delivery[]
  /** Resolves when as many deliveries have come. */
  delivered(count: number): Promise<void>
  /** Lets time pass as the journal sees it. */
  pass(ms: number): Promise<void>
}

/** The bounds that tests set. */
export interface Bounds {
  readonly maxEvents?: number
  readonly maxAgeMs?: number
  readonly maxBytes?: number
}

/** Makes an empty journal that is ready, opened, and watches these keys. */
export type MakeTrial = (bounds: Bounds, watched?: readonly string[]) => Promise<Trial>

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')
const KEYS = [EVERYONE, ALICE, NEWS]

const idsOf = ({ entries }: ReplayBatch) => entries.map(({ id }) => id)
const text = ({ frame }: { readonly frame: Uint8Array }) => new TextDecoder().decode(frame)

/** Holds a journal to its contract. */
export function journalSuite(makeTrial: MakeTrial): void {
  async function setUp(bounds: Bounds = {}, watched?: readonly string[]) {
    const trial = await makeTrial(bounds, watched)
    const { journal } = trial
    return { ...trial, put, read }

    async function put(key: string, ...data: string[]): Promise<string[]> {
      const ids: string[] = []
      for (const one of data) ids.push((await journal.append(key, { data: one })).id)
      return ids
    }

    async function read(
      keys: readonly string[],
      cursor?: string,
      bytes = 1e6,
    ): Promise<ReplayBatch> {
      return await journal.read(keys, cursor, bytes)
    }
  }

  test('ids grow by one over all addresses together', async () => {
    const { put } = await setUp()
    const ids = [
      ...(await put(ALICE, 'a')),
      ...(await put(NEWS, 'b')),
      ...(await put(EVERYONE, 'c')),
    ]
    const [epoch] = ids[0]?.split('-') ?? []
    expect(epoch).toMatch(/^[0-9a-z]+$/)
    expect(ids).toEqual([`${epoch}-1`, `${epoch}-2`, `${epoch}-3`])
  })

  test('what is put at a watched key is delivered in order, with the frame that is kept', async () => {
    const { put, read, deliveries, delivered, journal } = await setUp({}, [ALICE, NEWS])
    const ids = [
      ...(await put(ALICE, 'a\nb')),
      ...(await put(NEWS, 'ü €')),
      ...(await put(ALICE, 'c')),
    ]
    await delivered(3)
    expect(deliveries.map(({ key, entry }) => [key, entry?.id])).toEqual([
      [ALICE, ids[0]],
      [NEWS, ids[1]],
      [ALICE, ids[2]],
    ])
    const { entries } = await read([ALICE, NEWS], 'earliest')
    expect(deliveries.map(text)).toEqual(entries.map(text))
    expect(deliveries.map(text)[0]).toBe(`id: ${ids[0]}\ndata: a\ndata: b\n\n`)
    expect(journal.head().id).toBe(ids[2])
  })

  test('what is only relayed is delivered, and has no place', async () => {
    const { journal, read, deliveries, delivered } = await setUp({}, [EVERYONE])
    await journal.relay(EVERYONE, { data: 'now', event: 'typing' })
    await delivered(1)
    expect(deliveries.map(({ key, entry }) => [key, entry])).toEqual([[EVERYONE, undefined]])
    expect(deliveries.map(text)).toEqual(['event: typing\ndata: now\n\n'])
    expect((await read([EVERYONE], 'earliest')).entries).toEqual([])
  })

  test('a reading finds what was missed at its addresses, oldest first, and nothing of others', async () => {
    const { put, read } = await setUp()
    const { end } = await read(KEYS)
    const [a] = await put(ALICE, 'a')
    await put(BOB, 'b')
    const [c] = await put(EVERYONE, 'c')
    const [d] = await put(NEWS, 'd')
    const [f] = await put(ALICE, 'f')
    expect(await read(KEYS, end.id)).toMatchObject({ done: true, gap: undefined })
    expect(idsOf(await read(KEYS, end.id))).toEqual([a, c, d, f])
    expect(idsOf(await read(KEYS, c))).toEqual([d, f])
    expect(idsOf(await read([BOB], f))).toEqual([])
  })

  test('a reading from now on finds nothing, and says where that is', async () => {
    const { put, read } = await setUp()
    const [a] = await put(ALICE, 'a')
    expect(await read(KEYS)).toMatchObject({ entries: [], done: true, end: { id: a, sequence: 1 } })
  })

  test('a reading goes page by page, each of one entry at least', async () => {
    const { put, read } = await setUp()
    const start = (await read([ALICE])).end.id
    const big = 'x'.repeat(500)
    const ids = await put(ALICE, big, ...Array.from({ length: 70 }, (_, i) => `${i}`), big, 'd')
    const pages: ReplayBatch[] = []
    for (let cursor = start; ; cursor = pages.at(-1)?.end.id ?? '') {
      const page = await read([ALICE, NEWS], cursor, 200)
      pages.push(page)
      expect(page.entries.length).toBeGreaterThan(0)
      if (page.done) break
    }
    expect(pages.flatMap(idsOf)).toEqual(ids)
    expect(pages.length).toBeGreaterThan(3)
    expect(pages.at(-1)?.end.id).toBe(ids.at(-1))
  })

  test('an eviction is told to who missed it, and to nobody else', async () => {
    const { put, read } = await setUp({ maxEvents: 2 })
    const { end } = await read([ALICE])
    const [bobs] = await put(BOB, 'b')
    const [first, second, , last] = await put(ALICE, ...'1234')
    expect((await read([EVERYONE, ALICE], end.id)).gap).toBe('evicted')
    expect((await read([ALICE], first)).gap).toBe('evicted')
    expect((await read([ALICE], second)).gap).toBeUndefined()
    expect((await read([BOB, NEWS], end.id)).gap).toBeUndefined()
    expect(idsOf(await read([ALICE], 'earliest'))).toHaveLength(2)
    expect((await read([ALICE], 'earliest')).gap).toBeUndefined()
    expect(idsOf(await read([BOB], 'earliest'))).toEqual([bobs])
    expect((await read([ALICE], last)).entries).toEqual([])
  })

  test('what is too old is given up, and that is told, also when an address has nothing left', async () => {
    const { put, read, pass } = await setUp({ maxAgeMs: 200 })
    const { end } = await read([ALICE])
    const [last] = await put(ALICE, 'a')
    await pass(300)
    await put(BOB, 'b')
    expect(await read([ALICE], end.id)).toMatchObject({ entries: [], gap: 'evicted' })
    expect((await read([ALICE], last)).gap).toBeUndefined()
    expect((await read([NEWS], end.id)).gap).toBeUndefined()
  })

  test('a bound on bytes evicts the oldest event, whatever its address', async () => {
    const { put, read } = await setUp({ maxBytes: 10_000 })
    const keys = [ALICE, BOB, NEWS]
    const ids: string[] = []
    for (let i = 0; i < 60; i++) ids.push(...(await put(keys[i % 3] ?? ALICE, 'x'.repeat(300))))
    const kept = idsOf(await read(keys, 'earliest'))
    expect(kept.length).toBeGreaterThan(5)
    expect(kept.length * 300).toBeLessThanOrEqual(10_000)
    expect(kept).toEqual(ids.slice(-kept.length))
  })

  test('tells how much it holds, without what it has given up', async () => {
    const { journal, put } = await setUp({ maxEvents: 2 })
    const holds = (events: number) =>
      eventually(() => {
        expect(journal.stats).toMatchObject({ events, bytes: expect.any(Number) })
        return journal.stats?.bytes ?? 0
      })
    expect(await holds(0)).toBe(0)
    await put(ALICE, 'a')
    const one = await holds(1)
    expect(one).toBeGreaterThan('id: \ndata: a\n\n'.length)
    await put(ALICE, 'b', 'c', 'd')
    await put(BOB, 'x'.repeat(1_000))
    const three = await holds(3)
    expect(three).toBeGreaterThan(1_000 + one)
    expect(three).toBeLessThan(1_000 + 4 * one)
  })

  test('a journal of zero keeps nothing, and reports a gap', async () => {
    const { put, read } = await setUp({ maxEvents: 0 })
    const { end } = await read([ALICE])
    const [, b] = await put(ALICE, 'a', 'b')
    expect(await read([ALICE], end.id)).toMatchObject({ entries: [], done: true, gap: 'evicted' })
    expect((await read([ALICE], b)).gap).toBeUndefined()
  })

  test.each([
    ['of another epoch', (id: string) => id.replace(/^./, (first) => (first === 'a' ? 'b' : 'a'))],
    ['of the future', (id: string) => id.replace(/\d+$/, (digits) => `${Number(digits) + 1}`)],
    ['of an epoch named like a word of ours', () => 'latest-1'],
    ['of an epoch named like another', () => 'earliest-1'],
    ['with an epoch only', (id: string) => id.replace(/\d+$/, '')],
    ['in other letters', (id: string) => id.toUpperCase()],
    ['called latest', () => 'latest'],
    ['that is empty', () => ''],
    ['that is nonsense', () => '🙂'],
  ])('a cursor %s is a gap of the epoch, and all that is kept follows', async (_, forge) => {
    const { put, read } = await setUp()
    const ids = await put(ALICE, 'a', 'b')
    const page = await read([ALICE], forge(ids[1] ?? ''))
    expect(page.gap).toBe('epoch')
    expect(idsOf(page)).toEqual(ids)
  })

  test('a name can be used once, also by several at the same time', async () => {
    const { journal } = await setUp()
    const use = async () => await journal.useOnce('ticket', 60_000)
    const uses = await Promise.all([use(), use(), use()])
    expect(uses.filter((first) => first)).toHaveLength(1)
    expect(await use()).toBe(false)
    expect(await journal.useOnce('another', 60_000)).toBe(true)
  })
}
