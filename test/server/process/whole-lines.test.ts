/** A log that several processes share is written in pieces of whole lines. */
import { expect, test } from 'vitest'
import { inWholeLines } from '../../../src/server/process/whole-lines.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

test('no piece is larger than a pipe keeps together, unless one line is', async () => {
  const pieces: string[] = []
  const write = inWholeLines(async (bytes) => pieces.push(decoder.decode(bytes)))
  const lines = [...Array.from({ length: 100 }, (_, n) => `${n} ${'x'.repeat(100)}\n`)]
  lines.splice(50, 0, `${'long'.repeat(2_000)}\n`)
  await write(encoder.encode(lines.join('')))
  expect(pieces.join('')).toBe(lines.join(''))
  for (const piece of pieces) {
    expect(piece.endsWith('\n')).toBe(true)
    if (!piece.startsWith('long')) expect(piece.length).toBeLessThanOrEqual(4_096)
  }
  expect(pieces.length).toBeLessThan(10)
})

test('text without a line end is written as it is', async () => {
  const pieces: string[] = []
  const write = inWholeLines(async (bytes) => pieces.push(decoder.decode(bytes)))
  await write(encoder.encode('y'.repeat(5_000)))
  expect(pieces).toEqual(['y'.repeat(5_000)])
})
