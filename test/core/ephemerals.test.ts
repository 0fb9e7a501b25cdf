/** Ephemeral events keep their place among stored ones, within a bound. */
import { expect, test } from 'vitest'
import { Ephemerals } from '../../src/core/ephemerals.ts'

const frame = (n: number) => Uint8Array.of(n, n)
const taken = (frames: Uint8Array[]) => frames.map(([n]) => n)

test('frames come before the first event published after them', () => {
  const held = new Ephemerals()
  for (const [n, after] of [
    [1, 4],
    [2, 5],
    [3, 7],
  ] as const)
    held.hold(frame(n), after, 100)
  expect(taken(held.takeBefore(4))).toEqual([])
  expect(taken(held.takeBefore(6))).toEqual([1, 2])
  expect(taken(held.takeBefore(Number.POSITIVE_INFINITY))).toEqual([3])
})

test('beyond the bound the oldest are dropped, and frames that were sent make room', () => {
  const held = new Ephemerals()
  for (let n = 1; n <= 4; n++) held.hold(frame(n), n, 6)
  expect(taken(held.takeBefore(4))).toEqual([2, 3])
  for (let n = 5; n <= 6; n++) held.hold(frame(n), n, 6)
  expect(taken(held.takeBefore(9))).toEqual([4, 5, 6])
  held.hold(frame(7), 7, 1)
  expect(taken(held.takeBefore(9))).toEqual([])
})

test('ten times as many frames as the bound leave as many as the bound', () => {
  const held = new Ephemerals()
  for (let n = 1; n <= 30; n++) held.hold(frame(n), n, 6)
  expect(taken(held.takeBefore(99))).toEqual([28, 29, 30])
})
