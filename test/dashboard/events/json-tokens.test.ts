/** JSON in tokens: each kind is recognised, and nothing is lost. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseStructure, tokensOf } from '../../../src/dashboard/events/json-tokens.ts'

test('keys, strings, numbers and literals are distinguished', () => {
  const kinds = tokensOf('{"a\\"b": ["x:", -1.5e3, true, null]}')
    .filter(({ kind }) => kind !== 'other')
    .map(({ kind, text }) => `${kind} ${text}`)
  expect(kinds).toEqual([
    'key "a\\"b"',
    'string "x:"',
    'number -1.5e3',
    'literal true',
    'literal null',
  ])
})

test('all tokens together are the text, even if it is cut off, or no JSON', () => {
  const texts = fc.tuple(fc.json(), fc.nat(200)).map(([json, end]) => json.slice(0, end))
  fc.assert(
    fc.property(fc.oneof(texts, fc.string()), (text) => {
      expect(
        tokensOf(text)
          .map((token) => token.text)
          .join(''),
      ).toBe(text)
    }),
  )
})

test('only objects and arrays have a structure', () => {
  expect(parseStructure(' {"a":1}')).toEqual({ a: 1 })
  expect(parseStructure('[1,2]')).toEqual([1, 2])
  for (const text of ['', 'text', '1', '"a"', 'null', '{"a":', '[not json]']) {
    expect(parseStructure(text)).toBeUndefined()
  }
})
