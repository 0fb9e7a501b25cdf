/** A key in a header is read with and without quotes, and anything else is no key. */
import { expect, test } from 'vitest'
import { idempotencyKeyIn } from '../../../src/core/idempotency/idempotency-key.ts'

test.each([
  ['order-1', 'order-1'],
  ['"order-1"', 'order-1'],
  [String.raw`"a\"b\\c"`, String.raw`a"b\c`],
  ['a"b', 'a"b'],
  ['!~', '!~'],
  ['x'.repeat(255), 'x'.repeat(255)],
  [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
])('%s is a key', (header, key) => {
  expect(idempotencyKeyIn(header)).toBe(key)
})

test.each(['', '""', 'a b', '"a b"', 'a, b', 'ü', 'x'.repeat(256), '"a\tb"', 'a\u007f'])(
  '%j is no key',
  (header) => {
    expect(idempotencyKeyIn(header)).toBeUndefined()
  },
)
