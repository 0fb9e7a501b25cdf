/** Blocks are bounded: a hub alone refuses one too many, and hubs that share a journal follow its bound. */
import { expect, test } from 'vitest'
import { internalsOf } from '../../src/hub/internals.ts'
import { createHubHarness } from '../support/hub-harness.ts'
import { createSharedJournal } from '../support/shared-journal.ts'

const MAX_BLOCKS = 100_000

test('a hub alone blocks a hundred thousand clients, and refuses to block another', async () => {
  const { hub, clock } = createHubHarness()
  const block = (n: number) => hub.disconnect(`client-${n}`, 1_000 + n)
  await Promise.all(Array.from({ length: MAX_BLOCKS }, (_, n) => block(n)))
  const full = expect.objectContaining({ name: 'HubError', code: 'at-capacity' })
  await expect(block(MAX_BLOCKS)).rejects.toThrow(full)
  expect(internalsOf(hub).isBlocked('client-0')).toBe(true)
  await clock.advance(1_000)
  await block(MAX_BLOCKS)
  expect(internalsOf(hub).isBlocked(`client-${MAX_BLOCKS}`)).toBe(true)
})

test('a hub that shares its journal drops the block that ends first', async () => {
  const { hub } = createHubHarness({ journal: createSharedJournal })
  const block = (n: number) => hub.disconnect(`client-${n}`, 1_000 + n)
  await Promise.all(Array.from({ length: MAX_BLOCKS + 1 }, (_, n) => block(n)))
  const blocked = [0, 1, MAX_BLOCKS].map((n) => internalsOf(hub).isBlocked(`client-${n}`))
  expect(blocked).toEqual([false, true, true])
})

test('a refused client id is named as one', () => {
  const { hub } = createHubHarness()
  expect(() => internalsOf(hub).refusal('')).toThrow(/^A client id must be/)
})

test('a disconnection is stored for the longest lifetime of a connection', async () => {
  const kept: number[] = []
  const { hub } = createHubHarness({
    lifetimeMs: 60_000,
    journal: (clock) => {
      const { backplane, ...journal } = createSharedJournal(clock)
      if (!backplane) throw new Error('It has a backplane.')
      const request: typeof backplane.request = (body, keepMs, until) => {
        kept.push(keepMs)
        return backplane.request(body, keepMs, until)
      }
      return { ...journal, backplane: { ...backplane, request } }
    },
  })
  await hub.disconnect('alice')
  expect(kept).toEqual([72_000])
})
