/** A transport stalls while bytes wait in it and none leaves. */
import { expect, test } from 'vitest'
import { Progress } from '../../src/core/progress.ts'

test('time counts from the first check that finds bytes waiting, and restarts when a byte leaves', () => {
  const progress = new Progress()
  expect(progress.stalledMs(0, 0, 1_000)).toBe(0)
  expect(progress.stalledMs(100, 100, 2_000)).toBe(0)
  expect(progress.stalledMs(100, 100, 3_000)).toBe(1_000)
  expect(progress.stalledMs(100, 99, 4_000)).toBe(0)
  expect(progress.stalledMs(150, 149, 6_000)).toBe(2_000)
  expect(progress.stalledMs(150, 0, 7_000)).toBe(0)
  expect(progress.stalledMs(150, 0, 8_000)).toBe(0)
  expect(progress.stalledMs(200, 50, 9_000)).toBe(0)
  expect(progress.stalledMs(300, 150, 10_000)).toBe(1_000)
})

test('bytes that arrive for a transport that accepts none do not restart the time', () => {
  const progress = new Progress()
  for (let n = 0; n <= 10; n++) expect(progress.stalledMs(100 * n + 7, 100 * n + 7, n)).toBe(n)
})
