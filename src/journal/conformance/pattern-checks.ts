/** Checks of events for topics with levels: found and delivered at the topic and at each pattern that covers it. */
import { addressKeys, EVERYONE } from '../../core/address.ts'
import type { JournalEntry, ReplayBatch } from '../journal.ts'
import {
  type ConformanceCheck,
  check,
  equal,
  idsOf,
  type JournalUnderTest,
  type OpenJournal,
  truthy,
} from './harness.ts'

const ONE = addressKeys({ topic: 'a/1' })
const TWO = addressKeys({ topic: 'a/2' })
const DEEP = addressKeys({ topic: 'a/2/x' })
const LISTENED = ['t:a/1', 'p:a/*', 'p:a/**']

/** The checks of `append` with the keys of a topic, and those of the patterns that cover it. */
export function patternChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check(
      'an event for a topic is read at the patterns that cover it, once and in order',
      async () => {
        const journal = await openFollowed(open)
        const { end } = await journal.read(LISTENED, undefined, 1e6)
        const ids: string[] = []
        for (const keys of [ONE, EVERYONE, TWO, DEEP, ONE]) {
          ids.push((await journal.append(keys, { data: 'x' })).id)
        }
        const [a, b, c, d, e] = ids
        const read = async (...keys: string[]) => {
          const batch = await journal.read(keys, end.id, 1e6)
          equal(batch.gap, undefined)
          return idsOf(batch)
        }
        equal(await read('t:a/1'), [a, e])
        equal(await read('p:a/*'), [a, c, e])
        equal(await read('p:a/**'), [a, c, d, e])
        equal(await read('p:a/2/*', 't:a/1', EVERYONE), [a, b, d, e])
        equal(await read('p:b/*'), [])
      },
    ),

    check(
      'an event for a topic is delivered once at each of its keys, in the order of all',
      async () => {
        const { journal, deliveries, eventually } = await open({}, LISTENED)
        await journal.read(LISTENED, undefined, 1e6)
        const ids: string[] = []
        for (const keys of [ONE, TWO, ONE, ONE, DEEP, TWO]) {
          ids.push((await journal.append(keys, { data: 'x' })).id)
        }
        const [a, b, c, d, , f] = ids
        const at = (key: string) => {
          const own = deliveries.filter(({ keys }) => [keys].flat().includes(key))
          return own.map(({ entry }) => entry?.id)
        }
        await eventually(() => at('p:a/**').length >= ids.length)
        equal(at('p:a/**'), ids)
        equal(at('p:a/*'), [a, b, c, d, f])
        equal(at('t:a/1'), [a, c, d])
        const sequences = deliveries.map(({ entry }) => entry?.sequence ?? 0)
        equal(
          sequences,
          [...sequences].sort((one, other) => one - other),
        )
      },
    ),

    check('a pattern that has lost an event reports it, and no other key does', async () => {
      const journal = await openFollowed(open, { maxEvents: 2 })
      const { end } = await journal.read(LISTENED, undefined, 1e6)
      const ids: string[] = []
      for (const keys of [ONE, TWO, DEEP, DEEP]) {
        ids.push((await journal.append(keys, { data: 'x' })).id)
      }
      const [a, b, c, d] = ids
      const read = async (key: string) => {
        const batch = await journal.read([key], end.id, 1e6)
        return [batch.gap ?? 'none', idsOf(batch)]
      }
      equal(await read('p:a/**'), ['evicted', [c, d]])
      equal(await read('p:a/*'), ['none', [a, b]])
      equal(await read('t:a/1'), ['none', [a]])
      equal(await read('p:a/2/*'), ['none', [c, d]])
      equal((await journal.read(['p:a/**'], b, 1e6)).gap, undefined)
    }),

    check(
      'events from before a pattern was followed are read at it, or reported as a gap',
      async () => {
        const { journal } = await open({}, LISTENED)
        const { end } = await journal.read(['t:a/1'], undefined, 1e6)
        const ids: string[] = []
        for (const keys of [ONE, TWO]) ids.push((await journal.append(keys, { data: 'x' })).id)
        foundOrReported(await journal.read(['p:a/*', 't:x'], end.id, 1e6), ids)
        equal(idsOf(await journal.read(['t:a/1'], end.id, 1e6)), ids.slice(0, 1))
        const { id } = await journal.append(TWO, { data: 'x' })
        const { entries, gap } = await journal.read(['p:a/*'], ids[1], 1e6)
        equal([lastOf(entries), gap], [id, undefined])
      },
    ),

    check('events for topics survive a restart at their patterns, or not', async () => {
      const { journal, reopen } = await open({}, LISTENED)
      const { end } = await journal.read(LISTENED, undefined, 1e6)
      const { id } = await journal.append(ONE, { data: 'x' })
      const again = await reopen?.()
      if (!again) return
      for (const key of LISTENED) foundOrReported(await again.read([key], end.id, 1e6), [id])
    }),
  ]
}

/** Opens a journal from which a pattern was read: it may store events at patterns only from then on. */
async function openFollowed(
  open: OpenJournal,
  bounds: Parameters<OpenJournal>[0] = {},
): Promise<JournalUnderTest['journal']> {
  const { journal } = await open(bounds, [])
  await journal.read(LISTENED, undefined, 1e6)
  return journal
}

function foundOrReported(batch: ReplayBatch, ids: readonly string[]): void {
  const found = JSON.stringify(idsOf(batch)) === JSON.stringify(ids)
  truthy(found || batch.gap !== undefined, `${ids} are found, or a gap is reported`)
}

function lastOf(entries: readonly JournalEntry[]): string | undefined {
  return entries.at(-1)?.id
}
