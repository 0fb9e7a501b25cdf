/** Results are found by name until they expire, and a full map refuses names instead of forgetting any. */
import { expect, test } from 'vitest'
import { createMemoryJournal } from '../../../src/journal/memory/journal.ts'
import { createOnceResults } from '../../../src/journal/memory/once-results.ts'
import type { Once } from '../../../src/journal/once.ts'
import { manualClock } from '../../support/clock.ts'

const onceOf = (name: string, ttlMs = 1_000, digest = 'd'): Once => {
  return { name, digest, ttlMs, connections: 2 }
}
test('a result is found until it expires, and its name is then free again', async () => {
  const clock = manualClock()
  const results = createOnceResults(clock)
  expect(results.find(onceOf('a'))).toBeUndefined()
  results.add(onceOf('a'), 1)
  await clock.advance(999)
  expect(results.find(onceOf('a'))).toMatchObject({ sequence: 1, connections: 2 })
  await clock.advance(1)
  expect(results.find(onceOf('a', 1_000, 'other'))).toBeUndefined()
})

test('a name whose digest differs is a conflict, until it expires', async () => {
  const clock = manualClock()
  const results = createOnceResults(clock)
  results.add(onceOf('a'), 1)
  expect(() => results.find(onceOf('a', 1_000, 'other'))).toThrow(
    expect.objectContaining({ code: 'idempotency-conflict', status: 422 }),
  )
})

test('a full map refuses further names, finds those that it has, and has room once one expires', async () => {
  const clock = manualClock()
  const results = createOnceResults(clock, 3)
  for (const name of ['a', 'b', 'c']) {
    expect(results.find(onceOf(name))).toBeUndefined()
    results.add(onceOf(name), 1)
    await clock.advance(100)
  }
  expect(() => results.find(onceOf('d'))).toThrow(
    expect.objectContaining({ code: 'at-capacity', retryable: true }),
  )
  expect(results.find(onceOf('a'))).toBeDefined()
  await clock.advance(700)
  expect(results.find(onceOf('d'))).toBeUndefined()
})

test('a name with a shorter time expires in time, also after one with a longer time', async () => {
  const clock = manualClock()
  const results = createOnceResults(clock, 2)
  results.add(onceOf('long', 10_000), 1)
  results.add(onceOf('short', 10), 1)
  await clock.advance(10)
  expect(results.find(onceOf('short'))).toBeUndefined()
  results.add(onceOf('short', 10), 2)
  expect(results.find(onceOf('short'))).toMatchObject({ sequence: 2 })
  expect(results.find(onceOf('long', 10_000))).toMatchObject({ sequence: 1 })
})

test('each call removes at most 100 names that have expired, none of which is found', async () => {
  const clock = manualClock()
  const results = createOnceResults(clock)
  for (let n = 0; n < 1_000; n += 1) results.add(onceOf(`${n}`), n)
  await clock.advance(1_000)
  expect(results.find(onceOf('999', 1_000, 'other'))).toBeUndefined()
  expect(results.size).toBe(899)
  for (let n = 0; n < 9; n += 1) results.find(onceOf('new'))
  expect(results.size).toBe(0)
})

test('a full map has room once a name has expired, also if many were added again after a longer one', async () => {
  const clock = manualClock()
  const results = createOnceResults(clock, 2)
  results.add(onceOf('long', 1_000), 1)
  for (let n = 0; n < 300; n += 1) {
    expect(results.find(onceOf('short', 1))).toBeUndefined()
    results.add(onceOf('short', 1), n)
    await clock.advance(1)
  }
  await clock.advance(1_000)
  for (const name of ['one', 'two']) {
    expect(results.find(onceOf(name))).toBeUndefined()
    results.add(onceOf(name), 1)
  }
})

test('the time does not depend on the wall clock', async () => {
  const clock = manualClock()
  const results = createOnceResults(clock)
  results.add(onceOf('a'), 1)
  clock.moveWallTime(86_400_000)
  expect(results.find(onceOf('a'))).toBeDefined()
})

test('a listener that repeats the call while its event is delivered gets the same result', () => {
  const journal = createMemoryJournal({ clock: manualClock() })
  const nested: unknown[] = []
  const deliver = () => void nested.push(journal.append('c:alice', { data: 'x' }, onceOf('a')))
  journal.open({ deliver, missed: () => {}, respond: () => undefined })
  const first = journal.append('c:alice', { data: 'x' }, onceOf('a'))
  expect(nested).toEqual([{ ...first, repeated: true }])
})
