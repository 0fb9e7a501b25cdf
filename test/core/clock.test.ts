/** The machine's clock: `soon` runs after the current work, and a timer can be cancelled. */
import { expect, test } from 'vitest'
import { isoTime, systemClock } from '../../src/core/clock.ts'

test('work for `soon` waits for the promises of this turn', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    systemClock.soon(() => {
      order.push('soon')
      resolve()
    })
    void Promise.resolve()
      .then(() => order.push('promise'))
      .then(() => order.push('its promise'))
    order.push('now')
  })
  expect(order).toEqual(['now', 'promise', 'its promise', 'soon'])
})

test('repeated work runs until it is cancelled', async () => {
  let runs = 0
  await new Promise<void>((resolve) => {
    const stop = systemClock.every(1, () => {
      runs += 1
      if (runs < 3) return
      stop()
      resolve()
    })
  })
  await new Promise<void>((resolve) => {
    const stop = systemClock.every(5, () => {
      stop()
      resolve()
    })
  })
  expect(runs).toBe(3)
})

test('time is written as ISO 8601 in UTC with milliseconds', () => {
  expect(isoTime(Date.UTC(2026, 10, 22, 9))).toBe('2026-11-22T09:00:00.000Z')
})

test('now is the time of the machine', () => {
  const before = Date.now()
  const now = systemClock.now()
  expect(now).toBeGreaterThanOrEqual(before)
  expect(now).toBeLessThanOrEqual(Date.now())
})
