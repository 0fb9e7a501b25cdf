/** A set of names that expire: at the exact time, and within a bound. */
import { describe, expect, test } from 'vitest'
import { createExpiringSet } from '../../src/core/expiring-set.ts'
import { createHub } from '../../src/hub/hub.ts'
import { internalsOf } from '../../src/hub/internals.ts'
import { manualClock } from '../support/clock.ts'

describe('a name', () => {
  test('stays until it expires, without a timer', async () => {
    const clock = manualClock()
    const set = createExpiringSet(clock)
    set.add('a', 1_000)
    expect(clock.timers).toBe(0)
    expect([set.has('a'), set.has('b')]).toEqual([true, false])
    await clock.advance(999)
    expect(set.has('a')).toBe(true)
    await clock.advance(1)
    expect(set.has('a')).toBe(false)
  })

  test('that is added again expires later', async () => {
    const clock = manualClock()
    const set = createExpiringSet(clock)
    set.add('a', 1_000)
    await clock.advance(900)
    set.add('a', 1_000)
    await clock.advance(900)
    expect(set.has('a')).toBe(true)
  })

  test('over the bound is refused; no other name is dropped for it', async () => {
    const clock = manualClock()
    const set = createExpiringSet(clock, 2)
    set.add('a', 1_000)
    set.add('b', 2_000)
    const full = expect.objectContaining({ name: 'HubError', code: 'at-capacity' })
    expect(() => set.add('c', 1_000)).toThrow(full)
    set.add('a', 1_000)
    expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([true, true, false])
    await clock.advance(1_000)
    set.add('c', 1_000)
    expect([set.has('a'), set.has('b'), set.has('c')]).toEqual([false, true, true])
  })
})

test('a hub without a backplane lets a name be used once, and again after it has expired', async () => {
  const clock = manualClock()
  const { useOnce } = internalsOf(createHub({ clock }))
  expect(await useOnce('ticket', 1_000)).toBe(true)
  expect(await useOnce('ticket', 1_000)).toBe(false)
  expect(await useOnce('another', 1_000)).toBe(true)
  await clock.advance(1_000)
  expect(await useOnce('ticket', 1_000)).toBe(true)
})
