/** Charts fill from the left, end at round numbers, and have no line where nothing was measured. */
import { expect, test } from 'vitest'
import { pathsOf, scaleOf, startOf } from '../../../src/dashboard/figures/chart-scale.ts'

const samples = (...values: number[]) => values.map((value, n) => ({ at: n * 2_000, value }))

test('a chart starts with its first sample until three minutes are full, and then moves on', () => {
  expect(startOf([], 5_000)).toBe(5_000)
  expect(startOf([{ at: 1_000, value: 1 }], 100_000)).toBe(1_000)
  expect(startOf([{ at: 1_000, value: 1 }], 190_000)).toBe(10_000)
})

test.each([
  [[], 1],
  [[0], 1],
  [[1], 1],
  [[3, 2], 5],
  [[12], 20],
  [[51], 100],
  [[1_536], 2_000],
  [[0.3], 0.5],
])('the scale of %j ends at %d', (values, scale) => {
  expect(scaleOf(samples(...values))).toBeCloseTo(scale)
})

test('a line starts at the left, and the area below it reaches down to zero', () => {
  const { line, area } = pathsOf(samples(10, 5, 20), 0, 20)
  expect(line).toBe('M0.0 20.0L3.3 30.0L6.7 0.0')
  expect(area).toBe('M0.0 40L0.0 20.0L3.3 30.0L6.7 0.0V40')
})

test('a line is interrupted where there was no measurement, and a lone sample is a dot', () => {
  const parts = [
    { at: 0, value: 1 },
    { at: 2_000, value: 1 },
    { at: 20_000, value: 1 },
  ]
  expect(pathsOf(parts, 0, 1).line).toBe('M0.0 0.0L3.3 0.0M33.3 0.0h0')
})
