/** Kinds of variables accept what an environment can hold, and name the rule otherwise. */
import { expect, test } from 'vitest'
import { isOrigin, list, number, wholeNumber } from '../../../src/server/config/fields.ts'

test('a number has up to three decimals, and a whole number none', () => {
  expect(number(0.1, 5).parse('0.125')).toBe(0.125)
  expect(wholeNumber(0, 5).parse('5')).toBe(5)
  for (const text of ['', '-1', '+1', '1e0', '0x1', '1_0', '6', '0.0001', ' 1']) {
    expect(number(0, 5).safeParse(text).success).toBe(false)
  }
  expect(wholeNumber(0, 5).safeParse('0.5').error?.issues[0]?.message).toBe(
    'must be a whole number',
  )
})

test('a list is empty if unset, and drops empty items', () => {
  const letters = list(/^[a-z]$/, 'must be letters')
  expect(letters.parse(undefined)).toEqual([])
  expect(letters.parse(' a, b,,')).toEqual(['a', 'b'])
  expect(letters.safeParse('a,1').error?.issues[0]?.message).toBe('must be letters')
})

test('an origin has a scheme, a host and a port only', () => {
  expect(isOrigin('https://app.example:8443')).toBe(true)
  for (const text of ['app.example', 'https://app.example/x', 'https://u:p@app.example']) {
    expect(isOrigin(text)).toBe(false)
  }
})
