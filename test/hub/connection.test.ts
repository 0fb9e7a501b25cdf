/** Connections: no reader can harm another reader, or the memory of the hub. */
import { describe, expect, test } from 'vitest'
import { cursorOf, fakeStream, heard, named, told } from '../support/fake-stream.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'

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
    const { clock, enter, tell } = createHubHarness(SMALL)
    const { stream } = await enter('alice')
    stream.stall()
    await tell('seen')
    await clock.settle()
    await tell('a', BIG, BIG, BIG, BIG, BIG, 'z')
    stream.resume()
    await clock.settle()
    expect(told(stream, 'hub:bye')).toEqual({ reason: 'slow' })
    const back = await enter('alice', { lastEventId: cursorOf(stream) })
    expect(told(back.stream, 'hub:ready')).toMatchObject({ resume: 'complete' })
    expect([...heard(stream), ...heard(back.stream)]).toEqual(
      ['seen', 'a', BIG, BIG, BIG, BIG, BIG, 'z'], //
    )
  })

  test('is freed of its queue at once', async () => {
    const { clock, hub, enter, tell } = createHubHarness(SMALL)
    const { stream, connection } = await enter('alice')
    stream.stall()
    await tell('in flight')
    await clock.settle()
    await tell(BIG, BIG, BIG, BIG)
    expect(connection.queuedBytes).toBeGreaterThan(80_000)
    expect(connection.queuedBytes).toBeLessThanOrEqual(SMALL.maxQueuedBytes ?? 0)
    expect(hub.stats()).toMatchObject({ connections: 1, closing: 0 })
    await tell(BIG)
    expect(connection.queuedBytes).toBeLessThan(1_000)
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 1 })
  })

  test('does not slow the others down', async () => {
    const { clock, enter, tell } = createHubHarness(SMALL)
    const slow = await enter('alice')
    const quick = await enter('bob')
    slow.stream.stall()
    for (let i = 0; i < 8; i++) {
      await tell(BIG)
      await clock.settle()
    }
    expect(heard(quick.stream)).toHaveLength(8)
    expect(quick.connection.open).toBe(true)
    expect(slow.connection.open).toBe(false)
  })

  test('that never reads its goodbye is aborted after a grace period', async () => {
    const ended: string[] = []
    const { clock, enter, tell, hub } = createHubHarness({
      ...SMALL,
      observer: { ended: ({ client }, reason) => void ended.push(`${client}: ${reason}`) },
    })
    const { stream, connection } = await enter('alice')
    stream.stall()
    await tell('in flight')
    await clock.settle()
    await tell(BIG, BIG, BIG, BIG, BIG)
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
    const { clock, enter, tell } = createHubHarness()
    const { stream, connection } = await enter('alice')
    const other = await enter('bob')
    stream.stall()
    await tell('in flight')
    await clock.settle()
    await clock.advance(2 * HEARTBEAT_MS - HEARTBEAT_MS / 4)
    expect(connection.open).toBe(true)
    await clock.advance(HEARTBEAT_MS / 2)
    expect(connection.open).toBe(false)
    await clock.advance(5_000 + HEARTBEAT_MS / 4)
    expect(stream.cut).toBe(true)
    expect(other.connection.open).toBe(true)
    expect(named(other.stream, 'hub:bye')).toEqual([])
  })
})

describe('a reader that takes little at a time', () => {
  test('is not cut off while the transport holds fewer bytes each time', async () => {
    const { clock, enter, tell } = createHubHarness()
    const { stream, connection } = await enter('alice')
    stream.stall()
    await tell('x'.repeat(200))
    await clock.settle()
    for (stream.unsentBytes = 200; stream.unsentBytes > 180; stream.unsentBytes -= 1) {
      await clock.advance(HEARTBEAT_MS)
      expect(connection.open).toBe(true)
    }
    await clock.advance(2 * HEARTBEAT_MS - 1_000)
    expect(connection.open).toBe(true)
    await clock.advance(2_000)
    expect(connection.open).toBe(false)
  })

  test('is cut off if it takes nothing, although each write is accepted', async () => {
    const { clock, enter } = createHubHarness()
    const { stream, connection } = await enter('alice')
    for (let seconds = 0; connection.open && seconds < 60; seconds++) {
      stream.unsentBytes = connection.sentBytes
      await clock.advance(1_000)
    }
    expect(told(stream, 'hub:bye')).toEqual({ reason: 'slow' })
  })

  test('is not blamed for the time in which the process stood still', async () => {
    const { clock, hub, enter, tell } = createHubHarness()
    const [reading, leaving] = [await enter('alice'), await enter('bob')]
    for (const { stream } of [reading, leaving]) stream.stall()
    await tell('in flight')
    await hub.disconnect('bob')
    await clock.advance(1_000)
    clock.sleep(3 * HEARTBEAT_MS)
    await clock.advance(1_000)
    expect(reading.connection.open).toBe(true)
    expect(leaving.stream.cut).toBe(false)
    reading.stream.resume()
    await clock.advance(4 * HEARTBEAT_MS)
    expect(reading.connection.open).toBe(true)
  })

  test('ends if its transport can’t be asked, and harms no other', async () => {
    const { clock, enter } = createHubHarness()
    const bad = fakeStream()
    Object.defineProperty(bad, 'unsentBytes', { get: thrower })
    const { connection } = await enter('mallory', { stream: bad })
    const good = await enter('alice')
    await clock.advance(2 * HEARTBEAT_MS)
    expect(connection.open).toBe(false)
    expect(named(good.stream, 'hub:beat')).toHaveLength(2)
  })
})

describe('a reader that is ready', () => {
  test('receives a burst larger than its queue without being cut off', async () => {
    const { clock, enter, tell } = createHubHarness(SMALL)
    const { stream, connection } = await enter('alice')
    const burst = Array.from({ length: 40 }, (_, i) => `${i} ${BIG}`)
    await tell(...burst)
    await clock.settle()
    expect(heard(stream)).toEqual(burst)
    expect(connection.open).toBe(true)
    expect(connection.queuedBytes).toBe(0)
  })

  test('receives nothing while its transport is busy, then everything in one write', async () => {
    const { clock, enter, tell } = createHubHarness()
    const { stream } = await enter('alice')
    stream.stall()
    await tell('a')
    await clock.settle()
    const before = stream.writes.length
    await tell('b')
    await clock.settle()
    await tell('c')
    await clock.settle()
    expect(stream.writes).toHaveLength(before)
    stream.resume()
    await clock.settle()
    expect(stream.writes).toHaveLength(before + 1)
    expect(heard(stream)).toEqual(['a', 'b', 'c'])
    expect(stream.faults).toEqual([])
  })
})

describe('a stream', () => {
  test('that was aborted before it opened registers no client', async () => {
    const { clock, hub, join } = createHubHarness()
    const stream = fakeStream()
    stream.leave()
    const { connection } = join('alice', { stream })
    await connection.ended
    await clock.settle()
    expect(hub.stats()).toMatchObject({ connections: 0, clients: 0, closing: 0 })
    expect(stream.writes).toEqual([])
    expect(clock.timers).toBe(0)
  })

  test.each(['throws', 'rejects'] as const)(
    'that %s ends, and affects no other client',
    async (how) => {
      const { clock, hub, enter, tell } = createHubHarness()
      const bad = await enter('mallory')
      const good = await enter('alice')
      bad.stream.fail(how)
      await tell('a')
      await clock.settle()
      await bad.connection.ended
      await tell('b')
      await clock.settle()
      expect(heard(good.stream)).toEqual(['a', 'b'])
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
    const { clock, enter, tell } = createHubHarness()
    const stream = fakeStream()
    await enter('mallory', { stream: Object.assign(stream, { write: odd }) })
    const good = await enter('alice')
    await tell('a')
    await clock.settle()
    await tell('b')
    await clock.settle()
    expect(heard(good.stream)).toEqual(['a', 'b'])
  })

  test.each(['aborted', 'onAbort'] as const)(
    'whose %s throws ends, and leaves no connection',
    async (name) => {
      const { clock, hub, enter, tell } = createHubHarness()
      const stream = fakeStream()
      Object.defineProperty(stream, name, { get: thrower })
      const { connection } = await enter('mallory', { stream })
      const good = await enter('alice')
      await connection.ended
      await tell('a')
      await clock.settle()
      expect(heard(good.stream)).toEqual(['a'])
      expect(hub.stats()).toMatchObject({ connections: 1, closing: 0 })
    },
  )

  test('that throws in the middle of a burst is not written to again', async () => {
    const { clock, enter, tell } = createHubHarness(SMALL)
    const { stream } = await enter('mallory')
    stream.fail('throws')
    await tell(BIG, BIG, BIG, BIG, BIG, BIG)
    await clock.settle()
    expect(stream.cut).toBe(true)
    expect(stream.faults).toEqual([])
  })

  test('that can’t be aborted ends all the same', async () => {
    const { clock, enter, tell, hub } = createHubHarness()
    const stream = fakeStream()
    const { connection } = await enter('mallory', {
      stream: Object.assign(stream, {
        abort: () => {
          throw new Error('No.')
        },
      }),
    })
    const good = await enter('alice')
    stream.fail('throws')
    await tell('a')
    await clock.settle()
    await connection.ended
    expect(heard(good.stream)).toEqual(['a'])
    expect(hub.stats().connections).toBe(1)
  })

  test('whose client has left receives nothing more', async () => {
    const { clock, hub, enter, tell } = createHubHarness()
    const { stream, connection } = await enter('alice')
    await tell('queued')
    stream.leave()
    await connection.ended
    expect(connection.queuedBytes).toBe(0)
    expect(await hub.publish('everyone', { data: 'late' })).toMatchObject({ connections: 0 })
    await clock.settle()
    expect(stream.faults).toEqual([])
    expect(clock.timers).toBe(0)
  })
})
