/** Online clients: the hooks are called once per absence, not once per connection. */
import { describe, expect, test, vi } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import { createOnlineClients } from '../../src/journal/online-clients.ts'
import { manualClock } from '../support/clock.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness, type HubHarnessOptions } from '../support/hub-harness.ts'

function setUp(options: HubHarnessOptions = {}) {
  const calls: string[] = []
  const times: number[] = []
  const harness = createHubHarness({
    onClientOnline: (client, at) => calls.push(`${client} on`) && times.push(at),
    onClientOffline: (client, at) => calls.push(`${client} off`) && times.push(at),
    ...options,
  })
  return { ...harness, calls, times }
}

describe('a client', () => {
  test('is online with its first connection, and offline five seconds after its last', async () => {
    const { clock, connect, calls, times } = setUp()
    const start = clock.now()
    const first = await connect('alice')
    const second = await connect('alice')
    expect(calls).toEqual(['alice on'])
    first.stream.leave()
    await clock.advance(20_000)
    second.stream.leave()
    await clock.advance(4_999)
    expect(calls).toEqual(['alice on'])
    await clock.advance(1)
    expect(calls).toEqual(['alice on', 'alice off'])
    expect(times).toEqual([start, start + 25_000])
    expect(clock.timers).toBe(0)
    await connect('alice')
    expect(calls).toEqual(['alice on', 'alice off', 'alice on'])
  })

  test('has times that never go back, even if the clock does', async () => {
    const { clock, connect, calls, times } = setUp()
    const start = clock.now()
    const { stream } = await connect('alice')
    clock.moveWallTime(-60_000)
    stream.leave()
    await clock.advance(5_000)
    await connect('alice')
    await clock.advance(60_000)
    await connect('bob')
    expect(calls).toEqual(['alice on', 'alice off', 'alice on', 'bob on'])
    expect(times).toEqual([start, start, start, start + 5_000])
  })

  test('that is back in time was never offline', async () => {
    const { clock, connect, calls } = setUp({ offlineGraceMs: 1_000 })
    const { stream } = await connect('alice')
    stream.leave()
    await clock.advance(999)
    const back = await connect('alice')
    await clock.advance(60_000)
    expect(calls).toEqual(['alice on'])
    back.stream.leave()
    await clock.advance(1_000)
    expect(calls).toEqual(['alice on', 'alice off'])
  })

  test('counts from when it left last', async () => {
    const { clock, connect, calls } = setUp()
    ;(await connect('alice')).stream.leave()
    await clock.advance(3_000)
    ;(await connect('alice')).stream.leave()
    await clock.advance(4_999)
    expect(calls).toEqual(['alice on'])
    await clock.advance(1)
    expect(calls).toEqual(['alice on', 'alice off'])
  })

  test('is offline when the hub has disconnected it', async () => {
    const { clock, hub, connect, calls } = setUp()
    await connect('alice')
    await hub.disconnect('alice', 60_000)
    await clock.advance(5_000)
    expect(calls).toEqual(['alice on', 'alice off'])
  })

  test('stays online when its oldest connection makes room for a new one', async () => {
    const { clock, connect, calls } = setUp({
      maxConnectionsPerClient: 1,
      clientOverflow: 'oldest',
      offlineGraceMs: 0,
    })
    await connect('alice')
    await connect('alice')
    await clock.advance(5_000)
    expect(calls).toEqual(['alice on'])
  })

  test('whose stream has ended before it opened was not online', async () => {
    const { clock, connect, calls } = setUp()
    const stream = fakeStream()
    stream.leave()
    await connect('alice', { stream })
    await clock.advance(60_000)
    expect(calls).toEqual([])
  })

  test('that is away and returns with a stream that has ended is offline in time', async () => {
    const { clock, connect, calls } = setUp()
    ;(await connect('alice')).stream.leave()
    await clock.advance(4_000)
    const stream = fakeStream()
    stream.leave()
    await connect('alice', { stream })
    await clock.advance(1_000)
    expect(calls).toEqual(['alice on', 'alice off'])
  })
})

test('clients that leave one after another are offline one after another', async () => {
  const { clock, connect, calls } = setUp()
  const [alice, bob] = [await connect('alice'), await connect('bob')]
  alice.stream.leave()
  await clock.advance(2_000)
  bob.stream.leave()
  await clock.advance(3_000)
  expect(calls).toEqual(['alice on', 'bob on', 'alice off'])
  await clock.advance(2_000)
  expect(calls).toEqual(['alice on', 'bob on', 'alice off', 'bob off'])
})

test('what onClientOnline publishes reaches the client', async () => {
  const { clock, hub, connect } = setUp({
    onClientOnline: (client) => hub.post('everyone', { data: `${client} is here` }),
  })
  const { stream } = await connect('alice')
  await clock.runPending()
  expect(stream.events.at(-1)?.data).toBe('alice is here')
})

test('a hub that closes reports all clients offline, and leaves no timer', async () => {
  const { clock, hub, connect, calls } = setUp()
  ;(await connect('away')).stream.leave()
  await connect('connected')
  const closed = hub.close()
  await clock.runPending()
  await closed
  expect(calls.slice(2).sort()).toEqual(['away off', 'connected off'])
  expect(clock.timers).toBe(0)
  await clock.advance(60_000)
  expect(calls).toHaveLength(4)
})

test('what is posted when a hub that closes reports its clients offline is stored', async () => {
  const onError = vi.fn()
  const { clock, hub, journal, connect } = createHubHarness({
    onError,
    onClientOffline: (client) => hub.post({ topic: 'people' }, { data: client }),
  })
  await connect('alice')
  const closed = hub.close()
  await clock.runPending()
  await closed
  expect(onError).not.toHaveBeenCalled()
  expect(journal.head().sequence).toBe(1)
})

test('at most 100,000 clients are away: those away for longest are offline sooner', () => {
  const connected = new Set<string>()
  const offline: string[] = []
  const { update } = createOnlineClients({
    clock: manualClock(),
    graceMs: 3_600_000,
    isConnected: (client) => connected.has(client),
    hooks: {
      onClientOnline: () => {},
      onClientOffline: (client) => offline.push(client),
      onError: () => {},
    },
  })
  for (let n = 0; n < 100_010; n++) {
    connected.add(`client-${n}`)
    update(`client-${n}`)
    connected.clear()
    update(`client-${n}`)
    expect(offline.length).toBe(Math.max(0, n - 99_999))
  }
  expect(offline).toEqual(Array.from({ length: 10 }, (_, n) => `client-${n}`))
})

test('clients that are known as online are reported only when they go offline', async () => {
  const clock = manualClock()
  const connected = new Set<string>()
  const calls: string[] = []
  const { update } = createOnlineClients(
    {
      clock,
      graceMs: 1_000,
      isConnected: (client) => connected.has(client),
      hooks: {
        onClientOnline: (client) => calls.push(`${client} on`),
        onClientOffline: (client) => calls.push(`${client} off`),
        onError: () => {},
      },
    },
    ['alice', 'bob'],
  )
  connected.add('alice')
  for (const client of ['alice', 'bob', 'carol']) update(client)
  await clock.advance(60_000)
  expect(calls).toEqual(['bob off'])
})

test('without these hooks, no timer outlives the last connection', async () => {
  const { clock, connect } = createHubHarness()
  ;(await connect('alice')).stream.leave()
  expect(clock.timers).toBe(0)
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, 2_147_483_648])(
  'an offlineGraceMs of %d is refused',
  (offlineGraceMs) => {
    expect(() => createHub({ offlineGraceMs })).toThrow(
      expect.objectContaining({ code: 'invalid-option' }),
    )
  },
)

test.each(['onClientOnline', 'onClientOffline'] as const)(
  '%s is called without the other',
  async (name) => {
    const calls: string[] = []
    const { clock, connect } = createHubHarness({ [name]: (client: string) => calls.push(client) })
    const { stream } = await connect('alice')
    stream.leave()
    await clock.advance(5_000)
    expect(calls).toEqual(['alice'])
  },
)
