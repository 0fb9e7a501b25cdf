/** Hubs that share presence call the hooks for the first and the last connection to any of them. */
import { expect, test, vi } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import type { HubOptions } from '../../src/hub/options.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { manualClock } from '../support/clock.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createSharedPresence } from '../support/shared-presence.ts'

function setUp() {
  const clock = manualClock()
  const presence = createSharedPresence()
  const follow = vi.fn(presence.follow)
  const calls: string[] = []
  const createOne = (options: HubOptions) => {
    const backplane = {
      presence: { follow },
      request: async () => ({ responses: [], asked: 0 }),
      useOnce: () => true,
    }
    const journal = { ...createMemoryJournal({ clock }), backplane }
    return createHub({ ...options, clock, journal })
  }
  const hubs = ['a', 'b'].map((name) =>
    createOne({
      onClientOnline: (client) => calls.push(`${client} on at ${name}`),
      onClientOffline: (client) => calls.push(`${client} off at ${name}`),
    }),
  )
  const connect = (hub: number) => {
    const stream = fakeStream()
    hubs[hub]?.connect({ client: 'alice', stream })
    return stream
  }
  const close = async (hub: number) => {
    const closed = hubs[hub]?.close()
    await clock.runPending()
    await closed
  }
  return { clock, follow, calls, createOne, connect, close }
}

test('a client is online at the hub of its first connection, and offline after its last one', async () => {
  const { clock, calls, connect } = setUp()
  const first = connect(0)
  const second = connect(1)
  first.leave()
  await clock.advance(60_000)
  expect(calls).toEqual(['alice on at a'])
  second.leave()
  await clock.advance(4_999)
  expect(calls).toHaveLength(1)
  await clock.advance(1)
  expect(calls).toEqual(['alice on at a', 'alice off at b'])
})

test('a client that the hub has closed connects to another, and was never offline', async () => {
  const { clock, calls, connect, close } = setUp()
  connect(0)
  await close(0)
  await clock.advance(4_999)
  connect(1)
  await clock.advance(60_000)
  expect(calls).toEqual(['alice on at a'])
  await close(1)
  expect(calls).toEqual(['alice on at a', 'alice off at b'])
})

test('hubs without these hooks don’t use the presence of their journal', () => {
  const { follow, createOne } = setUp()
  follow.mockClear()
  createOne({ onConnect: () => {} })
  expect(follow).not.toHaveBeenCalled()
})

test.each([
  ['resolves', async () => {}],
  ['rejects', () => Promise.reject(new Error('from the hook'))],
])('a journal sees when the promise of a hook %s', async (_, onClientOnline) => {
  const { follow, createOne } = setUp()
  createOne({ onClientOnline, onError: () => {} })
  const { hooks } = follow.mock.lastCall?.[0] ?? {}
  await expect(hooks?.onClientOnline('alice', 0)).resolves.toBeUndefined()
  expect(hooks?.onClientOffline('alice', 0)).toBeUndefined()
})
