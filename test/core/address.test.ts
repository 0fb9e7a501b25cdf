/** Addresses: which client ids and topics are valid, and that they never collide. */
import { describe, expect, test } from 'vitest'
import {
  type Address,
  type Addresses,
  addressKey,
  addressKeys,
  checkTopics,
  FOLLOWED,
  kindOf,
  listenKey,
  listenKeys,
  MAX_ADDRESSES,
  MAX_TOPICS,
  ownAddresses,
  soleKey,
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
    'c:a',
    'a/b',
    '/',
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

  test('is a client id, but no topic, with a wildcard', () => {
    for (const name of ['**', 'a*', 'a/*', '*a']) {
      expect(addressKey({ client: name })).toBe(`c:${name}`)
      expect(() => addressKey({ topic: name })).toThrow(
        /^A topic must .* Patterns can only be followed: name each topic\.$/,
      )
    }
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

test.each([{ client: 'a', foo: 1 }, { topic: 'a', event: 'b' }, { to: 'a' }, {}, null])(
  'an address that has another field is refused: %j',
  (address) => {
    const refusal = expect.objectContaining({
      code: 'invalid-address',
      message: "An address must be 'everyone', { client } or { topic }.",
    })
    for (const use of [addressKey, listenKey, addressKeys]) {
      expect(() => use(address as unknown as Address)).toThrow(refusal)
    }
    expect(() => listenKeys([address as unknown as Address], 1)).toThrow(refusal)
  },
)

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

  test('can be copied: the copy has the same keys, and none of the objects', () => {
    for (const addresses of [
      'everyone',
      { client: 'a' },
      { topic: 'a/b/c' },
      [{ client: 'a' }, { topic: 'a/b' }, 'everyone', { topic: 'c' }],
    ] satisfies Addresses[]) {
      const own = ownAddresses(addresses)
      expect(addressKeys(own)).toEqual(addressKeys(addresses))
      for (const one of [addresses].flat()) {
        expect(own).toContainEqual(one)
        if (typeof one === 'object') expect(own).not.toContain(one)
      }
    }
    expect(() => ownAddresses([])).toThrow(/needs 1 to 1000/)
  })

  test('has up to a thousand, not counting duplicates, and at least one', () => {
    expect(MAX_ADDRESSES).toBe(1_000)
    expect(addressKeys([...clients(1_000), ...clients(1_000)])).toHaveLength(1_000)
    expect(listenKeys(clients(3), 3)).toHaveLength(3)
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
      const keys = () => (max === MAX_ADDRESSES ? addressKeys(list) : listenKeys(list, max))
      expect(keys).toThrow(expect.objectContaining(refusal))
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

describe('a pattern', () => {
  const levels = (count: number) => Array.from({ length: count }, (_, n) => n).join('/')

  test.each(['a/*', 'a/**', '/*', 'a b/c:d/**', `${levels(9)}/*`, `${'x'.repeat(126)}/*`])(
    '%s is followed, under a key that no topic has',
    (pattern) => {
      expect(() => checkTopics([pattern])).not.toThrow()
      expect(listenKey({ topic: pattern })).toBe(`p:${pattern}`)
      expect(addressKey({ topic: 'p:a' })).toBe('t:p:a')
    },
  )

  test.each(['*', '**', 'a*', 'a/***', 'a/b*', '*/a', 'a/*/b', 'a/**/b', `${levels(10)}/*`])(
    '%s is none, and no topic either',
    (name) => {
      expect(() => checkTopics([name])).toThrow(/^A topic must .* has at most 10 levels\.$/)
      expect(() => listenKey({ topic: name })).toThrow(
        expect.objectContaining({ code: 'invalid-address' }),
      )
    },
  )

  test('is found at once not to be one, however long it is', () => {
    for (const text of ['/'.repeat(1e6), `${'/*'.repeat(5e5)}`, `${'a/'.repeat(5e5)}**`]) {
      const start = performance.now()
      expect(FOLLOWED.test(text)).toBe(false)
      expect(performance.now() - start).toBeLessThan(60_000)
    }
  })

  test('shares the key of each event for a topic that it covers, which has no other kind', () => {
    const keys = addressKeys({ topic: 'a/b/c' })
    expect(keys).toEqual(['t:a/b/c', 'p:a/**', 'p:a/b/**', 'p:a/b/*'])
    expect([kindOf(keys), soleKey(keys)]).toEqual(['topic', 't:a/b/c'])
    expect(addressKeys([{ topic: 'a/b/c' }])).toEqual(keys)
    const several = addressKeys([{ topic: 'a/b' }, { topic: 'a/c' }, { client: 'x' }])
    expect(several).toEqual(['t:a/b', 'p:a/**', 'p:a/*', 't:a/c', 'c:x'])
    expect([kindOf(several), soleKey(several)]).toEqual(['several', undefined])
    expect(soleKey(addressKeys([{ client: 'x' }, { topic: 'a/b' }]))).toBe(undefined)
  })

  test('bounds the keys of a list, whose addresses may all be topics with levels', () => {
    const topics = (count: number, name: (n: number) => string) =>
      Array.from({ length: count }, (_, n): Address => ({ topic: name(n) }))
    expect(addressKeys(topics(1_000, (n) => `orders/${n}`))).toHaveLength(1_002)
    expect(addressKeys(topics(1_000, (n) => `${n}/a`))).toHaveLength(3_000)
    expect(() => addressKeys(topics(1_000, (n) => `${n}/a/b`))).toThrow(
      /^The topics in a list of addresses have too many levels: .* are 4000 addresses, and at most 3000 /,
    )
  })

  test('stands for what it covers where both are listened to', () => {
    const list = ['everyone', 'a/b', 'a/*', 'a/b/c', 'b/**', 'b/*', 'b', 'a/*'].map(
      (topic): Address => (topic === 'everyone' ? topic : { topic }),
    )
    expect(listenKeys(list, 8)).toEqual(['*', 'p:a/*', 't:a/b/c', 'p:b/**', 't:b'])
    expect(listenKeys({ client: 'a/*' }, 8)).toEqual(['c:a/*'])
    expect(() => listenKeys(list, 6)).toThrow('needs 1 to 6 of them, and not 7')
  })
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
