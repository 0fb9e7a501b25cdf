/** The last event of a pipe is tried again while the journal is away. */
import { expect, test } from 'vitest'
import { publishLast } from '../../../src/hub/piping/last-event.ts'
import { manualClock } from '../../support/clock.ts'

function setUp(failures: number) {
  const clock = manualClock()
  let calls = 0
  const publish = async () => {
    calls += 1
    return calls > failures
  }
  return { clock, publish, calls: () => calls }
}

test('an event that can be published is published once', async () => {
  const { clock, publish, calls } = setUp(0)
  await publishLast(publish, clock)
  expect([calls(), clock.timers]).toEqual([1, 0])
})

test('one that can’t be published for now is tried again each second, one attempt at a time', async () => {
  const { clock, publish, calls } = setUp(5)
  await publishLast(publish, clock)
  await clock.advance(3_000)
  expect(calls()).toBe(4)
  await clock.advance(10_000)
  expect([calls(), clock.timers]).toEqual([6, 0])
})

test('after five minutes, nothing is tried any more', async () => {
  const { clock, publish, calls } = setUp(Number.POSITIVE_INFINITY)
  await publishLast(publish, clock)
  await clock.advance(3_600_000)
  expect([calls(), clock.timers]).toEqual([301, 0])
})
