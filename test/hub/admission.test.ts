/** Admission: which clients are refused and why, and that the hook is called. */
import { describe, expect, test } from 'vitest'
import type { RejectionReason } from '../../src/hub/hooks/hooks.ts'
import { internalsOf } from '../../src/hub/internals.ts'
import { controlData, eventsNamed } from '../support/events.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness, type HubHarnessOptions } from '../support/hub-harness.ts'

function setUp(options: HubHarnessOptions = {}) {
  const refused: [string, RejectionReason][] = []
  const harness = createHubHarness({
    ...options,
    onRefuse: (client, reason) => void refused.push([client, reason]),
  })
  return { ...harness, refused }
}

const withCode = (code: string) => expect.objectContaining({ name: 'HubError', code })

describe('capacity', () => {
  test('is enforced, and a closed connection makes room for another', async () => {
    const { clock, hub, connect, connectNow, refused } = setUp({ maxConnections: 2 })
    const { stream } = await connect('alice')
    await connect('bob')
    const late = fakeStream()
    expect(() => connectNow('carol', { stream: late })).toThrow(withCode('at-capacity'))
    expect(late.writes).toEqual([])
    expect(refused).toEqual([['carol', 'at-capacity']])
    expect(internalsOf(hub).refusal('carol')).toBe('at-capacity')
    stream.leave()
    await clock.runPending()
    expect(internalsOf(hub).refusal('carol')).toBeUndefined()
    await connect('carol')
    expect(hub.stats()).toMatchObject({ connections: 2, clients: 2 })
    expect(refused).toHaveLength(2)
  })

  test('counts streams that said goodbye but have not ended', async () => {
    const { clock, hub, connect } = setUp({ maxConnections: 1 })
    const { stream } = await connect('alice')
    stream.stall()
    hub.disconnect('alice')
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 1 })
    expect(internalsOf(hub).refusal('bob')).toBe('at-capacity')
    stream.resume()
    await clock.runPending()
    expect(internalsOf(hub).refusal('bob')).toBeUndefined()
  })

  test('of one client is enforced, and does not affect another client', async () => {
    const { connect, connectNow, refused } = setUp({ maxConnectionsPerClient: 2 })
    await connect('alice')
    await connect('alice')
    expect(() => connectNow('alice')).toThrow(withCode('at-capacity'))
    await connect('bob')
    expect(refused).toEqual([['alice', 'at-capacity']])
  })

  test('of one client replaces its oldest connection if so configured', async () => {
    const { clock, connect, refused } = setUp({
      maxConnectionsPerClient: 2,
      clientOverflow: 'oldest',
    })
    const first = await connect('alice')
    const second = await connect('alice')
    const bob = await connect('bob')
    // The first peer has vanished: nobody reads its goodbye.
    first.stream.stall()
    const third = await connect('alice')
    expect([first, second, third, bob].map(({ connection }) => connection.open)).toEqual(
      [false, true, true, true], //
    )
    await clock.advance(10_000)
    expect(first.stream.cut).toBe(true)
    await connect('alice')
    expect(controlData(second.stream, 'hub:bye')).toEqual({ reason: 'at-capacity' })
    expect(refused).toEqual([])
  })

  test('of the hub is enforced even if a client’s oldest connection could be replaced', async () => {
    const { connect, connectNow } = setUp({
      maxConnections: 1,
      maxConnectionsPerClient: 1,
      clientOverflow: 'oldest',
    })
    const { connection } = await connect('alice')
    expect(() => connectNow('alice')).toThrow(withCode('at-capacity'))
    expect(connection.open).toBe(true)
  })

  test('of zero admits no client, even if the oldest could be replaced', () => {
    const { connectNow } = setUp({ maxConnectionsPerClient: 0, clientOverflow: 'oldest' })
    expect(() => connectNow('alice')).toThrow(withCode('at-capacity'))
  })

  test.each<HubHarnessOptions>([{ maxConnections: 0 }, { maxConnectionsPerClient: 0 }])(
    'of zero refuses every client: %j',
    (options) => {
      expect(() => setUp(options).connectNow('alice')).toThrow(withCode('at-capacity'))
    },
  )
})

describe('a block', () => {
  test('refuses the client until it expires', async () => {
    const { clock, hub, connect, connectNow, refused } = setUp()
    await connect('alice')
    expect(await hub.disconnect('alice', 10_000)).toMatchObject({ disconnected: 1 })
    expect(internalsOf(hub).isBlocked('alice')).toBe(true)
    expect(internalsOf(hub).isBlocked('bob')).toBe(false)
    expect(() => connectNow('alice')).toThrow(withCode('blocked'))
    await connect('bob')
    await clock.advance(9_999)
    expect(internalsOf(hub).refusal('alice')).toBe('blocked')
    await clock.advance(1)
    expect(internalsOf(hub).refusal('alice')).toBeUndefined()
    await connect('alice')
    expect(refused).toEqual([
      ['alice', 'blocked'],
      ['alice', 'blocked'],
    ])
  })

  test('applies to a client that is not connected', async () => {
    const { hub } = setUp()
    expect(await hub.disconnect('alice', 1_000)).toMatchObject({ disconnected: 0 })
    expect(internalsOf(hub).refusal('alice')).toBe('blocked')
  })
})

describe('a disconnection', () => {
  test('says goodbye to all connections of the client, and to no other client', async () => {
    const { clock, hub, connect, refused } = setUp()
    const [laptop, phone, bob] = [
      await connect('alice'),
      await connect('alice'),
      await connect('bob'),
    ]
    expect(await hub.disconnect('alice')).toMatchObject({ disconnected: 2 })
    await clock.runPending()
    for (const { stream, connection } of [laptop, phone]) {
      expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'disconnected' })
      expect(stream.retries).toHaveLength(2)
      await connection.ended
    }
    expect(eventsNamed(bob.stream, 'hub:bye')).toEqual([])
    expect((await hub.clients()).rows).toMatchObject([{ client: 'bob' }])
    expect(await hub.disconnect('alice')).toMatchObject({ disconnected: 0 })
    await connect('alice')
    expect(refused).toEqual([])
  })

  test('comes after the queued events', async () => {
    const { clock, hub, connect, broadcast } = setUp()
    const { stream } = await connect('alice')
    void broadcast('a')
    hub.disconnect('alice')
    void broadcast('b')
    await clock.runPending()
    expect(stream.events.map(({ data }) => data).slice(1)).toEqual([
      'a',
      '{"reason":"disconnected"}',
    ])
  })
})

describe('an invalid name', () => {
  test.each(['', 'a\nb', 'x'.repeat(129), 'a\ud83d'])('is refused everywhere: %j', async (name) => {
    const { hub, connectNow, refused } = setUp()
    const invalid = withCode('invalid-address')
    expect(() => connectNow(name)).toThrow(invalid)
    expect(() => connectNow('alice', { topics: ['news', name] })).toThrow(invalid)
    expect(() => internalsOf(hub).refusal(name)).toThrow(invalid)
    await expect(hub.disconnect(name)).rejects.toThrow(invalid)
    await expect(hub.connections({ client: name })).rejects.toThrow(invalid)
    await expect(hub.connections({ topic: name })).rejects.toThrow(invalid)
    await expect(hub.publish({ client: name }, { data: 'x' })).rejects.toThrow(invalid)
    expect(refused).toEqual([])
    expect(hub.stats()).toMatchObject({ connections: 0, published: 0 })
  })
})
