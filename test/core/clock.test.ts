/** The machine's clock: `soon` runs after the current work, and a timer can be cancelled. */
import { readFile } from 'node:fs'
import { afterEach, expect, test, vi } from 'vitest'
import { isoTime, parseHttpDate, systemClock } from '../../src/core/clock.ts'

afterEach(() => {
  vi.unstubAllGlobals()
})

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

test('work for `soon` runs after the I/O of this turn, before a timer', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    readFile(new URL(import.meta.url), () => {
      setTimeout(() => {
        order.push('timer')
        resolve()
      }, 0)
      systemClock.soon(() => order.push('soon'))
    })
  })
  expect(order).toEqual(['soon', 'timer'])
})

test('work for `soon` runs on a runtime without setImmediate', async () => {
  vi.stubGlobal('setImmediate', undefined)
  await new Promise<void>((resolve) => systemClock.soon(resolve))
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

test('the monotonic time is a number that never decreases', () => {
  const before = systemClock.monotonic()
  expect(before).toBeGreaterThan(0)
  expect(systemClock.monotonic()).toBeGreaterThanOrEqual(before)
})

test('an HTTP date is parsed, and anything else is not a number', () => {
  expect(parseHttpDate('Sun, 06 Nov 1994 08:49:37 GMT')).toBe(Date.UTC(1994, 10, 6, 8, 49, 37))
  expect(parseHttpDate('soon')).toBeNaN()
})
