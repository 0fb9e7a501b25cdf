/** Addresses: which client ids and topics are valid, and that they never collide. */
import { describe, expect, test } from 'vitest'
import { addressKey } from '../../src/core/address.ts'

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

  test('that is not text is refused, whatever its declared type', () => {
    const cheat = JSON.parse('{"client":7}') as { client: string }
    expect(() => addressKey(cheat)).toThrow(expect.objectContaining({ code: 'invalid-address' }))
  })
})
