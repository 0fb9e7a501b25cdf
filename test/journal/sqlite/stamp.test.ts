/** Only frames of another epoch are copied. */
import { expect, test } from 'vitest'
import { positionOf } from '../../../src/core/cursor.ts'
import { encodeFrame } from '../../../src/core/event.ts'
import { stampEntries } from '../../../src/journal/sqlite/stamp.ts'

function entryOf(epoch: string, sequence: number) {
  const position = positionOf(epoch, sequence)
  return { ...position, frame: encodeFrame({ id: position.id, data: 'a' }) }
}

test('entries of this epoch are returned as they are', () => {
  const entries = [entryOf('epoch', 1), entryOf('epoch', 20)]
  expect(stampEntries(entries, 'epoch')).toBe(entries)
})

test.each(['epochs', 'epo', 'other'])('entries of the epoch %s are copied', (epoch) => {
  const stored = [entryOf('epoch', 1), { ...entryOf('epoch', 2), frame: entryOf(epoch, 2).frame }]
  const stamped = [entryOf('epoch', 1), entryOf('epoch', 2)]
  expect(stampEntries(stored, 'epoch')).toEqual(stamped)
})
