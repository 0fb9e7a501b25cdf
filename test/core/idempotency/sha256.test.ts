/** The hash of a text is the one that every other implementation computes. */
import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sha256 } from '../../../src/core/idempotency/sha256.ts'

const expected = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex')

// FIPS 180-4 has these as examples.
test.each([
  ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
])('the hash of %j is that of the standard', (text, hash) => {
  expect(sha256(text)).toBe(hash)
})

test('texts around the size of a block have the hash that Node computes', () => {
  for (let length = 0; length < 260; length++) {
    const text = 'x'.repeat(length)
    expect(sha256(text)).toBe(expected(text))
  }
})

test('any text has the hash that Node computes', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 500 }), (text) => {
      expect(sha256(text)).toBe(expected(text))
    }),
  )
})

test('the first bits of a hash are those of the whole', () => {
  expect(sha256('abc', 128)).toBe(sha256('abc').slice(0, 32))
})

test('a text of a megabyte has the hash that Node computes', () => {
  const text = 'ü😀'.repeat(170_000)
  expect(sha256(text)).toBe(expected(text))
})
