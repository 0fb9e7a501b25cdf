/** The served document matches the build of src/dashboard. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { inline, TARGET } from '../../src/dashboard/inline.ts'

test('the committed document is what its sources make: `npm run page` makes it anew', () => {
  expect(readFileSync(TARGET, 'utf8')).toBe(inline())
})

test('it loads nothing from another origin', () => {
  const addresses = inline().match(/(?<=(?:src|href|url\(|import)\W{1,3})(?:https?:)?\/\/[^"')]+/g)
  expect(addresses).toBeNull()
})
