/** Addresses: which client ids and topics are valid, and that they never collide. */
import { describe, expect, test } from 'vitest'
import {
  type Address,
  addressKey,
  addressKeys,
  checkTopics,
  kindOf,
  MAX_ADDRESSES,
  MAX_TOPICS,
} from '../../src/core/address.ts'

describe('a client id or topic', () => {
  test.each([
    ['empty', ''],
    ['too long', 'x'.repeat(129)],
    ['with a line break', 'a\nb'],
    ['with NUL', 'a\0'],
    ['with another control character', 'a\u0085'],
    ['with a lone surrogate', 'a\ud83d'],
    ['the wildcard of permissions', '*'],
    ['this folder, in a path', '.'],
    ['the folder above, in a path', '..'],
  ])('that is %s is refused', (_, name) => {
    const refusal = expect.objectContaining({ name: 'HubError', code: 'invalid-address' })
    expect(() => addressKey({ client: name })).toThrow(refusal)
    expect(() => addressKey({ topic: name })).toThrow(refusal)
  })

  test.each([
    'a',
    'x'.repeat(128),
    '🙂'.repeat(128),
    '**',
    'c:a',
    ' ',
    '__proto__',
    '...',
    '.a',
    'a/..',
  ])('%s is accepted', (name) => {
    expect(addressKey({ client: name })).not.toBe(addressKey({ topic: name }))
    expect(addressKey({ client: name })).not.toBe(addressKey('everyone'))
    expect(addressKey({ topic: name })).not.toBe(addressKey('everyone'))
  })

  test('that is invalid is named in the message', () => {
    expect(() => addressKey({ client: '' })).toThrow(/^A client id must be/)
    expect(() => addressKey({ topic: '' })).toThrow(/^A topic must be/)
    expect(() => checkTopics([''])).toThrow(/^A topic must be/)
  })

  test('that is not text is refused, whatever its declared type', () => {
    const cheat = JSON.parse('{"client":7}') as { client: string }
    expect(() => addressKey(cheat)).toThrow(expect.objectContaining({ code: 'invalid-address' }))
  })
})

test('an address has a kind, and a key that begins with it', () => {
  const keyAndKind = (address: Address) => [addressKey(address), kindOf(addressKey(address))]
  expect(keyAndKind('everyone')).toEqual(['*', 'everyone'])
  expect(keyAndKind({ client: 'a' })).toEqual(['c:a', 'client'])
  expect(keyAndKind({ topic: 'a' })).toEqual(['t:a', 'topic'])
})

describe('a list of addresses', () => {
  const clients = (count: number) =>
    Array.from({ length: count }, (_, n): Address => ({ client: `client-${n}` }))

  test('has the key of each of them once, and a kind of its own', () => {
    const keys = addressKeys([{ client: 'a' }, { topic: 'a' }, { client: 'a' }, 'everyone'])
    expect([keys, kindOf(keys)]).toEqual([['c:a', 't:a', '*'], 'several'])
  })

  test('of one address has its key, as the address has without a list', () => {
    for (const address of ['everyone', { client: 'a' }, { topic: 'a' }] as const) {
      expect(addressKeys(address)).toBe(addressKey(address))
      expect(addressKeys([address, address])).toBe(addressKey(address))
    }
  })

  test('has up to a thousand, not counting duplicates, and at least one', () => {
    expect(MAX_ADDRESSES).toBe(1_000)
    expect(addressKeys([...clients(1_000), ...clients(1_000)])).toHaveLength(1_000)
    expect(addressKeys(clients(3), 3)).toHaveLength(3)
    for (const [list, max] of [
      [[], 1_000],
      [clients(1_001), 1_000],
      [clients(10_000), 1_000],
      [clients(4), 3],
    ] as const) {
      const refusal = {
        code: 'invalid-address',
        message: `A list of addresses needs 1 to ${max} of them, and not ${list.length}.`,
      }
      expect(() => addressKeys(list, max)).toThrow(expect.objectContaining(refusal))
    }
  })

  test.each([{ client: '' }, { topic: 'a', client: 'a' }, undefined, [{ client: 'a' }], 7])(
    'with %j in it is refused',
    (address) => {
      expect(() => addressKeys([{ client: 'a' }, address as Address])).toThrow(
        expect.objectContaining({ name: 'HubError', code: 'invalid-address' }),
      )
    },
  )
})

test('an address with both a client id and a topic, or with neither, is refused', () => {
  for (const address of [{ client: 'a', topic: 'b' }, {}, null]) {
    expect(() => addressKey(address as unknown as 'everyone')).toThrow(
      expect.objectContaining({
        name: 'HubError',
        code: 'invalid-address',
        message: expect.stringMatching(/^An address must be/),
      }),
    )
  }
})

test('a connection may follow topics up to the bound', () => {
  const topics = (count: number) => Array.from({ length: count }, (_, n) => `topic-${n}`)
  expect(() => checkTopics(topics(MAX_TOPICS))).not.toThrow()
  for (const count of [MAX_TOPICS + 1, 10 * MAX_TOPICS]) {
    expect(() => checkTopics(topics(count))).toThrow(
      expect.objectContaining({ name: 'HubError', code: 'invalid-address' }),
    )
  }
})
