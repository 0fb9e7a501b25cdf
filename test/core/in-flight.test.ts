/** Calls in flight are waited for, within a bound. */
import { expect, test } from 'vitest'
import { createInFlight } from '../../src/core/in-flight.ts'
import { manualClock } from '../support/clock.ts'

async function settling(began: number) {
  const clock = manualClock()
  const inFlight = createInFlight(clock)
  for (let n = 0; n < began; n++) inFlight.began()
  let isSettled = false
  void inFlight.settled(500).then(() => {
    isSettled = true
  })
  await clock.runPending()
  return { clock, inFlight, isSettled: () => isSettled }
}

test('without calls it settles at once, and holds no timer', async () => {
  const { clock, isSettled } = await settling(0)
  expect(isSettled()).toBe(true)
  expect(clock.timers).toBe(0)
})

test('it settles with the last call', async () => {
  const { clock, inFlight, isSettled } = await settling(2)
  inFlight.ended()
  await clock.runPending()
  expect(isSettled()).toBe(false)
  inFlight.ended()
  await clock.runPending()
  expect(isSettled()).toBe(true)
  expect(clock.timers).toBe(0)
})

test('it settles after its time at the latest', async () => {
  const { clock, isSettled } = await settling(1)
  await clock.advance(499)
  expect(isSettled()).toBe(false)
  await clock.advance(1)
  expect(isSettled()).toBe(true)
  expect(clock.timers).toBe(0)
})
