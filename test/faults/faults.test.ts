/** A few seeds of `npm run test:faults`: each runtime, both openers, and every journal. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { REDIS_IS_MISSING } from '../support/redis.ts'
import { CELLS, nameOf, planOf } from './plan.ts'
import { type Outcome, runSeed } from './run.ts'

const SEEDS = [14, 8, 2, 10, 4, 12]

/** Runs mostly wait, so they are played side by side. */
const runs = new Map<number, Promise<Outcome>>()

const seeds = SEEDS.filter((seed) => !(REDIS_IS_MISSING && planOf(seed).cell.journal === 'redis'))

beforeAll(() => {
  for (const seed of seeds) runs.set(seed, runSeed(seed))
})
afterAll(() => Promise.allSettled(runs.values()))

test.each(seeds.map((seed) => [seed, nameOf(planOf(seed).cell)] as const))(
  'seed %i keeps every promise: %s',
  async (seed) => {
    const outcome = await runs.get(seed)
    expect(outcome?.findings).toEqual([])
    expect(outcome?.acknowledged).toBeGreaterThan(0)
  },
)

test('the same seed makes the same plan, and consecutive seeds cover every combination', () => {
  expect(planOf(7)).toEqual(planOf(7))
  const cells = CELLS.map((_, seed) => planOf(seed).cell)
  expect(new Set(cells).size).toBe(CELLS.length)
})
