/** Maintenance tasks start and stop together, however often they are asked to. */
import { expect, test } from 'vitest'
import { createTimers } from '../../src/hub/maintenance.ts'
import { manualClock } from '../support/clock.ts'

test('tasks run at their interval between start and stop, and never if the interval is 0', async () => {
  const clock = manualClock()
  const runs: string[] = []
  const timers = createTimers(clock, [
    { everyMs: 10, run: () => runs.push('a') },
    { everyMs: 25, run: () => runs.push('b') },
    { everyMs: 0, run: () => runs.push('never') },
  ])
  await clock.advance(100)
  expect(runs).toEqual([])
  timers.start()
  timers.start()
  expect(clock.timers).toBe(2)
  await clock.advance(30)
  expect(runs).toEqual(['a', 'a', 'b', 'a'])
  timers.stop()
  timers.stop()
  expect(clock.timers).toBe(0)
  await clock.advance(100)
  expect(runs).toHaveLength(4)
  timers.start()
  await clock.advance(10)
  expect(runs).toHaveLength(5)
})
