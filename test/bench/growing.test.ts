/** The tables of docs/growing.md say what the figures of the benchmark say. */
import { expect, test } from 'vitest'
import { derived, documented } from './growing.ts'

test('docs/growing.md has the tables that its figures give: `npm run bench:growing` writes them', () => {
  expect(documented()).toBe(derived())
})
