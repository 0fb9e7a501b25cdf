/** Hooks: when the hub calls them, what they may do, and that none of their errors reaches it. */
import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest'
import type { AnyEvents } from '../../../src/core/declared-events.ts'
import type { Connection } from '../../../src/hub/connections/connection-types.ts'
import { viewOf } from '../../../src/hub/connections/connection-view.ts'
import type { HubHooks } from '../../../src/hub/hooks/hooks.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import { publishedData } from '../../support/events.ts'
import { fakeStream } from '../../support/fake-stream.ts'
import { createHubHarness } from '../../support/hub-harness.ts'
import { createLateJournal, type LateJournal } from '../../support/late-journal.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

const FAILURE = new Error('from the hook')

const throws = () => {
  throw FAILURE
}

describe.each([
  ['throws', throws],
  ['rejects', () => Promise.reject(FAILURE)],
])('a hook that %s', (_, hook) => {
  test('stops no delivery, and its error is reported', async () => {
    const onError = vi.fn()
    const { clock, hub, connect } = createHubHarness({
      onConnect: hook,
      onDisconnect: hook,
      onClientOnline: hook,
      onError,
    })
    const first = await connect('first')
    const bad = await connect('bad')
    const last = await connect('last')
    bad.stream.leave()
    await hub.publish('everyone', { data: 'one' })
    await clock.runPending()
    for (const { stream } of [first, last]) expect(publishedData(stream)).toEqual(['one'])
    expect(onError.mock.calls).toEqual(Array.from({ length: 7 }, () => [FAILURE, 'hook']))
  })

  test('is logged if there is no onError', async () => {
    const logged = vi.spyOn(console, 'error').mockReturnValue()
    const { connect } = createHubHarness({ onConnect: hook })
    await connect('alice')
    expect(logged.mock.calls).toEqual([[FAILURE]])
  })

  test('is logged if it is onError itself', async () => {
    const logged = vi.spyOn(console, 'error').mockReturnValue()
    const { clock, hub } = createHubHarness({ onError: hook })
    hub.post('everyone', { data: 1n })
    await clock.runPending()
    expect(logged.mock.calls).toEqual([[FAILURE]])
  })
})

test.each([
  'onConnect',
  'onDisconnect',
  'onClientOnline',
  'onClientOffline',
  'onRefuse',
  'onError',
])('%s must be a function', (name) => {
  expect(() => createHub({ [name]: 'console.log' } as HubHooks)).toThrow(
    expect.objectContaining({
      code: 'invalid-option',
      message: `The option ${name} of createHub must be a function.`,
    }),
  )
})

describe('onConnect and onDisconnect', () => {
  test('receive the same connection, with its reason', async () => {
    const calls: unknown[][] = []
    const { clock, hub, connect } = createHubHarness({
      onConnect: (connection) => calls.push(['on', connection]),
      onDisconnect: (connection, reason) => calls.push(['off', connection, reason]),
    })
    const alice = await connect('alice', { topics: ['news'] })
    const bob = await connect('bob')
    alice.stream.leave()
    await hub.disconnect('bob')
    await clock.runPending()
    expect(calls).toEqual([
      ['on', viewOf(alice.connection)],
      ['on', viewOf(bob.connection)],
      ['off', viewOf(alice.connection), 'left'],
      ['off', viewOf(bob.connection), 'disconnected'],
    ])
  })

  test('are called in order for a stream that has ended before it opened', () => {
    const calls: string[] = []
    const { connectNow } = createHubHarness({
      onConnect: ({ client }) => calls.push(`${client} on`),
      onDisconnect: ({ client }, reason) => calls.push(`${client} off: ${reason}`),
    })
    const stream = fakeStream()
    stream.leave()
    connectNow('alice', { stream })
    const broken = { ...fakeStream(), onAbort: throws }
    connectNow('bob', { stream: broken })
    expect(calls).toEqual(['alice on', 'alice off: left', 'bob on', 'bob off: left'])
  })

  test('may open connections themselves', async () => {
    const calls: string[] = []
    const { hub, clock } = createHubHarness({
      onConnect: ({ client }) => {
        calls.push(client)
        if (client === 'alice') hub.connect({ client: 'bob', stream: fakeStream() })
      },
    })
    hub.connect({ client: 'alice', stream: fakeStream() })
    await clock.runPending()
    expect(calls).toEqual(['alice', 'bob'])
  })

  test('what onConnect publishes reaches the connection, after its replay', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness({
      onConnect: ({ client }) => {
        hub.post({ client }, { data: 'welcome' })
        hub.post({ client }, { data: 'now', ephemeral: true })
      },
    })
    const [id] = await broadcast('before', 'missed')
    const fresh = await connect('alice')
    const returning = await connect('bob', { lastEventId: id })
    await clock.runPending()
    expect(publishedData(fresh.stream)).toEqual(['welcome', 'now'])
    expect(publishedData(returning.stream)).toEqual(['missed', 'welcome', 'now'])
  })

  test('what onConnect publishes reaches the connection with a journal that answers late', async () => {
    let journal: LateJournal | undefined
    const { clock, hub, connect } = createHubHarness({
      journal: (clock) => {
        journal = createLateJournal({ clock })
        return journal
      },
      onConnect: ({ client }) => hub.post({ client }, { data: 'welcome' }),
    })
    const { stream } = await connect('alice')
    while ((journal?.pendingReads ?? 0) > 0) {
      journal?.answer('at answer')
      await clock.runPending()
    }
    expect(publishedData(stream)).toEqual(['welcome'])
  })
})

describe('the context of a connection', () => {
  interface User {
    readonly name: string
  }

  test('is typed, and reaches hooks and listings of this hub', async () => {
    const names: (string | undefined)[] = []
    const hub = createHub<AnyEvents, User>({
      onConnect: ({ context }) => names.push(context?.name),
    })
    const stream = fakeStream()
    const connection = hub.connect({ client: 'alice', stream, context: { name: 'Alice' } })
    hub.connect({ client: 'bob', stream: fakeStream() })
    expectTypeOf(connection.context).toEqualTypeOf<User | undefined>()
    expect(names).toEqual(['Alice', undefined])
    expect(connection.context).toEqual({ name: 'Alice' })
    const { rows } = await hub.connections('everyone')
    expect(rows.map(({ client, context }) => [client, context?.name])).toEqual([
      ['alice', 'Alice'],
      ['bob', undefined],
    ])
    // @ts-expect-error: another type
    hub.connect({ client: 'carol', stream: fakeStream(), context: { name: 7 } })
    await hub.close()
  })

  test('is inferred from a hook', async () => {
    const hub = createHub({ onConnect: ({ context }: Connection<User>) => void context?.name })
    expectTypeOf(hub).toEqualTypeOf<Hub<AnyEvents, User>>()
    await hub.close()
  })
})

test('hooks may refer to the hub that they belong to, and what they return is ignored', async () => {
  interface Events {
    hello: string
  }
  const hub = createHub({ onClientOnline: (client) => hub.post({ client }, { data: 'hello' }) })
  const typed = createHub<Events>({
    onClientOnline: (client) => typed.post({ client }, { event: 'hello', data: client }),
    onConnect: async ({ client }) => await typed.disconnect(client),
  })
  // @ts-expect-error: no such event
  expect(() => typed.post('everyone', { event: 'bye', data: '' })).not.toThrow()
  await Promise.all([hub.close(), typed.close()])
})

test.each<HubHooks>([
  { onClientOnline: () => null },
  { onClientOffline: () => null },
  { onConnect: () => null, onDisconnect: () => undefined },
])('a hook that is absent, or returns nothing, is no error: %o', async (hooks) => {
  const onError = vi.fn()
  const { clock, connect, connectNow } = createHubHarness({ ...hooks, onError, maxConnections: 1 })
  const { stream } = await connect('alice')
  expect(() => connectNow('bob')).toThrow()
  stream.leave()
  await clock.advance(60_000)
  expect(onError).not.toHaveBeenCalled()
})
