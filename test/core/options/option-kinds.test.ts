/** Options: what is misspelt or of another kind is refused by name, and what is left out is not. */
import { describe, expect, test } from 'vitest'
import {
  checkOptions,
  KIND,
  type Kinds,
  optionsProblem,
} from '../../../src/core/options/option-kinds.ts'

interface Own {
  readonly name?: string | undefined
  readonly count?: number
  readonly list?: readonly string[]
}

const KINDS: Kinds<Own> = { name: KIND.text, count: KIND.number, list: KIND.texts }

test('options that are left out or undefined are valid', () => {
  expect(optionsProblem('it', {}, KINDS)).toBeUndefined()
  expect(optionsProblem('it', { name: undefined }, KINDS)).toBeUndefined()
  expect(optionsProblem('it', { name: '', count: 0, list: [] }, KINDS)).toBeUndefined()
})

test.each([
  ['it has no option "nmae".', { nmae: 'x' }],
  ['it has no option "nmae".', { nmae: undefined }],
  ['it has no option "toString".', { toString: 1 }],
  ['it has no option "__proto__".', JSON.parse('{"__proto__":1}')],
  ['The option name of it must be a string.', { name: 1 }],
  ['The option name of it must be a string.', { name: null }],
  ['The option count of it must be a finite number.', { count: Number.NaN }],
  ['The option count of it must be a finite number.', { count: '1' }],
  ['The option list of it must be an array of strings.', { list: 'news' }],
  ['The option list of it must be an array of strings.', { list: [1] }],
  ['The options of it must be an object.', null],
  ['The options of it must be an object.', 3],
  ['The options of it must be an object.', []],
])('%s', (message, options) => {
  const refusal = expect.objectContaining({ code: 'invalid-option', message })
  expect(() => checkOptions('it', options as Own, KINDS)).toThrow(refusal)
})

test('what an object inherits is checked, too', () => {
  class Inherited {
    readonly name: string = 'x'
    get count(): unknown {
      return '1'
    }
  }
  const message = 'The option count of it must be a finite number.'
  expect(optionsProblem('it', new Inherited() as Own, KINDS)).toBe(message)
  expect(optionsProblem('it', Object.create({ count: '1' }) as Own, KINDS)).toBe(message)
  expect(optionsProblem('it', Object.create({ count: 1, other: 1 }) as Own, KINDS)).toBeUndefined()
})

describe('a kind accepts its own values, and no others', () => {
  const values = {
    text: 'a',
    texts: ['a'],
    number: 1,
    flag: false,
    function: () => {},
    functions: [() => {}],
    object: {},
    signal: new AbortController().signal,
  }
  test.each(Object.keys(values) as (keyof typeof values)[])('%s', (kind) => {
    const accepted = Object.entries(values).filter(([, value]) => KIND[kind].accepts(value))
    const alsoObject = kind === 'object' ? ['signal'] : []
    expect(accepted.map(([name]) => name)).toEqual([kind, ...alsoObject])
    expect(KIND.any.accepts(values[kind])).toBe(true)
  })
})

test.each([
  null,
  'signal',
  new AbortController(),
  { aborted: false },
  { aborted: 'no', addEventListener: () => {} },
  { aborted: false, addEventListener: 'no' },
])('%j is no signal', (value) => {
  expect(KIND.signal.accepts(value)).toBe(false)
})
