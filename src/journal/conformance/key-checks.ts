/** Checks of events with a key: those that are superseded are read no longer, and nothing else is lost. */
import { clientKey, EVERYONE, topicKey } from '../../core/address.ts'
import type { HubEvent } from '../../core/event.ts'
import type { Journal } from '../journal.ts'
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
const ALL = [EVERYONE, ALICE, BOB, NEWS]

const TOKEN: HubEvent = { key: 'answer', data: 'token' }
const ANSWER: HubEvent = { key: 'answer', replace: true, data: 'all' }
const OTHER: HubEvent = { data: 'other' }

/** The checks of `append` with a key. */
export function keyChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check(
      'an event that replaces others supersedes those with its key, without a gap',
      async () => {
        const { append, read } = await setUp()
        const { end } = await read([ALICE])
        const first = await append(ALICE, OTHER)
        const [a, b] = [await append(ALICE, TOKEN), await append(ALICE, TOKEN)]
        const other = await append(ALICE, OTHER)
        const question = await append(ALICE, { key: 'question', data: 'why' })
        const c = await append(ALICE, TOKEN)
        equal(await read([ALICE], a).then(found), [undefined, [b, other, question, c]])
        const all = await append(ALICE, ANSWER)
        const last = await append(ALICE, OTHER)
        const left = [other, question, all, last]
        for (const cursor of [first, a, b])
          equal(found(await read([ALICE], cursor)), [undefined, left])
        equal(found(await read([ALICE], end.id)), [undefined, [first, ...left]])
        equal(found(await read([ALICE], 'earliest')), [undefined, [first, ...left]])
        equal(found(await read([ALICE], c)), [undefined, [all, last]])
        equal(found(await read([ALICE], all)), [undefined, [last]])
      },
    ),

    check('events with a key are delivered like others, and name it in a comment', async () => {
      const { append, read, deliveries, eventually } = await setUp({}, [ALICE])
      const ids = [await append(ALICE, TOKEN), await append(ALICE, ANSWER)]
      ids.push(await append(ALICE, { key: '', replace: true, data: 'a\nb', event: 'x' }))
      await eventually(() => deliveries.length === 3)
      equal(deliveries.map(decodeFrame), [
        `id: ${ids[0]}\n: key answer\ndata: token\n\n`,
        `id: ${ids[1]}\n: key answer\ndata: all\n\n`,
        `id: ${ids[2]}\n: key \nevent: x\ndata: a\ndata: b\n\n`,
      ])
      const { entries } = await read([ALICE], 'earliest')
      equal(entries.map(decodeFrame), deliveries.slice(1).map(decodeFrame))
    }),

    check('a key is that of one address', async () => {
      const { append, read } = await setUp()
      const { end } = await read(ALL)
      const a = await append([ALICE, BOB], TOKEN)
      const b = await append(NEWS, TOKEN)
      const c = await append(ALICE, ANSWER)
      equal(found(await read([ALICE], end.id)), [undefined, [c]])
      equal(found(await read([BOB], end.id)), [undefined, [a]])
      equal(found(await read(ALL, end.id)), [undefined, [a, b, c]])
      const d = await append([BOB, NEWS], ANSWER)
      equal(found(await read([BOB], end.id)), [undefined, [d]])
      equal(found(await read([NEWS], b)), [undefined, [d]])
      equal(found(await read(ALL, end.id)), [undefined, [c, d]])
    }),

    check('an event may replace others again and again', async () => {
      const { append, read } = await setUp({ maxEvents: 3 })
      const { end } = await read([ALICE])
      const first = await append(ALICE, OTHER)
      const ids: string[] = []
      for (let n = 0; n < 40; n++) ids.push(await append(ALICE, { ...ANSWER, data: `${n}` }))
      const [last] = ids.slice(-1)
      equal(found(await read([ALICE], end.id)), [undefined, [first, last]])
      equal(found(await read([ALICE], ids[20])), [undefined, [last]])
      const next = await append(ALICE, { key: '', replace: true, data: 'x' })
      equal(found(await read([ALICE], end.id)), [undefined, [first, last, next]])
    }),

    check('what was superseded is not counted, neither as stored nor as evicted', async () => {
      const { journal, append, eventually } = await setUp()
      await append(ALICE, OTHER)
      await eventually(() => journal.stats?.events === 1)
      const before = journal.stats?.bytes ?? Number.NaN
      const data = 'x'.repeat(5_000)
      for (let n = 0; n < 4; n++) await append([ALICE, BOB], { ...TOKEN, data })
      await append(BOB, ANSWER)
      await append(ALICE, ANSWER)
      await eventually(() => journal.stats?.events === 3)
      const added = (journal.stats?.bytes ?? Number.NaN) - before
      truthy(added > 0 && added < 5_000, `two events take ${added} bytes`)
      truthy(!journal.stats?.evicted, `${journal.stats?.evicted} were evicted`)
    }),

    check('an event that superseded others and was evicted is a gap', async () => {
      const { append, read } = await setUp({ maxEvents: 2 })
      const { end } = await read([ALICE])
      await append(ALICE, TOKEN)
      const all = await append(ALICE, ANSWER)
      const ids: string[] = []
      for (let n = 0; n < 4; n++) ids.push(await append(ALICE, OTHER))
      equal(found(await read([ALICE], end.id)), ['evicted', ids.slice(-2)])
      equal((await read([ALICE], all)).gap, 'evicted')
      equal((await read([BOB], end.id)).gap, undefined)
      // A key whose events were evicted is one that no event has.
      const next = await append(ALICE, ANSWER)
      equal(found(await read([ALICE], ids[3])), [undefined, [next]])
    }),

    check('the bound on bytes evicts events with a key as well', async () => {
      const { append, read } = await setUp({ maxBytes: 20_000 })
      const { end } = await read([ALICE])
      const ids: string[] = []
      for (let n = 0; n < 60; n++) {
        ids.push(await append(ALICE, { key: `${n}`, data: 'x'.repeat(500) }))
      }
      const batch = await read([ALICE], end.id)
      const { length } = batch.entries
      truthy(length > 5 && length < 40, `${length} events fit`)
      equal(found(batch), ['evicted', ids.slice(-length)])
    }),

    check('an event with a key is evicted when it is too old', async () => {
      const { append, read, advance } = await setUp({ maxAgeMs: 200 })
      const { end } = await read([ALICE])
      await append(ALICE, TOKEN)
      await advance(300)
      const last = await append(BOB, ANSWER)
      equal(found(await read([ALICE], end.id)), ['evicted', []])
      equal(found(await read([BOB], 'earliest')), [undefined, [last]])
      const next = await append(ALICE, ANSWER)
      equal(found(await read([ALICE], last)), [undefined, [next]])
    }),

    check('events from before a restart are superseded after it', async () => {
      const { append, read, reopen } = await setUp()
      const { end } = await read([ALICE])
      await append(ALICE, TOKEN)
      const other = await append(ALICE, OTHER)
      const again = await reopen?.()
      if (!again) return
      const before = await again.read([ALICE], end.id, 1e6)
      const { id } = await again.append(ALICE, ANSWER)
      const after = await again.read([ALICE], end.id, 1e6)
      equal(idsOf(after).at(-1), id)
      if (!before.gap) equal(sequencesOf(after), [sequenceIn(other), sequenceIn(id)])
    }),
  ]

  async function setUp(bounds: ConformanceBounds = {}, subscribed: readonly string[] = []) {
    const test = await open(bounds, subscribed)
    const { journal } = test
    return { ...test, append, read }

    async function append(keys: string | readonly string[], event: HubEvent): Promise<string> {
      return (await journal.append(keys, event)).id
    }

    async function read(keys: readonly string[], cursor?: string) {
      return await journal.read(keys, cursor, 1e6)
    }
  }
}

type Batch = Awaited<ReturnType<Journal['read']>>

function found(batch: Batch): readonly unknown[] {
  return [batch.gap, idsOf(batch)]
}

function sequencesOf({ entries }: Batch): readonly number[] {
  return entries.map(({ sequence }) => sequence)
}

function sequenceIn(id: string): number {
  return Number(id.slice(id.lastIndexOf('-') + 1))
}
