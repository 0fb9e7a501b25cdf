/** Checks of retained events: those that start read them first, those that resume at their place, and they outlive all others. */
import { clientKey, EVERYONE, topicKey } from '../../core/address.ts'
import type { HubEvent } from '../../core/event.ts'
import type { ReplayBatch, RetainedBatch } from '../journal.ts'
import {
  type ConformanceBounds,
  type ConformanceCheck,
  check,
  decodeFrame,
  equal,
  idsOf,
  type JournalUnderTest,
  type OpenJournal,
  truthy,
} from './harness.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')
const ALL = [EVERYONE, ALICE, BOB, NEWS]

const PRICE: HubEvent = { key: 'price', replace: true, retain: true, data: '1' }
const OTHER: HubEvent = { data: 'other' }

/** The checks of `append` with `retain`, and of `retained`. They pass for a journal that retains nothing. */
export function retainedChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    retaining('a read without a cursor returns what is retained', async ({ append, start }) => {
      equal(kept(await start([ALICE, NEWS])), [])
      await append(ALICE, PRICE)
      const other = await append(ALICE, { ...PRICE, key: 'other' })
      const price = await append(ALICE, { ...PRICE, data: '2' })
      await append(BOB, PRICE)
      const last = await append(NEWS, { ...PRICE, key: '', event: 'x' })
      const batch = await start([ALICE, NEWS])
      equal(kept(batch), [other, price, last])
      equal([batch.entries, batch.done, batch.end.id], [[], true, last])
      equal(decodeFrame(batch.retained?.entries[1]), frameOf(price, '2'))
      await append(ALICE, { key: 'other', replace: true, data: '' })
      equal(kept(await start([ALICE, NEWS])), [price, last])
      equal(kept(await start([EVERYONE])), [])
    }),

    retaining('a retained event is delivered like others', async ({ append, test }) => {
      const ids = [await append(ALICE, PRICE), await append([ALICE, NEWS], { ...PRICE, data: '2' })]
      await test.eventually(() => test.deliveries.length === 2)
      equal(test.deliveries.map(decodeFrame), [frameOf(ids[0], '1'), frameOf(ids[1], '2')])
    }),

    retaining('a retained event is replayed at its place', async ({ append, read }) => {
      const a = await append(ALICE, OTHER)
      const price = await append(ALICE, PRICE)
      const b = await append(ALICE, OTHER)
      const several = await append([NEWS, ALICE], { ...PRICE, key: 'both' })
      const c = await append(NEWS, OTHER)
      equal(found(await read([ALICE, NEWS], a)), [undefined, [price, b, several, c]])
      equal(found(await read([ALICE, NEWS], price)), [undefined, [b, several, c]])
      equal(found(await read([NEWS, ALICE], several)), [undefined, [c]])
      equal(found(await read([ALICE, NEWS], 'earliest')), [undefined, [a, price, b, several, c]])
      const frames = (await read([ALICE], a)).entries.map(decodeFrame)
      equal(frames[0], frameOf(price, '1'))
    }),

    retaining('events replace retained ones, and the other way around', async (hub) => {
      const { append, read, start } = hub
      const { end } = await start([ALICE])
      await append(ALICE, { ...PRICE, retain: undefined, replace: undefined })
      const retained = await append(ALICE, PRICE)
      equal(found(await read([ALICE], end.id)), [undefined, [retained]])
      const plain = await append(ALICE, { ...PRICE, retain: undefined })
      equal(found(await read([ALICE], end.id)), [undefined, [plain]])
      equal(kept(await start([ALICE])), [])
      const again = await append([ALICE, BOB], PRICE)
      const last = await append(BOB, PRICE)
      equal(found(await read([ALICE, BOB], end.id)), [undefined, [again, last]])
      equal(kept(await start([ALICE, BOB])), [again, last])
      equal(kept(await start([BOB])), [last])
    }),

    retaining(
      'retained events outlive others, and are no gap',
      async ({ append, read, start }) => {
        const { end } = await start(ALL)
        const price = await append([ALICE, BOB], PRICE)
        const other = await append(ALICE, { ...PRICE, key: 'other' })
        const ids: string[] = []
        for (let n = 0; n < 6; n++) ids.push(await append(ALICE, OTHER))
        equal(found(await read([ALICE], end.id)), ['evicted', [price, other, ...ids.slice(-2)]])
        equal(found(await read([BOB], end.id)), [undefined, [price]])
        equal(kept(await start([ALICE, BOB])), [price, other])
      },
      { maxEvents: 2 },
    ),

    retaining(
      'retained events do not age',
      async ({ append, read, start, test }) => {
        const { end } = await start(ALL)
        const price = await append([ALICE, BOB], PRICE)
        const last = await append(ALICE, OTHER)
        await test.advance(300)
        await append(NEWS, OTHER)
        equal(found(await read([ALICE], end.id)), ['evicted', [price]])
        equal(found(await read([ALICE], last)), [undefined, []])
        equal(found(await read([BOB], end.id)), [undefined, [price]])
        equal(kept(await start([ALICE, BOB])), [price])
      },
      { maxAgeMs: 200 },
    ),

    retaining('retained events are read in batches', async ({ append, start, test }) => {
      const ids: string[] = []
      const data = 'x'.repeat(100)
      for (let n = 0; n < 40; n++) {
        const keys = n % 3 === 0 ? [ALICE, NEWS] : n % 3 === 1 ? ALICE : NEWS
        ids.push(await append(keys, { ...PRICE, key: `${n}`, data }))
        await append(BOB, { ...PRICE, key: `${n}`, data })
      }
      const first = await start([ALICE, NEWS], 500)
      const all = [...kept(first)]
      let batch = first.retained
      let batches = 1
      for (; batch && !batch.done && batches <= 40; batches += 1) {
        const after = batch.entries.at(-1)?.sequence ?? 0
        batch = await test.journal.retained?.([ALICE, NEWS], after, 500)
        truthy((batch?.entries.length ?? 0) > 0, 'a batch has an entry')
        all.push(...retainedIds(batch))
      }
      equal(all, ids)
      truthy(batches > 5, `${batches} batches respect their size`)
      const one = await test.journal.retained?.([ALICE], first.end.sequence, 1e6)
      equal([retainedIds(one), one?.done], [[], true])
    }),

    retaining(
      'beyond their bound, the oldest are evicted, which is a gap for those who missed them',
      async ({ append, read, start, test }) => {
        const { end } = await start(ALL)
        const first = await append(BOB, OTHER)
        const ids: string[] = []
        for (let n = 0; n < 30; n++) {
          ids.push(await append(ALICE, { ...PRICE, key: `${n}`, data: 'x'.repeat(500) }))
        }
        const all = kept(await start(ALL))
        truthy(all.length > 3 && all.length < 20, `${all.length} are retained`)
        equal(all, ids.slice(-all.length))
        equal(found(await read([ALICE], end.id)), ['evicted', all])
        const lost = ids.length - all.length
        equal((await read([ALICE], ids[lost - 2])).gap, 'evicted')
        equal((await read([ALICE], ids[lost - 1])).gap, undefined)
        equal(found(await read([BOB], end.id)), [undefined, [first]])
        const { stats } = test.journal
        await test.eventually(() => test.journal.stats?.retained?.events === all.length)
        truthy((stats?.retained?.bytes ?? 0) <= 10_000, `${stats?.retained?.bytes} bytes`)
        // Replacing one that was evicted evicts another.
        const next = await append(ALICE, { ...PRICE, key: '0', data: 'x'.repeat(500) })
        equal(kept(await start(ALL)), [...all.slice(1), next])
      },
      { maxRetainedBytes: 10_000 },
    ),

    retaining(
      'a retained event whose copies exceed the bound is refused, and evicts none',
      async ({ append, start }) => {
        const price = await append(ALICE, PRICE)
        const large = 'x'.repeat(4_000)
        // Only just: in bytes, and with the overhead of storing it.
        for (const data of [large, 'ä'.repeat(5_000), 'x'.repeat(9_900)]) {
          const addresses = data === large ? [ALICE, BOB, NEWS] : NEWS
          const outcome = append(addresses, { ...PRICE, data }).catch((error) => error?.code)
          equal(await outcome, 'event-too-large')
        }
        equal(kept(await start(ALL)), [price])
      },
      { maxRetainedBytes: 10_000 },
    ),

    retaining('retained events are found after a restart', async ({ append, start, test }) => {
      const { end } = await start(ALL)
      await append(ALICE, OTHER)
      const price = await append([ALICE, BOB], PRICE)
      const again = await test.reopen?.()
      if (!again) return
      const batch = await again.read([ALICE], undefined, 1e6)
      const old = await again.read([ALICE], end.id, 1e6)
      if (!old.gap) equal(kept(batch).map(sequenceIn), [sequenceIn(price)])
      const { id } = await again.append(ALICE, { ...PRICE, data: '2' })
      equal(kept(await again.read([ALICE], undefined, 1e6)), [id])
      truthy(sequenceIn(id) > sequenceIn(price), 'positions go on')
    }),

    retaining('the figures of retained events are those of now', async ({ append, test }) => {
      const { journal, eventually } = test
      for (let n = 0; n < 3; n++) await append([ALICE, BOB], PRICE)
      await append(ALICE, OTHER)
      await eventually(() => journal.stats?.retained?.events === 2)
      await eventually(() => journal.stats?.events === 1)
      truthy((journal.stats?.retained?.bytes ?? 0) > 2 * 20, 'their bytes are counted')
      equal([journal.stats?.evicted ?? 0, journal.stats?.retained?.evicted ?? 0], [0, 0])
      await append([ALICE, BOB], { ...PRICE, retain: undefined, data: '' })
      await eventually(() => journal.stats?.retained?.events === 0)
      equal(journal.stats?.retained?.bytes, 0)
    }),
  ]

  function retaining(
    name: string,
    run: (hub: Awaited<ReturnType<typeof setUp>>) => Promise<void>,
    bounds: ConformanceBounds = {},
  ): ConformanceCheck {
    return check(name, async () => {
      const test = await open(bounds, [ALICE])
      if (test.journal.retained) await run(await setUp(test))
    })
  }

  async function setUp(test: JournalUnderTest) {
    const { journal } = test
    return {
      test,
      append: async (keys: string | readonly string[], event: HubEvent) =>
        (await journal.append(keys, event)).id,
      read: async (keys: readonly string[], cursor?: string) =>
        await journal.read(keys, cursor, 1e6),
      start: async (keys: readonly string[], maxBytes = 1e6) =>
        await journal.read(keys, undefined, maxBytes),
    }
  }
}

function kept({ retained }: ReplayBatch): readonly string[] {
  if (retained && retained.entries.length === 0) return ['an empty batch']
  return retainedIds(retained)
}

function retainedIds(batch: RetainedBatch | undefined): readonly string[] {
  return batch?.entries.map(({ id }) => id) ?? []
}

function found(batch: ReplayBatch): readonly unknown[] {
  return [batch.gap, idsOf(batch)]
}

function frameOf(id: string | undefined, data: string): string {
  return `id: ${id}\n: key price\n: retained\ndata: ${data}\n\n`
}

function sequenceIn(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1))
}
