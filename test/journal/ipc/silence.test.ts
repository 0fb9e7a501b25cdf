/** A process that no longer makes itself heard is noticed, and one that stands still together with this one is not. */
import { expect, test } from 'vitest'
import { watchSilence } from '../../../src/journal/ipc/silence.ts'
import { manualClock } from '../../support/clock.ts'

function createWatch() {
  const clock = manualClock()
  let found = 0
  const watch = watchSilence(clock, 30, () => {
    found += 1
  })
  return { clock, watch, found: () => found }
}

test('a process that was not heard for half a minute is silent, until it is heard', async () => {
  const { clock, watch, found } = createWatch()
  await clock.advance(30_000)
  expect([watch.isSilent, found()]).toEqual([false, 0])
  await clock.advance(3_000)
  expect([watch.isSilent, found()]).toEqual([true, 3])
  watch.heard()
  expect(watch.isSilent).toBe(false)
  await clock.advance(40_000)
  expect(found()).toBe(13)
  watch.stop()
  await clock.advance(40_000)
  expect(found()).toBe(13)
})

test('one that stands still together with this process is not', async () => {
  const { clock, found } = createWatch()
  clock.suspend(120_000)
  await clock.advance(2_000)
  expect(found()).toBe(0)
})

test('one that is busy now and then is not', async () => {
  const { clock, watch, found } = createWatch()
  for (let n = 0; n < 3; n++) {
    await clock.advance(20_000)
    watch.heard()
  }
  expect(found()).toBe(0)
})
