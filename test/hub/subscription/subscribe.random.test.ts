/** Loops over events start, take, stop and are too slow at random: each gets all of its events, once and in order. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Address, Addresses } from '../../../src/core/address.ts'
import { isHubError } from '../../../src/core/errors.ts'
import type { EventItem } from '../../../src/hub/subscription/read-items.ts'
import { sequenceOf } from '../../support/event-id.ts'
import { createHubHarness, SMALL } from '../../support/hub-harness.ts'
import { type Iteration, iterate } from '../../support/iterations.ts'
import { createLateJournal, type LateJournal } from '../../support/late-journal.ts'

const ADDRESSES: readonly Address[] = [
  'everyone',
  { client: 'alice' },
  { topic: 'news' },
  { topic: 'sport' },
]
const LOOPS: readonly (readonly Address[])[] = [
  [{ topic: 'news' }],
  [{ topic: 'sport' }, 'everyone'],
  [{ client: 'alice' }, { topic: 'news' }, { topic: 'sport' }],
]

type Step =
  | { readonly action: 'start' | 'leave'; readonly loop: number }
  | { readonly action: 'take'; readonly loop: number; readonly count: number }
  | {
      readonly action: 'publish'
      readonly to: Addresses
      readonly size: number
      readonly times: number
    }
  | { readonly action: 'run pending' | 'hold' | 'release' }
  | { readonly action: 'answer'; readonly state: 'at request' | 'at answer' }

const address = fc.constantFrom(...ADDRESSES)
const loop = fc.nat(LOOPS.length - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ action: fc.constant('start' as const), loop }) },
  { weight: 2, arbitrary: fc.record({ action: fc.constant('leave' as const), loop }) },
  {
    weight: 4,
    arbitrary: fc.record({
      action: fc.constant('take' as const),
      loop,
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      action: fc.constant('publish' as const),
      to: fc.oneof(address, fc.array(address, { minLength: 1, maxLength: 4 })),
      // From small to so large that four events overflow a queue.
      size: fc.constantFrom(1, 100, 9_000, 25_000),
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ action: 'run pending' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      action: fc.constant('answer' as const),
      state: fc.constantFrom('at request' as const, 'at answer' as const),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ action: 'hold' as const }) },
  { weight: 1, arbitrary: fc.constant({ action: 'release' as const }) },
)

test.each([
  ['that answers at once and evicts nothing', { late: false, maxEvents: 1_000 }],
  ['that answers at once and evicts a lot', { late: false, maxEvents: 4 }],
  ['that answers late and evicts nothing', { late: true, maxEvents: 1_000 }],
  ['that answers late and evicts a lot', { late: true, maxEvents: 4 }],
] as const)(
  'with a journal %s, no loop loses an event without a gap, or gets one twice',
  async (_, kind) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 50 }), async (steps) => {
        const model = createModel(kind)
        for (const one of steps) await model.takeStep(one)
        await model.finish()
      }),
      { numRuns: 100 },
    )
  },
)

interface Published {
  readonly addresses: readonly Address[]
  readonly id: string
}

interface Loop {
  readonly addresses: readonly Address[]
  readonly taken: EventItem[]
  iteration: Iteration | undefined
  cursor: string | undefined
  /** It is due every event after this sequence. */
  from: number
}

function createModel({ late, maxEvents }: { readonly late: boolean; readonly maxEvents: number }) {
  let lateJournal: LateJournal | undefined
  const { clock, hub, journal } = createHubHarness({
    ...SMALL,
    ...(late
      ? {
          journal: (clock) => {
            lateJournal = createLateJournal({ clock, maxEvents })
            return lateJournal
          },
        }
      : { journalOptions: { maxEvents } }),
  })
  const published: Promise<Published>[] = []
  const loops = LOOPS.map(
    (addresses): Loop => ({
      addresses,
      taken: [],
      iteration: undefined,
      cursor: undefined,
      from: 0,
    }),
  )
  return { takeStep, finish }

  async function takeStep(one: Step): Promise<void> {
    switch (one.action) {
      case 'start':
        return start(loops[one.loop] as Loop)
      case 'leave':
        return await leave(loops[one.loop] as Loop)
      case 'take':
        return await take(loops[one.loop] as Loop, one.count)
      case 'publish':
        return publish(one.to, one.size, one.times)
      case 'run pending':
        return await clock.runPending()
      case 'hold':
        return lateJournal?.hold()
      case 'release':
        return lateJournal?.release()
      case 'answer':
        if (lateJournal && lateJournal.pendingReads > 0) lateJournal.answer(one.state)
    }
  }

  function publish(to: Addresses, size: number, times: number): void {
    for (let n = 0; n < times; n++) {
      const result = hub.publish(to, { data: 'x'.repeat(size) })
      published.push(result.then(({ id = '' }) => ({ addresses: [to].flat(), id })))
    }
  }

  function start(one: Loop): void {
    if (one.iteration) return
    const { addresses, cursor: lastEventId } = one
    if (lastEventId === undefined) one.from = journal.head().sequence
    one.iteration = iterate(hub.events(addresses, { lastEventId }), clock)
  }

  async function leave(one: Loop): Promise<void> {
    await one.iteration?.leave()
    if (one.iteration) record(one)
    one.iteration = undefined
  }

  async function take(one: Loop, count?: number): Promise<void> {
    const { iteration } = one
    if (!iteration) return
    await iteration.take(count)
    record(one)
    const { error } = iteration
    if (error === undefined) return
    if (!isHubError(error) || error.code !== 'slow-consumer') throw error
    one.cursor = error.lastEventId
    one.iteration = undefined
  }

  function record({ iteration, taken }: Loop): void {
    taken.push(...(iteration?.items.splice(0) ?? []))
    for (const one of loops) one.cursor = one.taken.findLast(({ id }) => id)?.id ?? one.cursor
  }

  async function finish(): Promise<void> {
    lateJournal?.release()
    for (const one of loops) {
      for (let before = -1; before < one.taken.length || !one.iteration; ) {
        before = one.taken.length
        start(one)
        await answerAll()
        await take(one)
        // The next batch is read once this one was taken.
        await answerAll()
        await take(one)
      }
    }
    const all = await Promise.all(published)
    for (const one of loops) check(one, all)
  }

  async function answerAll(): Promise<void> {
    await clock.runPending()
    while (lateJournal && lateJournal.pendingReads > 0) {
      lateJournal.answer('at answer')
      await clock.runPending()
    }
  }

  function check({ addresses, taken, from }: Loop, all: readonly Published[]): void {
    const due = all.filter((one) => one.addresses.some((address) => isOwn(address)))
    const got = taken.filter(({ gap }) => !gap).map(({ id = '' }) => id)
    const sequences = got.map(sequenceOf)
    expect(sequences, 'in order').toEqual(sequences.toSorted((a, b) => a - b))
    expect(got.length, 'nothing comes twice').toBe(new Set(got).size)
    for (const id of got)
      expect(
        due.map((one) => one.id),
        'nothing of others',
      ).toContain(id)
    const gaps = taken.flatMap(({ gap }) => (gap ? [sequenceOf(gap.requested)] : []))
    const lost = due.filter((one) => {
      if (sequenceOf(one.id) <= from || got.includes(one.id)) return false
      const isGone = one.addresses.filter(isOwn).every((address) => wasEvicted(one.id, address))
      return !gaps.some((cursor) => cursor < sequenceOf(one.id)) || !isGone
    })
    expect(lost, 'nothing is lost without a gap').toEqual([])
    const unfounded = gaps.filter((cursor) => {
      const later = due.filter(({ id }) => sequenceOf(id) > cursor)
      return !later.some((one) =>
        one.addresses.filter(isOwn).some((address) => wasEvicted(one.id, address)),
      )
    })
    expect(unfounded, 'no gap where nothing was evicted').toEqual([])

    function isOwn(address: Address): boolean {
      return addresses.some((one) => JSON.stringify(one) === JSON.stringify(address))
    }

    function wasEvicted(id: string, address: Address): boolean {
      const later = all.filter(
        (one) => sequenceOf(one.id) > sequenceOf(id) && one.addresses.includes(address),
      )
      return later.length >= maxEvents
    }
  }
}
