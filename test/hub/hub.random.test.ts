/** Clients connect, stall, drop and reconnect at random: each receives all of its own events, once and in order. */
import fc from 'fast-check'
import { test } from 'vitest'
import type { Address, Addresses } from '../../src/core/address.ts'
import { createClientModel, type Following } from '../support/client-model.ts'

const FOLLOWING: Readonly<Record<string, Following>> = {
  alice: { topics: [] },
  bob: { topics: ['news', 'sport'] },
  carol: { topics: ['news', 'orders/*'] },
  dave: { topics: ['orders/1', 'orders/**', 'orders/1/*'], listens: ['orders/**'] },
  erin: { topics: ['orders/1', 'orders/1/*', 'orders'] },
}

const name = fc.constantFrom(...Object.keys(FOLLOWING))
const address = fc.constantFrom<Address>(
  'everyone',
  { client: 'alice' },
  { client: 'bob' },
  { topic: 'news' },
  { topic: 'sport' },
  { topic: 'orders/1' },
  { topic: 'orders/2' },
  { topic: 'orders/1/paid' },
)
/** One address, or a list of up to four, some of which a client listens to at once. */
const to: fc.Arbitrary<Addresses> = fc.oneof(
  { weight: 2, arbitrary: address },
  { weight: 1, arbitrary: fc.array(address, { minLength: 1, maxLength: 4 }) },
)
/** From small to so large that four events overflow a queue. */
const size = fc.constantFrom(1, 100, 9_000, 25_000)

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ action: fc.constant('connect' as const), name }) },
  { weight: 2, arbitrary: fc.record({ action: fc.constant('leave' as const), name }) },
  { weight: 2, arbitrary: fc.record({ action: fc.constant('stall' as const), name }) },
  { weight: 2, arbitrary: fc.record({ action: fc.constant('resume' as const), name }) },
  {
    weight: 8,
    arbitrary: fc.record({
      action: fc.constant('publish' as const),
      to,
      size,
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ action: 'run pending' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      action: fc.constant('advance' as const),
      ms: fc.constantFrom(300, 4_000, 16_000),
    }),
  },
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

const scenario = fc.array(step, { minLength: 5, maxLength: 60 })

test.each([
  ['that answers at once and evicts nothing', { late: false, maxEvents: 1_000 }, 200],
  ['that answers at once and evicts a lot', { late: false, maxEvents: 4 }, 200],
  ['that answers late and evicts nothing', { late: true, maxEvents: 1_000 }, 200],
  ['that answers late and evicts a lot', { late: true, maxEvents: 4 }, 200],
] as const)(
  'with a journal %s, no client loses an event without a gap, or receives one twice',
  async (_, kind, numRuns) => {
    await fc.assert(
      fc.asyncProperty(scenario, async (steps) => {
        const model = createClientModel(FOLLOWING, kind)
        for (const one of steps) await model.takeStep(one)
        await model.finish()
      }),
      { numRuns },
    )
  },
)
