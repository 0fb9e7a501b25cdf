/** Cursors name a position in one epoch; nothing else is a cursor. */
import { expect, test } from 'vitest'
import {
  epochOf,
  newEpoch,
  parseCursor,
  partialCursor,
  partialStart,
  positionAt,
  positionOf,
} from '../../src/core/cursor.ts'
import { manualClock } from '../support/clock.ts'

test('a cursor is parsed into its epoch and its sequence', () => {
  expect(parseCursor('lz3k9q-41')).toEqual({ epoch: 'lz3k9q', sequence: 41 })
  expect(parseCursor(`a-${'9'.repeat(15)}`)).toEqual({ epoch: 'a', sequence: 999_999_999_999_999 })
})

test.each([
  '',
  'a',
  'a-',
  '-1',
  'a-b',
  'A-1',
  'a-1-2',
  ' a-1',
  'a-1 ',
  'a-1r',
  `a-${'9'.repeat(16)}`,
  `a-${'9'.repeat(150)}`,
])('%j is not a cursor', (text) => {
  expect(parseCursor(text)).toBeUndefined()
})

test('a cursor says that its client lacks something of what is retained', () => {
  const position = positionOf('lz3k9q', 41)
  expect(partialCursor(position)).toBe('lz3k9q-41r')
  expect(partialStart('lz3k9q-41r')).toEqual(position)
  for (const text of ['', 'r', 'earlier', 'lz3k9q-41', 'lz3k9q-41rr']) {
    expect(partialStart(text)).toBeUndefined()
  }
})

test('another position keeps the epoch', () => {
  const position = positionOf('lz3k9q', 41)
  expect(positionAt(position, 7)).toEqual({ id: 'lz3k9q-7', sequence: 7 })
  expect(epochOf(position)).toBe('lz3k9q')
})

test('two epochs of the same millisecond differ, and have the same length', () => {
  const clock = manualClock()
  const epochs = Array.from({ length: 50 }, () => newEpoch(clock))
  expect(new Set(epochs).size).toBeGreaterThan(45)
  const time = clock.now().toString(36)
  for (const epoch of epochs) {
    expect(epoch).toMatch(/^[0-9a-z]+$/)
    expect(epoch.startsWith(time)).toBe(true)
    expect(epoch).toHaveLength(time.length + 4)
  }
})
