/** Wall time that jumps (NTP, a machine that resumes) changes no duration, deadline or age. */
import { describe, expect, test } from 'vitest'
import { internalsOf } from '../../src/hub/internals.ts'
import { controlData, eventsNamed } from '../support/events.ts'
import { createHubHarness } from '../support/hub-harness.ts'

const HEARTBEAT_MS = 15_000
const HOUR_MS = 3_600_000

describe.each([
  ['one hour back', -HOUR_MS],
  ['two hours forward', 2 * HOUR_MS],
])('after a jump of %s', (_, jumpMs) => {
  test('heartbeats come on time', async () => {
    const { clock, connect } = createHubHarness()
    const { stream } = await connect('alice')
    clock.moveWallTime(jumpMs)
    await clock.advance(4 * HEARTBEAT_MS)
    expect(eventsNamed(stream, 'hub:beat').length).toBeGreaterThanOrEqual(3)
    expect(eventsNamed(stream, 'hub:beat').length).toBeLessThanOrEqual(4)
  })

  test('no stream ends early, and each ends at its lifetime', async () => {
    const { clock, connect } = createHubHarness({ lifetimeMs: 100_000 })
    const { stream } = await connect('alice')
    clock.moveWallTime(jumpMs)
    await clock.advance(80_000)
    expect(eventsNamed(stream, 'hub:bye')).toEqual([])
    await clock.advance(45_000)
    expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'lifetime' })
  })

  test('a stalled reader is cut off on time, and one that reads is not', async () => {
    const { clock, connect, broadcast } = createHubHarness()
    const [stalled, reading] = [await connect('alice'), await connect('bob')]
    stalled.stream.stall()
    await broadcast('x')
    await clock.runPending()
    clock.moveWallTime(jumpMs)
    await clock.advance(2 * HEARTBEAT_MS - 2_000)
    expect(stalled.connection.open).toBe(true)
    await clock.advance(4_000)
    expect(stalled.connection.open).toBe(false)
    expect(reading.connection.open).toBe(true)
  })

  test('a drain ends on time', async () => {
    const { clock, hub, connect } = createHubHarness()
    const { stream } = await connect('alice')
    stream.stall()
    const closed = hub.close(4_000)
    clock.moveWallTime(jumpMs)
    await clock.advance(4_100)
    await closed
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
  })

  test('the journal evicts events on time', async () => {
    const { clock, journal, broadcast } = createHubHarness({ journalOptions: { maxAgeMs: 60_000 } })
    await broadcast('x')
    clock.moveWallTime(jumpMs)
    await clock.advance(59_000)
    expect(journal.stats?.events).toBe(1)
    await clock.advance(2_000)
    expect(journal.stats?.events).toBe(0)
  })

  test('a client that is away goes offline on time', async () => {
    const offline: string[] = []
    const { clock, connect } = createHubHarness({
      onClientOffline: (client) => offline.push(client),
    })
    for (const client of ['alice', 'bob']) {
      ;(await connect(client)).stream.leave()
      clock.moveWallTime(jumpMs)
      await clock.advance(1_000)
    }
    await clock.advance(2_999)
    expect(offline).toEqual([])
    await clock.advance(1)
    expect(offline).toEqual(['alice'])
    await clock.advance(1_000)
    expect(offline).toEqual(['alice', 'bob'])
  })

  test('a block and a used name expire on time', async () => {
    const { clock, hub } = createHubHarness()
    const { isBlocked, useOnce } = internalsOf(hub)
    await hub.disconnect('alice', 10_000)
    await useOnce('ticket', 10_000)
    clock.moveWallTime(jumpMs)
    await clock.advance(9_000)
    expect([isBlocked('alice'), await useOnce('ticket', 1)]).toEqual([true, false])
    await clock.advance(2_000)
    expect([isBlocked('alice'), await useOnce('ticket', 1)]).toEqual([false, true])
  })
})

test('a permission to listen ends by wall time, as its token says', async () => {
  const { clock, connect } = createHubHarness()
  const { stream } = await connect('alice', { expiresAt: clock.now() + 60_000 })
  clock.moveWallTime(60_000)
  await clock.advance(1_000)
  expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'expired' })
})
