/** Floors are never below what was raised, and above it for few addresses. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createEvictionFloors } from '../../src/journal/eviction-floors.ts'

test('a floor is never below the raised sequence, whatever the address and the sequence', () => {
  const raised = fc.array(fc.tuple(fc.string(), fc.nat(2 ** 50)), { maxLength: 50 })
  fc.assert(
    fc.property(raised, (all) => {
      const floors = createEvictionFloors(16)
      for (const [key, sequence] of all) floors.raise(key, sequence)
      return all.every(([key, sequence]) => floors.of(key) >= sequence)
    }),
  )
})

test('a floor applies to one address alone, is rounded up from 2^24 on, and is zero for others', () => {
  const floors = createEvictionFloors(1_024)
  expect(floors.of('a')).toBe(0)
  floors.raise('a', 12_345_678)
  floors.raise('a', 5)
  expect([floors.of('a'), floors.of('b'), floors.of('c')]).toEqual([12_345_678, 0, 0])
  floors.raise('a', 2 ** 24 + 1)
  expect(floors.of('a') - 2 ** 24).toBeGreaterThanOrEqual(1)
  expect(floors.of('a') - 2 ** 24).toBeLessThanOrEqual(4)
})
