/** The index of keyed entries. */
import { expect, test } from 'vitest'
import { createKeyedEntries } from '../../../src/journal/memory/keyed-entries.ts'

test('entries are taken by address and key, in order, and only once', () => {
  const keyed = createKeyedEntries<object>()
  const [a, b, c, d] = [{}, {}, {}, {}]
  keyed.add('t:x', 'k', a)
  keyed.add('t:x', 'k', b)
  keyed.add('t:x', '', c)
  keyed.add('t:y', 'k', d)
  expect([...keyed.take('t:x', 'k')]).toEqual([a, b])
  expect([...keyed.take('t:x', 'k')]).toEqual([])
  expect([...keyed.take('t:x', '')]).toEqual([c])
  expect([...keyed.take('t:y', 'k')]).toEqual([d])
  expect(keyed.bytes).toBe(0)
})

test('an entry that was removed is not taken, and others may be removed that have no key', () => {
  const keyed = createKeyedEntries<object>()
  const [a, b] = [{}, {}]
  keyed.remove(a)
  keyed.add('t:x', 'k', a)
  const { bytes } = keyed
  keyed.add('t:x', 'k', b)
  keyed.remove(a)
  expect(keyed.bytes).toBe(bytes)
  expect([...keyed.take('t:x', 'k')]).toEqual([b])
  keyed.add('t:x', 'k', a)
  keyed.remove(a)
  expect(keyed.bytes).toBe(0)
})
