/** Checks that the log of every journal must pass. */
import { clientKey, EVERYONE, topicKey } from '../../core/address.ts'
import {
  type ConformanceBounds,
  type ConformanceCheck,
  check,
  decodeFrame,
  equal,
  idsOf,
  type OpenJournal,
  truthy,
} from './harness.ts'
import { keyChecks } from './key-checks.ts'
import { keyedPatternChecks } from './keyed-pattern-checks.ts'
import { onceChecks } from './once-checks.ts'
import { patternChecks } from './pattern-checks.ts'
import { restartChecks } from './restart-checks.ts'
import { retainedChecks } from './retained-checks.ts'
import { severalChecks } from './several-checks.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')
const KEYS = [EVERYONE, ALICE, NEWS]

/** Cursors that this journal never issued, made from one that it did. */
const FOREIGN_CURSORS: Readonly<Record<string, (id: string) => string>> = {
  'of another epoch': (id) => id.replace(/^./, (first) => (first === 'a' ? 'b' : 'a')),
  'from the future': (id) => id.replace(/\d+$/, (digits) => `${Number(digits) + 1}`),
  'of an epoch called latest': () => 'latest-1',
  'of an epoch called earliest': () => 'earliest-1',
  'without a sequence': (id) => id.replace(/\d+$/, ''),
  'in upper case': (id) => id.toUpperCase(),
  'called latest': () => 'latest',
  'that is empty': () => '',
  'that is not ASCII': () => '🙂',
}

/** The checks of `append`, `read`, `head`, deliveries, bounds, epochs and restarts. */
export function journalChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check('ids increase by one across all addresses', async () => {
      const { append } = await setUp()
      const ids = [...(await append(ALICE, 'a')), ...(await append(NEWS, 'b'))]
      ids.push(...(await append(EVERYONE, 'c')))
      const epoch = String(ids[0]).replace(/-1$/, '')
      truthy(/^[0-9a-z]+$/.test(epoch), `the epoch ${epoch} is lower-case letters and digits`)
      equal(ids, [`${epoch}-1`, `${epoch}-2`, `${epoch}-3`])
    }),

    check('events are delivered in order, with the frame that is stored', async () => {
      const test = await setUp({}, [ALICE, NEWS])
      const { append, read, deliveries, journal } = test
      const ids = [...(await append(ALICE, 'a\nb')), ...(await append(NEWS, 'ü €'))]
      ids.push(...(await append(ALICE, 'c')))
      await test.eventually(() => deliveries.length === 3)
      equal(
        deliveries.map(({ keys, entry }) => [keys, entry?.id]),
        [ALICE, NEWS, ALICE].map((key, n) => [key, ids[n]]),
      )
      const { entries } = await read([ALICE, NEWS], 'earliest')
      equal(deliveries.map(decodeFrame), entries.map(decodeFrame))
      equal(decodeFrame(deliveries[0]), `id: ${ids[0]}\ndata: a\ndata: b\n\n`)
      equal(journal.head().id, ids[2])
    }),

    check('a read returns what its addresses missed, oldest first, and nothing else', async () => {
      const { append, read } = await setUp()
      const { end } = await read(KEYS)
      const [a] = await append(ALICE, 'a')
      await append(BOB, 'b')
      const [c] = await append(EVERYONE, 'c')
      const [d] = await append(NEWS, 'd')
      const [e] = await append(ALICE, 'e')
      const batch = await read(KEYS, end.id)
      equal([batch.done, batch.gap], [true, undefined])
      equal(idsOf(batch), [a, c, d, e])
      equal(idsOf(await read(KEYS, c)), [d, e])
      equal(idsOf(await read([BOB], e)), [])
    }),

    check('a read without a cursor returns no events, and where the journal ends', async () => {
      const { append, read } = await setUp()
      const [a] = await append(ALICE, 'a')
      const { entries, done, end } = await read(KEYS)
      equal([entries, done, end.id, end.sequence], [[], true, a, 1])
    }),

    check('a long read is split into batches, each with at least one entry', async () => {
      const { append, read } = await setUp()
      let cursor = (await read([ALICE])).end.id
      const big = 'x'.repeat(500)
      const small = Array.from({ length: 70 }, (_, n) => `${n}`)
      const ids = await append(ALICE, big, ...small, big, 'last')
      const found: string[][] = []
      for (let done = false; !done && found.length <= ids.length; ) {
        const batch = await read([ALICE, NEWS], cursor, 200)
        truthy(batch.entries.length > 0, 'a batch has an entry')
        found.push(idsOf(batch))
        cursor = batch.end.id
        done = batch.done
      }
      equal(found.flat(), ids)
      truthy(found.length > 3, 'a batch respects its size limit')
      equal(cursor, ids.at(-1))
    }),

    check(
      'a gap is reported where an event of these addresses was evicted, and only there',
      async () => {
        const { append, read } = await setUp({ maxEvents: 2 })
        const { end } = await read([ALICE])
        const [bobs] = await append(BOB, 'b')
        const [first, second, , last] = await append(ALICE, '1', '2', '3', '4')
        equal((await read([EVERYONE, ALICE], end.id)).gap, 'evicted')
        equal((await read([ALICE], first)).gap, 'evicted')
        equal((await read([ALICE], second)).gap, undefined)
        equal((await read([BOB, NEWS], end.id)).gap, undefined)
        const earliest = await read([ALICE], 'earliest')
        equal([idsOf(earliest).length, earliest.gap], [2, undefined])
        equal(idsOf(await read([BOB], 'earliest')), [bobs])
        equal(idsOf(await read([ALICE], last)), [])
      },
    ),

    check(
      'an event that is too old is evicted and reported, even as the last of its address',
      async () => {
        const { append, read, advance } = await setUp({ maxAgeMs: 200 })
        const { end } = await read([ALICE])
        const [last] = await append(ALICE, 'a')
        await advance(300)
        await append(BOB, 'b')
        const batch = await read([ALICE], end.id)
        equal([batch.entries, batch.gap], [[], 'evicted'])
        equal((await read([ALICE], last)).gap, undefined)
        equal((await read([NEWS], end.id)).gap, undefined)
      },
    ),

    check('the bound on bytes evicts the oldest events of all addresses', async () => {
      const { append, read } = await setUp({ maxBytes: 10_000 })
      const keys = [ALICE, BOB, NEWS]
      const ids: string[] = []
      for (let n = 0; n < 60; n++) ids.push(...(await append(keys[n % 3] ?? '', 'x'.repeat(300))))
      const stored = idsOf(await read(keys, 'earliest'))
      truthy(
        stored.length > 5 && stored.length * 300 <= 10_000,
        `${stored.length} events are stored`,
      )
      equal(stored, ids.slice(-stored.length))
    }),

    check('stats count what is stored, without what was evicted', async () => {
      const { journal, append, eventually } = await setUp({ maxEvents: 2 })
      const bytesWith = async (events: number) => {
        await eventually(() => journal.stats?.events === events)
        return journal.stats?.bytes ?? Number.NaN
      }
      equal(await bytesWith(0), 0)
      await append(ALICE, 'a')
      const one = await bytesWith(1)
      truthy(one > 'id: \ndata: a\n\n'.length, `${one} bytes include the frame`)
      await append(ALICE, 'b', 'c', 'd')
      await append(BOB, 'x'.repeat(1_000))
      const three = await bytesWith(3)
      truthy(
        three > 1_000 + one && three < 1_000 + 4 * one,
        `${three} bytes are those of three events`,
      )
    }),

    check('a journal that may store no events reports a gap for each of them', async () => {
      const { append, read } = await setUp({ maxEvents: 0 })
      const { end } = await read([ALICE])
      const [, b] = await append(ALICE, 'a', 'b')
      const batch = await read([ALICE], end.id)
      equal([batch.entries, batch.done, batch.gap], [[], true, 'evicted'])
      equal((await read([ALICE], b)).gap, undefined)
    }),

    ...Object.entries(FOREIGN_CURSORS).map(([kind, forge]) =>
      check(
        `a cursor ${kind} leads to an epoch gap, followed by everything that is stored`,
        async () => {
          const { append, read } = await setUp()
          const ids = await append(ALICE, 'a', 'b')
          const batch = await read([ALICE], forge(ids[1] ?? ''))
          equal([batch.gap, idsOf(batch)], ['epoch', ids])
        },
      ),
    ),

    ...severalChecks(open),
    ...patternChecks(open),
    ...onceChecks(open),
    ...keyChecks(open),
    ...retainedChecks(open),
    ...keyedPatternChecks(open),
    ...restartChecks(open),
  ]

  async function setUp(bounds: ConformanceBounds = {}, subscribed: readonly string[] = []) {
    const test = await open(bounds, subscribed)
    const { journal } = test
    return { ...test, append, read }

    async function append(key: string, ...data: readonly string[]): Promise<string[]> {
      const ids: string[] = []
      for (const text of data) ids.push((await journal.append(key, { data: text })).id)
      return ids
    }

    async function read(keys: readonly string[], cursor?: string, maxBytes = 1e6) {
      return await journal.read(keys, cursor, maxBytes)
    }
  }
}
