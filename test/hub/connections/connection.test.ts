/** Connections: no reader can harm another reader, or the memory of the hub. */
import { describe, expect, test } from 'vitest'
import { controlData, cursorOf, eventsNamed, publishedData } from '../../support/events.ts'
import { fakeStream } from '../../support/fake-stream.ts'
import { createHubHarness, SMALL } from '../../support/hub-harness.ts'

const BIG = 'x'.repeat(20_000)
const HEARTBEAT_MS = 15_000

function thenable(then: (done: () => void) => unknown): object {
  return Object.defineProperty({}, 'then', { value: then })
}

function thrower(): never {
  throw new Error('The transport is odd.')
}

describe('a slow reader', () => {
  test('is cut off and catches up', async () => {
    const { clock, connect, broadcast } = createHubHarness(SMALL)
    const { stream } = await connect('alice')
    stream.stall()
    await broadcast('seen')
    await clock.runPending()
    await broadcast('a', BIG, BIG, BIG, BIG, BIG, 'z')
    stream.resume()
    await clock.runPending()
    expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'slow' })
    const back = await connect('alice', { lastEventId: cursorOf(stream) })
    expect(controlData(back.stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect([...publishedData(stream), ...publishedData(back.stream)]).toEqual(
      ['seen', 'a', BIG, BIG, BIG, BIG, BIG, 'z'], //
    )
  })

  test('loses its queue at once', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness(SMALL)
    const { stream, connection } = await connect('alice')
    stream.stall()
    await broadcast('in flight')
    await clock.runPending()
    await broadcast(BIG, BIG, BIG, BIG)
    expect(connection.queuedBytes).toBeGreaterThan(80_000)
    expect(connection.queuedBytes).toBeLessThanOrEqual(SMALL.maxQueuedBytes ?? 0)
    expect(hub.stats()).toMatchObject({ connections: 1, closing: 0 })
    await broadcast(BIG)
    expect(connection.queuedBytes).toBeLessThan(1_000)
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 1 })
  })

  test('does not slow the others down', async () => {
    const { clock, connect, broadcast } = createHubHarness(SMALL)
    const slow = await connect('alice')
    const quick = await connect('bob')
    slow.stream.stall()
    for (let i = 0; i < 8; i++) {
      await broadcast(BIG)
      await clock.runPending()
    }
    expect(publishedData(quick.stream)).toHaveLength(8)
    expect(quick.connection.open).toBe(true)
    expect(slow.connection.open).toBe(false)
  })

  test('that never reads its goodbye is aborted after a grace period', async () => {
    const ended: string[] = []
    const { clock, connect, broadcast, hub } = createHubHarness({
      ...SMALL,
      onDisconnect: ({ client }, reason) => void ended.push(`${client}: ${reason}`),
    })
    const { stream, connection } = await connect('alice')
    stream.stall()
    await broadcast('in flight')
    await clock.runPending()
    await broadcast(BIG, BIG, BIG, BIG, BIG)
    await clock.advance(4_999)
    expect(stream.cut).toBe(false)
    // The hub checks its connections four times per heartbeat.
    await clock.advance(HEARTBEAT_MS / 4 + 1)
    expect(stream.cut).toBe(true)
    await connection.ended
    expect(ended).toEqual(['alice: slow'])
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
    expect(clock.timers).toBe(0)
  })

  test('whose write is older than two heartbeats is cut off', async () => {
    const { clock, connect, broadcast } = createHubHarness()
    const { stream, connection } = await connect('alice')
    const other = await connect('bob')
    stream.stall()
    await broadcast('in flight')
    await clock.runPending()
    await clock.advance(2 * HEARTBEAT_MS - HEARTBEAT_MS / 4)
    expect(connection.open).toBe(true)
    await clock.advance(HEARTBEAT_MS / 2)
    expect(connection.open).toBe(false)
    await clock.advance(5_000 + HEARTBEAT_MS / 4)
    expect(stream.cut).toBe(true)
    expect(other.connection.open).toBe(true)
    expect(eventsNamed(other.stream, 'hub:bye')).toEqual([])
  })
})

describe('a reader that reads little at a time', () => {
  test('is not cut off while the transport holds fewer bytes each time', async () => {
    const { clock, connect, broadcast } = createHubHarness()
    const { stream, connection } = await connect('alice')
    stream.stall()
    await broadcast('x'.repeat(200))
    await clock.runPending()
    for (stream.unsentBytes = 200; stream.unsentBytes > 180; stream.unsentBytes -= 1) {
      await clock.advance(HEARTBEAT_MS)
      expect(connection.open).toBe(true)
    }
    await clock.advance(2 * HEARTBEAT_MS - 1_000)
    expect(connection.open).toBe(true)
    await clock.advance(2_000)
    expect(connection.open).toBe(false)
  })

  test('is cut off if it reads nothing, although each write is accepted', async () => {
    const { clock, connect } = createHubHarness()
    const { stream, connection } = await connect('alice')
    for (let seconds = 0; connection.open && seconds < 60; seconds++) {
      stream.unsentBytes = connection.sentBytes
      await clock.advance(1_000)
    }
    expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'slow' })
  })

  test.each([0, 6, -20])(
    'is cut off if it reads nothing, although a write becomes %i bytes longer',
    async (more) => {
      const { clock, connect } = createHubHarness()
      const { stream, connection } = await connect('alice')
      Object.defineProperty(stream, 'writtenBytes', { get: encodedBytes })
      Object.defineProperty(stream, 'unsentBytes', { get: encodedBytes })
      await clock.advance(3 * HEARTBEAT_MS)
      expect(connection.open).toBe(false)

      function encodedBytes(): number {
        return stream.writes.reduce((sum, { byteLength }) => sum + byteLength + more, 0)
      }
    },
  )

  test('is not cut off because the process was suspended', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness()
    const [reading, leaving] = [await connect('alice'), await connect('bob')]
    for (const { stream } of [reading, leaving]) stream.stall()
    await broadcast('in flight')
    await hub.disconnect('bob')
    await clock.advance(1_000)
    clock.suspend(3 * HEARTBEAT_MS)
    await clock.advance(1_000)
    expect(reading.connection.open).toBe(true)
    expect(leaving.stream.cut).toBe(false)
    reading.stream.resume()
    await clock.advance(4 * HEARTBEAT_MS)
    expect(reading.connection.open).toBe(true)
  })

  test('ends if its transport throws when inspected, and affects no other', async () => {
    const { clock, connect } = createHubHarness()
    const bad = fakeStream()
    Object.defineProperty(bad, 'unsentBytes', { get: thrower })
    const { connection } = await connect('mallory', { stream: bad })
    const good = await connect('alice')
    await clock.advance(2 * HEARTBEAT_MS)
    expect(connection.open).toBe(false)
    expect(eventsNamed(good.stream, 'hub:beat')).toHaveLength(2)
  })
})

describe('a reader that is ready', () => {
  test('receives a burst larger than its queue without being cut off', async () => {
    const { clock, connect, broadcast } = createHubHarness(SMALL)
    const { stream, connection } = await connect('alice')
    const burst = Array.from({ length: 40 }, (_, i) => `${i} ${BIG}`)
    await broadcast(...burst)
    await clock.runPending()
    expect(publishedData(stream)).toEqual(burst)
    expect(connection.open).toBe(true)
    expect(connection.queuedBytes).toBe(0)
  })

  test('receives nothing while its transport is busy, then everything in one write', async () => {
    const { clock, connect, broadcast } = createHubHarness()
    const { stream } = await connect('alice')
    stream.stall()
    await broadcast('a')
    await clock.runPending()
    const before = stream.writes.length
    await broadcast('b')
    await clock.runPending()
    await broadcast('c')
    await clock.runPending()
    expect(stream.writes).toHaveLength(before)
    stream.resume()
    await clock.runPending()
    expect(stream.writes).toHaveLength(before + 1)
    expect(publishedData(stream)).toEqual(['a', 'b', 'c'])
    expect(stream.faults).toEqual([])
  })
})

/** What is thrown is another test's concern. */
const QUIET = { onError: () => {} }

describe('a stream', () => {
  test('that was aborted before it opened registers no client', async () => {
    const { clock, hub, connectNow } = createHubHarness()
    const stream = fakeStream()
    stream.leave()
    const { connection } = connectNow('alice', { stream })
    await connection.ended
    await clock.runPending()
    expect(hub.stats()).toMatchObject({ connections: 0, clients: 0, closing: 0 })
    expect(hub.stats().metrics.openings.fresh).toBe(0)
    expect(stream.writes).toEqual([])
    expect(clock.timers).toBe(0)
  })

  test.each(['throws', 'rejects'] as const)(
    'that %s ends, and affects no other client',
    async (how) => {
      const { clock, hub, connect, broadcast } = createHubHarness(QUIET)
      const bad = await connect('mallory')
      const good = await connect('alice')
      bad.stream.fail(how)
      await broadcast('a')
      await clock.runPending()
      await bad.connection.ended
      await broadcast('b')
      await clock.runPending()
      expect(publishedData(good.stream)).toEqual(['a', 'b'])
      expect(hub.stats()).toMatchObject({ connections: 1, closing: 0 })
      expect(bad.stream.cut).toBe(true)
    },
  )

  test.each<[string, () => unknown]>([
    ['true, as Node’s sockets do', () => true],
    ['false', () => false],
    ['an object', () => ({})],
    ['a thenable that throws', () => thenable(thrower)],
    ['a thenable that settles twice', () => thenable((done) => [done(), done()])],
    ['a getter that throws', () => Object.defineProperty({}, 'then', { get: thrower })],
    ['null', () => null],
  ])('that returns %s from a write does not stop the hub', async (_, odd) => {
    const { clock, connect, broadcast } = createHubHarness(QUIET)
    const stream = fakeStream()
    await connect('mallory', { stream: Object.assign(stream, { write: odd }) })
    const good = await connect('alice')
    await broadcast('a')
    await clock.runPending()
    await broadcast('b')
    await clock.runPending()
    expect(publishedData(good.stream)).toEqual(['a', 'b'])
  })

  test.each(['aborted', 'onAbort'] as const)(
    'whose %s throws ends, and leaves no connection',
    async (name) => {
      const { clock, hub, connect, broadcast } = createHubHarness(QUIET)
      const stream = fakeStream()
      Object.defineProperty(stream, name, { [name === 'aborted' ? 'get' : 'value']: thrower })
      const { connection } = await connect('mallory', { stream })
      const good = await connect('alice')
      await connection.ended
      await broadcast('a')
      await clock.runPending()
      expect(publishedData(good.stream)).toEqual(['a'])
      expect(hub.stats()).toMatchObject({ connections: 1, closing: 0 })
    },
  )

  test('that throws in the middle of a burst is not written to again', async () => {
    const { clock, connect, broadcast } = createHubHarness({ ...SMALL, ...QUIET })
    const { stream } = await connect('mallory')
    stream.fail('throws')
    await broadcast(BIG, BIG, BIG, BIG, BIG, BIG)
    await clock.runPending()
    expect(stream.cut).toBe(true)
    expect(stream.faults).toEqual([])
  })

  test('that can’t be aborted ends anyway', async () => {
    const { clock, connect, broadcast, hub } = createHubHarness(QUIET)
    const stream = fakeStream()
    const { connection } = await connect('mallory', {
      stream: Object.assign(stream, {
        abort: () => {
          throw new Error('No.')
        },
      }),
    })
    const good = await connect('alice')
    stream.fail('throws')
    await broadcast('a')
    await clock.runPending()
    await connection.ended
    expect(publishedData(good.stream)).toEqual(['a'])
    expect(hub.stats().connections).toBe(1)
  })

  test('whose client has left receives nothing more', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness()
    const { stream, connection } = await connect('alice')
    await broadcast('queued')
    stream.leave()
    await connection.ended
    expect(connection.queuedBytes).toBe(0)
    expect(await hub.publish('everyone', { data: 'late' })).toMatchObject({ connections: 0 })
    await clock.runPending()
    expect(stream.faults).toEqual([])
    expect(clock.timers).toBe(0)
  })
})
