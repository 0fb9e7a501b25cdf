/** Connections to several processes, of which each has an event for a topic at one of its keys, are counted exactly. */
import { expect, test } from 'vitest'
import { addressKeys } from '../../../src/core/address.ts'
import { createIpcWorld } from '../../support/ipc-journals.ts'

test('an event for a topic counts the connections that follow it and its patterns', async () => {
  const world = createIpcWorld()
  const [one, other] = [await world.start(), await world.start()]
  const counts = [
    [one, { '*': 3, 't:a/b': 1, 'p:a/*': 2 }],
    [other, { '*': 5, 'p:a/*': 1, 'p:a/**': 3, 'p:b/*': 1 }],
  ] as const
  for (const [{ journal }, connections] of counts) {
    for (const [key, count] of Object.entries(connections)) {
      journal.backplane.subscribe?.(key)
      journal.backplane.count?.(key, count)
    }
  }
  await Promise.all([one, other].map(({ journal }) => journal.read(['*'], undefined, 1e6)))
  const keys = addressKeys({ topic: 'a/b' })
  expect(await one.journal.append(keys, { data: 'x' })).toMatchObject({ connections: 7 })
  expect(await other.journal.backplane.relay?.(keys, { data: 'x' })).toEqual({ connections: 7 })
  const [first] = one.deliveries
  expect(first?.keys).toEqual(['t:a/b', 'p:a/*'])
})
