/** Checks of events for several addresses: one position, one delivery, and found at each of them. */
import { clientKey, EVERYONE, topicKey } from '../../core/address.ts'
import type { Journal } from '../journal.ts'
import {
  type ConformanceCheck,
  check,
  decodeFrame,
  equal,
  idsOf,
  type OpenJournal,
  truthy,
} from './harness.ts'

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')
const ALL = [ALICE, BOB, NEWS]

/** As many as an event may have. */
const MANY = Array.from({ length: 1_000 }, (_, n) => clientKey(`client-${n}`))

/** The checks of `append` with several keys. */
export function severalChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check('an event for several addresses has one position and is delivered once', async () => {
      const { journal, deliveries, eventually } = await open({}, [ALICE, NEWS])
      const first = await journal.append(ALICE, { data: 'a' })
      const both = await journal.append(ALL, { data: 'b' })
      const last = await journal.append(NEWS, { data: 'c' })
      equal([both.sequence - first.sequence, last.sequence - both.sequence], [1, 1])
      await eventually(() => deliveries.at(-1)?.entry?.id === last.id)
      equal(
        deliveries.map(({ entry }) => entry?.id),
        [first.id, both.id, last.id],
      )
      const keys = [deliveries[1]?.keys ?? []].flat()
      truthy(keys.includes(ALICE) && keys.includes(NEWS), `${keys} are those with a listener`)
      equal(decodeFrame(deliveries[1]), `id: ${both.id}\ndata: b\n\n`)
    }),

    check('an event for several addresses is read once, in order, whichever are read', async () => {
      const { journal } = await open({}, [])
      const { end } = await journal.read(ALL, undefined, 1e6)
      const ids: string[] = []
      for (const keys of [ALL, ALICE, [BOB, NEWS], NEWS, [ALICE, EVERYONE], ALL]) {
        ids.push((await journal.append(keys, { data: 'x'.repeat(50) })).id)
      }
      const [a, b, c, d, e, f] = ids
      equal(await readAll(journal, [ALICE], end.id, 1e6), [a, b, e, f])
      equal(await readAll(journal, [BOB], end.id, 1e6), [a, c, f])
      equal(await readAll(journal, ALL, end.id, 1e6), ids)
      equal(await readAll(journal, [EVERYONE, NEWS, ALICE], end.id, 1e6), ids)
      equal(await readAll(journal, [NEWS, BOB], 'earliest', 1), [a, c, d, f])
      equal(await readAll(journal, [BOB, ALICE], a ?? '', 1), [b, c, e, f])
    }),

    check('an event that one of its addresses has lost is still found at the others', async () => {
      const { journal } = await open({ maxEvents: 2 }, [])
      const { end } = await journal.read(ALL, undefined, 1e6)
      const { id } = await journal.append([ALICE, BOB], { data: 'both' })
      for (const data of ['1', '2', '3']) await journal.append(ALICE, { data })
      const [lost, found] = [
        await journal.read([ALICE], end.id, 1e6),
        await journal.read([BOB], end.id, 1e6),
      ]
      equal([lost.gap, idsOf(lost).length], ['evicted', 2])
      equal([found.gap, idsOf(found)], [undefined, [id]])
      equal((await journal.read([NEWS], end.id, 1e6)).gap, undefined)
      equal((await journal.read([ALICE], id, 1e6)).gap, 'evicted')
      equal((await journal.read([BOB], id, 1e6)).gap, undefined)
    }),

    check('an event that is too old is evicted from all of its addresses', async () => {
      const { journal, advance } = await open({ maxAgeMs: 200 }, [])
      const { end } = await journal.read(ALL, undefined, 1e6)
      const { id } = await journal.append([ALICE, BOB], { data: 'both' })
      await advance(300)
      await journal.append(NEWS, { data: 'later' })
      for (const key of [ALICE, BOB]) {
        const batch = await journal.read([key], end.id, 1e6)
        equal([batch.gap, idsOf(batch)], ['evicted', []])
        equal((await journal.read([key], id, 1e6)).gap, undefined)
      }
    }),

    check('the bound on bytes holds with events for several addresses', async () => {
      const { journal } = await open({ maxBytes: 10_000 }, [])
      const { end } = await journal.read(ALL, undefined, 1e6)
      const ids: string[] = []
      for (let n = 0; n < 60; n++) {
        ids.push((await journal.append(ALL, { data: 'x'.repeat(300) })).id)
      }
      for (const keys of [ALL, [ALICE], [BOB], [NEWS]]) {
        const stored = idsOf(await journal.read(keys, 'earliest', 1e6))
        truthy(stored.length > 1, `${stored.length} events are stored`)
        truthy(stored.length * 300 <= 10_000, `${stored.length} events fit`)
        equal(stored, ids.slice(-stored.length))
        equal((await journal.read(keys, end.id, 1e6)).gap, 'evicted')
      }
    }),

    check('an event may have a thousand addresses', async () => {
      const { journal, eventually } = await open({}, [])
      const { id } = await journal.append(MANY, { data: 'x'.repeat(200) })
      await eventually(() => (journal.stats?.bytes ?? 200) >= 200)
      equal(idsOf(await journal.read(MANY.slice(0, 50), 'earliest', 1e6)), [id])
      equal(idsOf(await journal.read(MANY.slice(-50), 'earliest', 1e6)), [id])
      equal(idsOf(await journal.read([ALICE], 'earliest', 1e6)), [])
    }),

    check('an event for several addresses survives a restart at each of them, or not', async () => {
      const { journal, reopen } = await open({}, [])
      const { end } = await journal.read(ALL, undefined, 1e6)
      const { id } = await journal.append([ALICE, BOB], { data: 'both' })
      const again = await reopen?.()
      if (!again) return
      for (const key of [ALICE, BOB]) {
        const batch = await again.read([key], end.id, 1e6)
        if (!batch.gap) equal(idsOf(batch), [id])
      }
    }),
  ]
}

/** The ids of all batches. */
async function readAll(
  journal: Journal,
  keys: readonly string[],
  from: string,
  maxBytes: number,
): Promise<string[]> {
  const ids: string[] = []
  let cursor = from
  for (let done = false; !done && ids.length < 100; ) {
    const batch = await journal.read(keys, cursor, maxBytes)
    ids.push(...idsOf(batch))
    cursor = batch.end.id
    done = batch.done
  }
  return ids
}
