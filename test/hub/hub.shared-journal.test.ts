/** A hub whose journal has a backplane: what it leaves to the backplane, and which requests it follows. */
import { expect, test } from 'vitest'
import { internalsOf } from '../../src/hub/internals.ts'
import type { JournalHandler } from '../../src/journal/journal.ts'
import { createHubHarness } from '../support/hub-harness.ts'
import { createSharedJournal } from '../support/shared-journal.ts'

test('a stored request ends the connections that were open when it was sent, and no later ones', async () => {
  let handler: JournalHandler | undefined
  const { clock, connect } = createHubHarness({
    journal: (clock) => {
      const journal = createSharedJournal(clock)
      const open = (hub: JournalHandler) => {
        handler = hub
        journal.open(hub)
      }
      return { ...journal, open }
    },
  })
  const old = await connect('alice')
  await clock.advance(10_000)
  const atOnce = await connect('alice')
  await clock.advance(1)
  const later = await connect('alice')
  const request = { type: 'dismiss', client: 'alice', keepMs: 72_000 }
  expect(handler?.respond(request, 71_999)).toBe(2)
  await clock.runPending()
  expect([old, atOnce, later].map(({ connection }) => connection.open)).toEqual([
    false,
    false,
    true,
  ])
})

test('a name is used once as the backplane says, not as this hub remembers', async () => {
  const { hub } = createHubHarness({ journal: createSharedJournal })
  const { useOnce } = internalsOf(hub)
  expect([await useOnce('ticket', 1_000), await useOnce('ticket', 1_000)]).toEqual([true, true])
})

test('the epoch of a hub is that of its journal', () => {
  const { hub, journal } = createHubHarness()
  expect(`${internalsOf(hub).epoch()}-0`).toBe(journal.head().id)
})

test('a client that can’t be disconnected is named as one', async () => {
  await expect(createHubHarness().hub.disconnect('')).rejects.toThrow(/^A client id must be/)
})

test('a hub that retires says so', () => {
  const internals = internalsOf(createHubHarness().hub)
  expect(internals.retiring).toBe(false)
  internals.retire()
  expect(internals.retiring).toBe(true)
})

test('an object that this package did not create has no internals', () => {
  expect(() => internalsOf({})).toThrow(TypeError)
})
