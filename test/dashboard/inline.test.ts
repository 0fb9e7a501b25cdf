/** What is served matches the build of src/dashboard and src/client. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CLIENT_TARGET, clientModule, clientSize } from '../../src/dashboard/bundle-client.ts'
import { inline, TARGET } from '../../src/dashboard/inline.ts'

test('the committed document matches its sources: `npm run page` regenerates it', () => {
  expect(readFileSync(TARGET, 'utf8')).toBe(inline())
})

test('the document loads nothing from another origin', () => {
  const addresses = inline().match(/(?<=(?:src|href|url\(|import)\W{1,3})(?:https?:)?\/\/[^"')]+/g)
  expect(addresses).toBeNull()
})

test('the document is small, although it contains the client', () => {
  expect(Buffer.byteLength(inline())).toBeLessThan(60_000)
})

test('the committed client is what its sources make, and it is small', () => {
  expect(readFileSync(CLIENT_TARGET, 'utf8')).toBe(clientModule())
  expect(clientSize()).toBeLessThanOrEqual(5_120)
})
