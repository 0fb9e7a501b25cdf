/** An event that is stored once is one event for all processes, and its result that of the process that stored it. */
import { expect, test } from 'vitest'
import { clientKey } from '../../../src/core/address.ts'
import type { Once } from '../../../src/journal/once.ts'
import { createIpcWorld } from '../../support/ipc-journals.ts'

const ALICE = clientKey('alice')

const onceOf = (name: string, fields: Partial<Once> = {}): Once => {
  return { name, digest: 'd', ttlMs: 600_000, connections: 0, ...fields }
}

test('two processes that publish with one name at the same time get the same result', async () => {
  const { start } = createIpcWorld()
  const one = await start([ALICE])
  const other = await start([ALICE])
  one.journal.backplane.count?.(ALICE, 2)
  other.journal.backplane.count?.(ALICE, 1)
  // What it has sent before has arrived.
  for (const { journal } of [one, other]) await journal.read([ALICE], undefined, 1)
  const calls = Array.from({ length: 50 }, (_, n) => {
    const { journal } = n % 2 ? one : other
    return journal.append(ALICE, { data: 'x' }, onceOf('a'))
  })
  const results = await Promise.all(calls)
  expect(results).toEqual(results.map(({ repeated }) => ({ ...results[0], repeated })))
  expect(results.filter(({ repeated }) => !repeated)).toHaveLength(1)
  // The holder counts the connections of both.
  expect(results[0]).toMatchObject({ sequence: 1, connections: 3 })
  other.journal.backplane.count?.(ALICE, 5)
  await other.journal.read([ALICE], undefined, 1)
  expect(await one.journal.append(ALICE, { data: 'x' }, onceOf('a'))).toEqual({
    ...results[0],
    repeated: true,
  })
  expect(await other.journal.append(ALICE, { data: 'x' })).toMatchObject({ sequence: 2 })
  expect(one.deliveries).toHaveLength(2)
})

test('a name outlives the process that used it, until it expires', async () => {
  const { start, clock } = createIpcWorld()
  const one = await start()
  const first = await one.journal.append(ALICE, { data: 'x' }, onceOf('a'))
  one.die()
  const other = await start()
  await clock.advance(599_999)
  expect(await other.journal.append(ALICE, { data: 'x' }, onceOf('a'))).toEqual({
    ...first,
    repeated: true,
  })
  await clock.advance(1)
  expect(await other.journal.append(ALICE, { data: 'x' }, onceOf('a'))).toMatchObject({
    sequence: 2,
  })
})

test('a conflict reaches the process that caused it, as what it is', async () => {
  const { start } = createIpcWorld()
  const { journal } = await start()
  await journal.append(ALICE, { data: 'x' }, onceOf('a'))
  const other = journal.append(ALICE, { data: 'y' }, onceOf('a', { digest: 'e' }))
  await expect(other).rejects.toMatchObject({ code: 'idempotency-conflict', status: 422 })
})
