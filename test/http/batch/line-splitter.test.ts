/** Lines are the same wherever the chunks of a body begin and end. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLineSplitter } from '../../../src/http/batch/line-splitter.ts'

const MAX = 10

/** The lines of chunks, as text; null for those that are too long. */
function linesOf(chunks: readonly (string | Uint8Array)[], max = MAX): (string | null)[] {
  const splitter = createLineSplitter(max)
  const encoder = new TextEncoder()
  const whole = chunks.flatMap((chunk) => [
    ...splitter.push(typeof chunk === 'string' ? encoder.encode(chunk) : chunk),
  ])
  const all = [...whole, ...splitter.end()]
  expect(all.map(({ number }) => number)).toEqual(all.map((_, index) => index + 1))
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return all.map(({ bytes }) => (bytes ? decoder.decode(bytes) : null))
}

describe('a body is split', () => {
  test.each<[string, string[], (string | null)[]]>([
    ['at line feeds', ['a\nb\n'], ['a', 'b']],
    ['if the last line has none', ['a\nb'], ['a', 'b']],
    ['if it is empty', [''], []],
    ['if it is a line feed', ['\n'], ['']],
    ['with blank lines', ['\n\na\n\n'], ['', '', 'a', '']],
    ['and keeps carriage returns', ['a\r\nb\r'], ['a\r', 'b\r']],
    ['in the middle of lines', ['ab', 'c\nd', 'e', 'f\ng'], ['abc', 'def', 'g']],
    ['between the two', ['a\r', '\nb', '\n', '\n'], ['a\r', 'b', '']],
    [
      'if a line is as long as allowed',
      ['0123456789\n', '01234', '56789'],
      Array(2).fill('0123456789'),
    ],
    ['if a line is longer', ['0123456789a\nb'], [null, 'b']],
    ['if a line is longer with its next chunk', ['012345678', '9a', 'bc\nb\n'], [null, 'b']],
    ['if a line is longer and the last', ['a\n0123456', '789ab', 'cd'], ['a', null]],
    [
      'if the lines after a longer one are as well',
      ['x'.repeat(11), '\n', 'y'.repeat(40)],
      [null, null],
    ],
  ])('%s', (_, chunks, lines) => {
    expect(linesOf(chunks)).toEqual(lines)
  })
})

test('lines are the same whatever the chunks', () => {
  const text = fc
    .array(fc.constantFrom('a', 'é', '🙂', '\n', '\n', '\r\n', '\ufeff', 'long text of a line'))
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, fc.array(fc.nat(60)), (whole, cuts) => {
      const bytes = new TextEncoder().encode(whole)
      const at = [
        0,
        ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b),
        bytes.length,
      ]
      const chunks = at.slice(1).map((end, index) => bytes.slice(at[index], end))
      const last = whole.endsWith('\n') || whole === '' ? -1 : undefined
      const lines = whole.split('\n').slice(0, whole === '' || last === -1 ? -1 : undefined)
      const expected = lines.map((line) =>
        new TextEncoder().encode(line).length > MAX ? null : line,
      )
      expect(linesOf(chunks)).toEqual(expected)
    }),
  )
})

test('a line that comes byte by byte is kept in a buffer of its size', () => {
  const max = 100_000
  const splitter = createLineSplitter(max)
  for (let n = 0; n < max; n++) splitter.push(new Uint8Array([0x61])).next()
  const [line] = splitter.push(new Uint8Array([0x0a]))
  expect(line?.bytes).toHaveLength(max)
  expect(line?.bytes?.buffer.byteLength).toBeLessThanOrEqual(max)
})

test('lines stay as they are while the next chunk is read', () => {
  const splitter = createLineSplitter(MAX)
  const bytes = (text: string) => new TextEncoder().encode(text)
  expect([...splitter.push(bytes('ab'))]).toEqual([])
  const [first] = [...splitter.push(bytes('c\nde'))]
  const [second] = [...splitter.push(bytes('f\n'))]
  expect([first?.bytes, second?.bytes]).toEqual([bytes('abc'), bytes('def')])
})

test('a line that is too long is reported before it ends, once', () => {
  const splitter = createLineSplitter(MAX)
  const bytes = (text: string) => new TextEncoder().encode(text)
  expect([...splitter.push(bytes('a\n0123456789x'))].map(({ number }) => number)).toEqual([1, 2])
  expect([...splitter.push(bytes('more'))]).toEqual([])
  expect(splitter.number).toBe(2)
  expect([...splitter.push(bytes('\nb\n'))]).toEqual([{ number: 3, bytes: bytes('b') }])
  expect(splitter.number).toBe(4)
})
