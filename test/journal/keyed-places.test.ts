/** Where events with a key supersede others. */
import { expect, test } from 'vitest'
import { addressKeys } from '../../src/core/address.ts'
import { keyedPlaces, nameAt } from '../../src/journal/keyed-places.ts'

const text = (...args: Parameters<typeof keyedPlaces>) => {
  return keyedPlaces(...args).map(({ address, name }) => `${address} ${name}`)
}

test('an event supersedes those with its key at its addresses, and with its topic at patterns', () => {
  expect(text('c:alice', 'k')).toEqual(['c:alice k'])
  expect(text(['c:alice', '*'], 'k')).toEqual(['c:alice k', '* k'])
  expect(text(addressKeys({ topic: 'a/1' }), 'k')).toEqual([
    't:a/1 k',
    'p:a/** a/1\nk',
    'p:a/* a/1\nk',
  ])
  expect(text(addressKeys([{ topic: 'a/1' }, { client: 'c' }, { topic: 'a/2' }]), '')).toEqual([
    't:a/1 ',
    'p:a/** a/1\n',
    'p:a/* a/1\n',
    'c:c ',
    't:a/2 ',
    'p:a/** a/2\n',
    'p:a/* a/2\n',
  ])
  expect(text(['t:a/1', 'p:a/*'], 'k')).toEqual(['t:a/1 k', 'p:a/* a/1\nk'])
})

test('an event for several addresses is not superseded at patterns', () => {
  expect(nameAt('t:a/1', undefined, 'k')).toBe('k')
  expect(nameAt('p:a/*', 'a/1', 'k')).toBe('a/1\nk')
  expect(nameAt('p:a/*', undefined, 'k')).toBeUndefined()
})
