/** The documentation shows the figures that the benchmark measured. */
import { expect, test } from 'vitest'
import { documented, parts } from './scaling.ts'

test.each(parts)('$page shows what its figures give: `npm run bench:scaling` writes it', (part) => {
  expect(documented(part)).toBe(part.text())
})
