/** Pages say what the figures of the benchmark say. */
import { expect, test } from 'vitest'
import { derived, documented, PAGE_NAMES } from './growing.ts'

test.each(PAGE_NAMES)('%s has what its figures give: `npm run bench:growing` writes it', (page) => {
  expect(documented(page)).toBe(derived(page))
})
