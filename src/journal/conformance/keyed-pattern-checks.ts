/** Checks of events with a key at patterns: those of one topic neither supersede nor hide those of another. */
import { addressKeys } from '../../core/address.ts'
import type { HubEvent } from '../../core/event.ts'
import type { ReplayBatch } from '../journal.ts'
import type { Once } from '../once.ts'
import {
  type ConformanceBounds,
  type ConformanceCheck,
  check,
  equal,
  idsOf,
  type OpenJournal,
} from './harness.ts'

const WIDE = 'p:a/**'
const EXACT = 'p:a/*'

const TOKEN = { key: 'k', data: 'token' }
const ANSWER = { key: 'k', replace: true, data: 'all' }
const PRICE = { key: 'k', replace: true, retain: true, data: '1' }
const REMOVAL = { key: 'k', replace: true, data: '' }

/** The checks of `append` with a key, and with the keys of patterns. */
export function keyedPatternChecks(open: OpenJournal): readonly ConformanceCheck[] {
  return [
    check('at a pattern, an event supersedes those with its key and its topic', async () => {
      const { append, read } = await setUp()
      const { end } = await read(EXACT)
      const first = await append(['a/1'], TOKEN)
      const other = await append(['a/2'], TOKEN)
      const deep = await append(['a/2/x'], ANSWER)
      const last = await append(['a/1'], ANSWER)
      equal(found(await read(EXACT, end.id)), [undefined, [other, last]])
      equal(found(await read(WIDE, end.id)), [undefined, [other, deep, last]])
      equal(found(await read(WIDE, first)), [undefined, [other, deep, last]])
      equal(found(await read('t:a/1', end.id)), [undefined, [last]])
      const next = await append(['a/2'], ANSWER)
      equal(found(await read(WIDE, end.id)), [undefined, [deep, last, next]])
    }),

    check('an event for several topics supersedes those of each at a pattern', async () => {
      const { append, read } = await setUp()
      const { end } = await read(EXACT)
      const ids: string[] = []
      for (const topic of ['a/1', 'a/2', 'a/3']) ids.push(await append([topic], TOKEN))
      const both = await append(['a/1', 'a/2'], ANSWER)
      equal(found(await read(EXACT, end.id)), [undefined, [ids[2], both]])
      // At the pattern it stays: it is still the newest one of the other topic.
      const last = await append(['a/1'], ANSWER)
      equal(found(await read(EXACT, end.id)), [undefined, [ids[2], both, last]])
      equal(found(await read('t:a/1', end.id)), [undefined, [last]])
      equal(found(await read('t:a/2', end.id)), [undefined, [both]])
    }),

    check('a pattern that has lost events with a key supersedes the others', async () => {
      const { append, read } = await setUp({ maxEvents: 3 })
      const { end } = await read(EXACT)
      const ids: string[] = []
      for (const topic of ['a/1', 'a/2', 'a/1', 'a/2']) ids.push(await append([topic], TOKEN))
      ids.push(await append(['a/1'], TOKEN))
      equal(found(await read(EXACT, end.id)), ['evicted', ids.slice(2)])
      const one = await append(['a/1'], ANSWER)
      equal(found(await read(EXACT, ids[1])), [undefined, [ids[3], one]])
      const two = await append(['a/2'], ANSWER)
      equal(found(await read(EXACT, ids[1])), [undefined, [one, two]])
      const more = [await append(['a/3'], TOKEN), await append(['a/4'], TOKEN)]
      equal(found(await read(EXACT, one)), [undefined, [two, ...more]])
      equal((await read(EXACT, end.id)).gap, 'evicted')
    }),

    retaining('each topic has retained events of its own at a pattern', async (hub) => {
      const { append, read } = hub
      await append(['a/1'], PRICE)
      const two = await append(['a/2'], PRICE)
      const other = await append(['a/1'], { ...PRICE, key: 'l' })
      const one = await append(['a/1'], PRICE)
      const deep = await append(['a/1/x'], PRICE)
      equal(kept(await read(EXACT)), [two, other, one])
      equal(kept(await read(WIDE)), [two, other, one, deep])
      equal(idsOf(await read(WIDE, 'earliest')), [two, other, one, deep])
      await append(['a/2'], REMOVAL)
      equal(kept(await read(EXACT)), [other, one])
      equal(kept(await read('t:a/2')), [])
    }),

    retaining('an event for several topics is retained at a pattern for each', async (hub) => {
      const { append, read } = hub
      const both = await append(['a/1', 'a/2'], PRICE)
      equal(kept(await read(EXACT)), [both])
      const one = await append(['a/1'], PRICE)
      equal(kept(await read(EXACT)), [both, one])
      equal(kept(await read('t:a/1')), [one])
      await append(['a/2'], REMOVAL)
      equal(kept(await read(EXACT)), [one])
      const again = await append(['a/2', 'b', 'a/1'], PRICE)
      equal(kept(await read(WIDE)), [again])
    }),

    check('what was retained before a pattern was followed is read at it', async () => {
      const { journal } = await open({}, [])
      if (!journal.retained) return
      const ids: string[] = []
      for (const topic of ['a/1', 'a/2']) {
        ids.push((await journal.append(addressKeys({ topic }), { ...PRICE, topic })).id)
      }
      equal(kept(await journal.read([WIDE], undefined, 1e6)), ids)
      const removal = { ...REMOVAL, topic: 'a/1' }
      await journal.append(addressKeys({ topic: 'a/1' }), removal)
      equal(kept(await journal.read([EXACT], undefined, 1e6)), ids.slice(1))
    }),

    check('an event with a key is stored once', async () => {
      const { append, read, journal } = await setUp()
      if (!journal.appendsOnce) return
      const { end } = await read(EXACT)
      const ids: string[] = []
      for (const [n, event] of [TOKEN, ANSWER, PRICE].entries()) {
        const once = { name: `${n}`.repeat(32), digest: 'd'.repeat(32), ttlMs: 60_000 }
        for (let call = 0; call < 2; call++) {
          ids.push(await append(['a/1'], event, { ...once, connections: 0 }))
          ids.push(await append(['a/2'], ANSWER))
        }
      }
      equal([ids[2], ids[6], ids[10]], [ids[0], ids[4], ids[8]])
      equal(found(await read(EXACT, end.id)), [undefined, [ids[8], ids[11]]])
    }),
  ]

  function retaining(name: string, run: (hub: Awaited<ReturnType<typeof setUp>>) => Promise<void>) {
    return check(name, async () => {
      const hub = await setUp()
      if (hub.journal.retained) await run(hub)
    })
  }

  /** Opens a journal from which the patterns were read. */
  async function setUp(bounds: ConformanceBounds = {}) {
    const { journal } = await open(bounds, [])
    await journal.read([WIDE, EXACT], undefined, 1e6)
    return { journal, append, read }

    async function append(
      topics: readonly string[],
      event: HubEvent,
      once?: Once,
    ): Promise<string> {
      const keys = addressKeys(topics.map((topic) => ({ topic })))
      const topic = topics.length === 1 ? topics[0] : undefined
      return (await journal.append(keys, { ...event, topic }, once)).id
    }

    async function read(key: string, cursor?: string) {
      return await journal.read([key], cursor, 1e6)
    }
  }
}

function found(batch: ReplayBatch): readonly unknown[] {
  return [batch.gap, idsOf(batch)]
}

function kept({ retained }: ReplayBatch): readonly string[] {
  return retained?.entries.map(({ id }) => id) ?? []
}
