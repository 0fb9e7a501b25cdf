/** Patterns: which topics they cover, and that those of one connection never overlap. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  covers,
  isPattern,
  MAX_LEVELS,
  patternsOf,
  uncovered,
} from '../../../src/core/patterns/topic-pattern.ts'

describe('a pattern', () => {
  test.each([
    ['a/*', ['a/b', 'a/', 'a/*'], ['a', 'a/b/c', 'a/b/', 'ab/c', 'b', 'a/**', 'a/b/*']],
    [
      'a/**',
      ['a/b', 'a/', 'a/b/c', 'a/*', 'a/**', 'a/b/*', 'a/b/**'],
      ['a', 'ab', 'b/a/c', 'b/**'],
    ],
    ['a/b/*', ['a/b/c'], ['a/c', 'a/b', 'a/*', 'a/**', 'a/b/**', 'a/bb/c']],
    ['/*', ['/a', '/'], ['a', '/a/b', 'a/b']],
  ] as const)('%s covers its topics and no others', (pattern, covered, others) => {
    expect(covered.filter((topic) => !covers(pattern, topic))).toEqual([])
    expect(others.filter((topic) => covers(pattern, topic))).toEqual([])
  })

  test('that is none covers itself alone, also with a wildcard elsewhere', () => {
    for (const name of ['a', '*', '**', 'a*', 'a/b*', '*/a']) {
      expect([covers(name, name), covers(name, 'a/b'), covers(name, 'x')]).toEqual([
        true,
        false,
        false,
      ])
    }
  })
})

describe('the patterns of a topic', () => {
  test('are one of a single level, and one of all levels for each level above it', () => {
    expect(patternsOf('a')).toEqual([])
    expect(patternsOf('a/b')).toEqual(['a/**', 'a/*'])
    expect(patternsOf('a/b/c')).toEqual(['a/**', 'a/b/**', 'a/b/*'])
    expect(patternsOf('/a/')).toEqual(['/**', '/a/**', '/a/*'])
  })

  test('are limited, however many levels it has', () => {
    const deep = Array.from({ length: 1_000 }, (_, n) => n).join('/')
    const patterns = patternsOf(deep)
    expect(patterns).toHaveLength(MAX_LEVELS - 1)
    expect(patterns.every((one) => one.endsWith('/**') && covers(one, deep))).toBe(true)
    const deepest = deep.split('/').slice(0, MAX_LEVELS).join('/')
    expect(patternsOf(deepest)).toHaveLength(MAX_LEVELS)
    expect(patternsOf(`${deepest}/`)).toHaveLength(MAX_LEVELS - 1)
  })
})

const level = fc.constantFrom('', 'a', 'b')
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'))
const name = fc.oneof(
  topic,
  fc.tuple(topic, fc.constantFrom('*', '**')).map(([parent, wildcard]) => `${parent}/${wildcard}`),
)

test('what is left of some names covers what they cover, and each topic once', () => {
  fc.assert(
    fc.property(fc.uniqueArray(name, { maxLength: 8 }), topic, (names, published) => {
      const left = uncovered(names)
      const at = [published, ...patternsOf(published)]
      expect(names.every((one) => left.some((other) => covers(other, one)))).toBe(true)
      const covering = left.filter((one) => at.includes(one))
      expect(covering.length).toBe(names.some((one) => covers(one, published)) ? 1 : 0)
      expect(covering).toEqual(left.filter((one) => covers(one, published)))
      if (!names.some(isPattern)) expect(left).toBe(names)
    }),
    { numRuns: 2_000 },
  )
})
