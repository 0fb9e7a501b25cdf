/** Events replace others or are retained at random, while clients come and go: each has the latest state, in order, without a silent gap. */
import fc from 'fast-check'
import { test } from 'vitest'
import type { Address } from '../../src/core/address.ts'
import { createKeyedModel } from '../support/keyed-model.ts'

const name = fc.constantFrom('alice', 'bob', 'carol', 'dave')
const address = fc.constantFrom<Address>(
  'everyone',
  { client: 'alice' },
  { client: 'bob' },
  { topic: 'news' },
  { topic: 'sport' },
  { topic: 'a/1' },
  { topic: 'a/2' },
)
const event = fc.record(
  {
    key: fc.constantFrom('a', 'b'),
    replace: fc.boolean(),
    retain: fc.boolean(),
  },
  { requiredKeys: [] },
)

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ action: fc.constant('connect' as const), name }) },
  { weight: 2, arbitrary: fc.record({ action: fc.constant('leave' as const), name }) },
  { weight: 2, arbitrary: fc.record({ action: fc.constant('cut' as const), name }) },
  { weight: 2, arbitrary: fc.record({ action: fc.constant('stall' as const), name }) },
  { weight: 2, arbitrary: fc.record({ action: fc.constant('resume' as const), name }) },
  {
    weight: 10,
    arbitrary: fc.record({
      action: fc.constant('publish' as const),
      to: fc.array(address, { minLength: 1, maxLength: 3 }),
      event,
      size: fc.constantFrom(1, 100, 9_000, 25_000),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      action: fc.constantFrom(
        ...([
          'run pending',
          'run pending',
          'answer',
          'answer',
          'hold',
          'release',
          'advance',
        ] as const),
      ),
    }),
  },
)

/** More than one batch of retained events comes first, so that streams start with them. */
const retaining = fc.record({
  action: fc.constant('publish' as const),
  to: fc.array(address, { minLength: 1, maxLength: 2 }),
  event: fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), retain: fc.constant(true) }),
  size: fc.constantFrom(9_000, 25_000),
})

const scenario = fc
  .tuple(fc.array(retaining, { maxLength: 6 }), fc.array(step, { minLength: 5, maxLength: 60 }))
  .map((parts) => parts.flat())

test.each([
  ['that evicts nothing', { late: false, maxEvents: 1_000, maxRetainedBytes: 1e8, evicts: false }],
  ['that evicts a lot', { late: false, maxEvents: 3, maxRetainedBytes: 30_000, evicts: true }],
  ['that is late', { late: true, maxEvents: 1_000, maxRetainedBytes: 1e8, evicts: false }],
  [
    'that is late and evicts a lot',
    { late: true, maxEvents: 3, maxRetainedBytes: 30_000, evicts: true },
  ],
] as const)(
  'with a journal %s, no client misses the latest state, or an event without a gap',
  async (_, kind) => {
    await fc.assert(
      fc.asyncProperty(scenario, async (steps) => {
        const model = createKeyedModel(kind)
        for (const one of steps) await model.takeStep(one)
        await model.finish()
      }),
      { numRuns: 200 },
    )
  },
)
