/** Checks of appending an event once, for journals that say they can. */
import { clientKey, topicKey } from '../../core/address.ts'
import type { HubEvent } from '../../core/event.ts'
import type { Awaitable, Journal } from '../journal.ts'
import type { Once } from '../once.ts'
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

const ALICE = clientKey('alice')
const BOB = clientKey('bob')
const NEWS = topicKey('news')

const EVENT: HubEvent = { data: 'once' }

/** Hashes as the hub passes them. */
const hashOf = (digit: number) => digit.toString(16).padStart(32, '0')

const onceOf = (name: number, fields: Partial<Once> = {}): Once => {
  return { name: hashOf(name), digest: hashOf(7), ttlMs: 60_000, connections: 3, ...fields }
}

/** The checks of `append` with `once`. They pass if the journal does not set `appendsOnce`. */
export function onceChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check('an event with a name is stored and delivered once, and has one result', async () => {
      const { journal, deliveries, eventually } = await setUp([ALICE])
      if (!journal.appendsOnce) return
      const { end } = await journal.read([ALICE], undefined, 1e6)
      const first = await journal.append(ALICE, EVENT, onceOf(1))
      const again = await journal.append(ALICE, EVENT, onceOf(1, { connections: 0 }))
      const last = await journal.append(ALICE, { data: 'last' })
      equal(partsOf(again), partsOf(first))
      truthy(first.connections !== undefined, 'the result has the connections')
      equal(last.sequence - first.sequence, 1)
      await eventually(() => deliveries.at(-1)?.entry?.id === last.id)
      equal(deliveries.map(decodeFrame), [`id: ${first.id}\ndata: once\n\n`, frameOf(last.id)])
      equal(idsOf(await journal.read([ALICE], end.id, 1e6)), [first.id, last.id])
    }),

    check('of concurrent calls with one name, one stores the event', async () => {
      const { journal } = await setUp([])
      if (!journal.appendsOnce) return
      const { end } = await journal.read([ALICE], undefined, 1e6)
      const calls = Array.from({ length: 50 }, (_, n) => {
        // Every second one has no name, and every third of the others has another.
        if (n % 2 === 0) return later(() => journal.append(ALICE, { data: `${n}` }))
        return later(() => journal.append(ALICE, EVENT, onceOf(n % 3 === 0 ? 2 : 1)))
      })
      const results = await Promise.all(calls)
      const distinct = [...new Set(results.map(({ sequence }) => sequence))].sort((a, b) => a - b)
      equal(distinct.length, 25 + 2)
      equal((distinct.at(-1) ?? 0) - (distinct[0] ?? 0), 26)
      const { entries } = await journal.read([ALICE], end.id, 1e6)
      equal(entries.length, 27)
      const named = results.filter((_, n) => n % 2 === 1 && n % 3 !== 0).map(partsOf)
      equal(new Set(named.map((parts) => JSON.stringify(parts))).size, 1)
      const plain = results.filter((_, n) => n % 2 === 0).map(({ id }) => id)
      const frames = new Map(entries.map((entry) => [entry.id, decodeFrame(entry)]))
      equal(
        plain.map((id) => frames.get(id)),
        plain.map((id, n) => `id: ${id}\ndata: ${2 * n}\n\n`),
      )
    }),

    check('a name with another digest is a conflict, and stores nothing', async () => {
      const { journal } = await setUp([])
      if (!journal.appendsOnce) return
      const { id, sequence } = await journal.append(ALICE, EVENT, onceOf(1))
      const other = onceOf(1, { digest: hashOf(8) })
      equal(await codeOf(() => journal.append(BOB, EVENT, other)), 'idempotency-conflict')
      const next = await journal.append(BOB, EVENT)
      equal(next.sequence, sequence + 1)
      equal(idsOf(await journal.read([ALICE, BOB], 'earliest', 1e6)), [id, next.id])
    }),

    check('an event for several addresses is stored once at each of them', async () => {
      const { journal, deliveries, eventually } = await setUp([NEWS])
      if (!journal.appendsOnce) return
      const keys = [ALICE, BOB, NEWS]
      const both = [1, 2].map(() => later(() => journal.append(keys, EVENT, onceOf(1))))
      const [first, again] = await Promise.all(both)
      const last = await journal.append([ALICE, NEWS], EVENT, onceOf(2))
      equal([again?.id, last.sequence], [first?.id, (first?.sequence ?? 0) + 1])
      await eventually(() => deliveries.length >= 2)
      equal(
        deliveries.map(({ entry }) => entry?.id),
        [first?.id, last.id],
      )
      equal(idsOf(await journal.read([BOB], 'earliest', 1e6)), [first?.id])
      equal(idsOf(await journal.read(keys, 'earliest', 1e6)), [first?.id, last.id])
    }),

    check('a name is stored for longer than its event, and no longer than it says', async () => {
      const { journal, advance } = await setUp([], { maxEvents: 1 })
      if (!journal.appendsOnce) return
      const short = onceOf(1, { ttlMs: 6_000 })
      const first = await journal.append(ALICE, EVENT, short)
      await journal.append(ALICE, { data: 'evicts it' })
      await advance(3_500)
      equal((await journal.append(ALICE, EVENT, short)).id, first.id)
      await advance(3_500)
      const later = await journal.append(ALICE, EVENT, short)
      truthy(later.sequence > first.sequence, 'the event is stored again')
    }),

    check('a journal that is opened again knows the names of the events that it has', async () => {
      const { journal, reopen } = await setUp([])
      if (!journal.appendsOnce) return
      const { end } = await journal.read([ALICE], undefined, 1e6)
      const first = await journal.append(ALICE, EVENT, onceOf(1))
      const again = await reopen?.()
      if (!again || (await again.read([ALICE], end.id, 1e6)).gap) return
      equal(partsOf(await again.append(ALICE, EVENT, onceOf(1))), partsOf(first))
      equal(idsOf(await again.read([ALICE], end.id, 1e6)), [first.id])
    }),
  ]

  async function setUp(subscribed: readonly string[], bounds: ConformanceBounds = {}) {
    return await open(bounds, subscribed)
  }
}

/** The parts of a result that repetitions share. */
function partsOf(result: Awaited<ReturnType<Journal['append']>>) {
  const { id, sequence, instances, connections } = result
  return { id, sequence, instances, connections }
}

function frameOf(id: string): string {
  return `id: ${id}\ndata: last\n\n`
}

/** Also a promise if the journal returns at once. */
async function later<T>(call: () => Awaitable<T>): Promise<T> {
  return await call()
}

async function codeOf(call: () => Awaitable<unknown>): Promise<string> {
  try {
    await call()
  } catch (error) {
    return String((error as { readonly code?: string }).code)
  }
  return 'none'
}
