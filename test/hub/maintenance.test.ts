/** What the hub does by the clock: heartbeats, lifetimes and the demo clock. */
import { describe, expect, test } from 'vitest'
import { controlData, cursorOf, eventsNamed } from '../support/events.ts'
import { createHubHarness } from '../support/hub-harness.ts'

const HEARTBEAT_MS = 15_000
/** The longest time between two sweeps. */
const ROUND_MS = 1_000

describe('a heartbeat', () => {
  test('comes to an idle stream once per interval, with the head and the seconds', async () => {
    const { clock, hub, connect } = createHubHarness()
    const { stream } = await connect('alice')
    const { id } = await hub.publish({ client: 'bob' }, { data: 'x' })
    await clock.advance(HEARTBEAT_MS - 1)
    expect(eventsNamed(stream, 'hub:beat')).toEqual([])
    await clock.advance(ROUND_MS)
    expect(eventsNamed(stream, 'hub:beat')).toMatchObject([{ id, data: '15' }])
    await clock.advance(10 * HEARTBEAT_MS)
    expect(eventsNamed(stream, 'hub:beat').length).toBeGreaterThanOrEqual(10)
    expect(eventsNamed(stream, 'hub:beat').length).toBeLessThanOrEqual(11)
  })

  test('comes on time, however busy the stream is, so that a page can rely on it', async () => {
    const { clock, hub, connect } = createHubHarness()
    const busy = await connect('alice')
    const idle = await connect('bob')
    for (let i = 0; i < 30; i++) {
      await hub.publish({ client: 'alice' }, { data: `${i}` })
      await clock.advance(HEARTBEAT_MS / 3)
    }
    expect(eventsNamed(busy.stream, 'hub:beat').length).toBeGreaterThanOrEqual(9)
    expect(eventsNamed(idle.stream, 'hub:beat').length).toBeGreaterThanOrEqual(9)
  })

  test('keeps the cursor recent, so that a client that reconnects with it has missed nothing', async () => {
    const { clock, hub, connect } = createHubHarness({
      journalOptions: { maxEvents: 3, maxAgeMs: 60_000 },
    })
    const { stream } = await connect('alice')
    for (let i = 0; i < 100; i++) {
      await hub.publish({ client: 'bob' }, { data: `${i}` })
      await clock.advance(HEARTBEAT_MS)
    }
    stream.leave()
    const back = await connect('alice', { lastEventId: cursorOf(stream) })
    expect(controlData(back.stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
  })

  test('is not postponed by ephemeral events, which leave the cursor where it is', async () => {
    const { clock, hub, connect, journal } = createHubHarness()
    const { stream } = await connect('alice')
    await hub.publish({ client: 'bob' }, { data: 'x' })
    const before = cursorOf(stream)
    for (let i = 0; i < 14; i++) {
      await hub.publish('everyone', { data: 'typing', ephemeral: true })
      await clock.advance(1_000)
    }
    expect(cursorOf(stream)).toBe(before)
    await clock.advance(2_000)
    expect(eventsNamed(stream, 'hub:beat')).toHaveLength(1)
    expect(cursorOf(stream)).toBe(journal.head().id)
  })

  test('carries its interval, however short', async () => {
    const { clock, connect } = createHubHarness({ heartbeatMs: 200 })
    const { stream } = await connect('alice')
    await clock.advance(1_000)
    expect(eventsNamed(stream, 'hub:beat').length).toBeGreaterThanOrEqual(4)
    expect(eventsNamed(stream, 'hub:beat')[0]?.data).toBe('0.2')
  })
})

describe('a timer', () => {
  test('is one for the hub, and none while no client is connected', async () => {
    const { clock, hub, connect } = createHubHarness()
    expect(clock.timers).toBe(0)
    const clients = [await connect('alice'), await connect('alice'), await connect('bob')]
    expect(clock.timers).toBe(1)
    for (const { stream } of clients) stream.leave()
    await clock.runPending()
    expect(clock.timers).toBe(0)
    await hub.publish('everyone', { data: 'kept' })
    await clock.runPending()
    expect(clock.timers).toBe(0)
    await connect('carol')
    expect(clock.timers).toBe(1)
  })

  test('runs while a stream is open, when others have ended or say goodbye', async () => {
    const { clock, hub, connect } = createHubHarness()
    await connect('alice')
    const bob = await connect('bob')
    const carol = await connect('carol')
    bob.stream.stall()
    await hub.disconnect('bob')
    carol.stream.leave()
    await clock.runPending()
    expect(hub.stats()).toMatchObject({ connections: 1, closing: 1 })
    expect(clock.timers).toBe(1)
  })

  test('runs until the last goodbye is read', async () => {
    const { clock, hub, connect } = createHubHarness()
    const { stream } = await connect('alice')
    stream.stall()
    expect(await hub.disconnect('alice')).toMatchObject({ disconnected: 1 })
    await clock.runPending()
    expect(clock.timers).toBe(1)
    stream.resume()
    await clock.runPending()
    expect(clock.timers).toBe(0)
  })
})

describe('a lifetime', () => {
  test.each([
    [0, 0.8],
    [0.5, 1],
    [0.999_999, 1.2],
  ])(
    'is an hour, plus or minus a fifth: with the random number %d it is %d hours',
    async (chance, hours) => {
      const { clock, connect } = createHubHarness({ random: () => chance })
      const { stream, connection } = await connect('alice')
      await clock.advance(hours * 3_600_000 - 2_000)
      expect(connection.open).toBe(true)
      await clock.advance(2_000 + ROUND_MS)
      expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'lifetime' })
      await connection.ended
    },
  )

  test('ends each stream at its own time, and the client resumes at once', async () => {
    const { clock, connect, broadcast } = createHubHarness({ lifetimeMs: 60_000 })
    const { stream, connection } = await connect('alice')
    const [id] = await broadcast('a')
    await clock.advance(60_000 + ROUND_MS)
    await connection.ended
    expect(stream.retries.at(-1)).toBe(125)
    const { stream: next } = await connect('alice', { lastEventId: cursorOf(stream) })
    expect(eventsNamed(next, 'hub:ready')).toMatchObject([{ id }])
  })

  test('ends exactly when it is over', async () => {
    const { clock, connect } = createHubHarness({ lifetimeMs: 60_000 })
    const { connection } = await connect('alice')
    await clock.advance(59_999)
    expect(connection.open).toBe(true)
    await clock.advance(1)
    expect(connection.open).toBe(false)
  })

  test('ends with the permission to listen', async () => {
    const { clock, hub, connect } = createHubHarness()
    const { stream: other } = await connect('bob')
    const { stream } = await connect('alice')
    stream.leave()
    const alice = await connect('alice', { expiresAt: clock.now() + 7_000 })
    await clock.advance(6_999)
    expect(alice.connection.open).toBe(true)
    await clock.advance(ROUND_MS + 1)
    expect(controlData(alice.stream, 'hub:bye')).toEqual({ reason: 'expired' })
    expect(eventsNamed(other, 'hub:bye')).toEqual([])
    expect(hub.stats().connections).toBe(1)
  })
})

describe('the demo clock', () => {
  test('is off by default', async () => {
    const { clock, connect } = createHubHarness()
    const { stream } = await connect('alice')
    await clock.advance(60_000)
    expect(eventsNamed(stream, 'time')).toEqual([])
  })

  test('sends the time to every connection once, without storing it', async () => {
    const { clock, connect, journal } = createHubHarness({ clockMs: 1_000 })
    const head = journal.head()
    const clients = [await connect('alice'), await connect('alice'), await connect('bob')]
    const start = clock.now()
    await clock.advance(3_000)
    for (const { stream } of clients) {
      expect(eventsNamed(stream, 'time')).toEqual(
        [1, 2, 3].map((seconds) => ({
          id: undefined,
          event: 'time',
          data: new Date(start + seconds * 1_000).toISOString(),
        })),
      )
    }
    expect(journal.head()).toEqual(head)
  })

  test('does not postpone heartbeats, and stops while no client is connected', async () => {
    const { clock, connect } = createHubHarness({ clockMs: 1_000 })
    const { stream } = await connect('alice')
    await clock.advance(HEARTBEAT_MS + ROUND_MS)
    expect(eventsNamed(stream, 'hub:beat')).toHaveLength(1)
    stream.leave()
    await clock.runPending()
    expect(clock.timers).toBe(0)
  })
})
