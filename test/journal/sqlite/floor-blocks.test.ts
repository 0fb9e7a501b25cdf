/** Floors in blocks are never below what was raised, and above it for few addresses. */
import { expect, test } from 'vitest'
import { openFloorBlocks } from '../../../src/journal/sqlite/floor-blocks.ts'

/** The table of the floors in memory. */
function openTable() {
  const rows = new Map<unknown, Uint8Array>()
  const exec = (_: string, ...[block, floors]: readonly (string | number | Uint8Array)[]) => {
    if (floors instanceof Uint8Array) rows.set(block, floors)
    const row = rows.get(block)
    return row ? [{ floors: row.slice().buffer }] : []
  }
  return { sql: { exec } }
}

test('floors that many addresses share are never below the raised sequence, and rarely above', () => {
  const floors = openFloorBlocks(openTable())
  const count = 10_000
  // From high to low, so that one that is lowered by the next address is found.
  for (let n = count; n > 0; n--) floors.raise(`c:${n}`, n)
  const strangers = Array.from({ length: count }, (_, n) => floors.of(`t:${n}`))
  expect(strangers.filter((floor) => floor > 0).length).toBeLessThan(count / 1_000)
  const all = Array.from({ length: count }, (_, n) => floors.of(`c:${n + 1}`) - n - 1)
  expect(Math.min(...all)).toBe(0)
  expect(all.filter((above) => above > 0).length).toBeLessThan(count / 1_000)
})
