/** How long refusals wait, and how many of them. */
import { expect, test } from 'vitest'
import { createHolding } from '../../src/core/holding.ts'
import { manualClock } from '../support/clock.ts'

function createHarness() {
  const clock = manualClock()
  const holding = createHolding(clock)
  const sent: string[] = []
  return { clock, holding, sent, hold }

  function hold(name: string, signal = new AbortController().signal): void {
    void holding.hold(signal).then(() => sent.push(name))
  }
}

test('a refusal waits for a second', async () => {
  const { clock, sent, hold } = createHarness()
  hold('one')
  await clock.advance(500)
  hold('two')
  await clock.advance(499)
  expect(sent).toEqual([])
  await clock.advance(1)
  expect(sent).toEqual(['one'])
  await clock.advance(500)
  expect(sent).toEqual(['one', 'two'])
  expect(clock.timers).toBe(0)
})

test('a refusal no longer waits once its client has left', async () => {
  const { clock, sent, hold } = createHarness()
  const leaving = new AbortController()
  hold('one', leaving.signal)
  leaving.abort()
  hold('two', leaving.signal)
  await clock.runPending()
  expect(sent).toEqual(['one', 'two'])
  expect(clock.timers).toBe(0)
})

test('a refusal that waits beyond 1,000 sends the oldest one', async () => {
  const { clock, sent, hold } = createHarness()
  for (let n = 0; n < 1_000; n += 1) hold(String(n))
  await clock.runPending()
  expect(sent).toEqual([])
  for (let n = 1_000; n < 1_003; n += 1) hold(String(n))
  await clock.runPending()
  expect(sent).toEqual(['0', '1', '2'])
  expect(clock.timers).toBe(1_000)
})

test('a release sends all that wait, and none waits after it', async () => {
  const { clock, holding, sent, hold } = createHarness()
  hold('one')
  hold('two')
  holding.release()
  hold('three')
  await clock.runPending()
  expect(sent.toSorted()).toEqual(['one', 'three', 'two'])
  expect(clock.timers).toBe(0)
})
