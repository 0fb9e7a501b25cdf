/** The binding: a missing one is named, and a shard always has the same object. */
import { expect, test } from 'vitest'
import {
  checkBinding,
  type HubBindings,
  objectName,
  stubOf,
} from '../../../src/adapters/cloudflare/binding.ts'

test.each([undefined, {}, { HUB: undefined }, { HUB: 'hub' }, { HUB: { get: () => {} } }])(
  'an environment without the binding is refused by its name: %o',
  (env) => {
    expect(() => checkBinding(env as HubBindings)).toThrow(
      expect.objectContaining({
        name: 'ConfigError',
        message: expect.stringContaining('no binding HUB'),
      }),
    )
  },
)

test('a shard is the object of its name', () => {
  const HUB = { idFromName: (name: string) => ({ name }), get: (id: object) => id }
  const env = { HUB } as unknown as HubBindings
  expect(() => checkBinding(env)).not.toThrow()
  expect([0, 1, 12].map((shard) => stubOf(env, shard))).toEqual([
    { name: 'hub' },
    { name: 'hub-1' },
    { name: 'hub-12' },
  ])
  expect(objectName(0)).toBe('hub')
})
