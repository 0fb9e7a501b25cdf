/** Metrics count what happened, and count nothing twice. */
import { describe, expect, test } from 'vitest'
import { createHub } from '../../src/hub/hub.ts'
import { internalsOf } from '../../src/hub/internals.ts'
import { createHistogram, type Histogram, observe } from '../../src/hub/metrics.ts'
import { manualClock } from '../support/clock.ts'
import { fakeStream } from '../support/fake-stream.ts'
import { createHubHarness, SMALL } from '../support/hub-harness.ts'

const total = ({ counts }: Histogram) => counts.reduce((sum, count) => sum + count, 0)

describe('a histogram', () => {
  test('puts a value into the first bucket that is large enough, bounds included', () => {
    const histogram = createHistogram([1, 10])
    for (const value of [0, 1, 1.5, 10, 11, 1e9]) observe(histogram, value)
    expect(histogram.counts).toEqual([2, 2, 2])
    expect(histogram.sum).toBe(1e9 + 23.5)
  })

  test('counts a value as many times as it was observed', () => {
    const histogram = createHistogram([1, 10])
    observe(histogram, 5, 1_000)
    expect(histogram).toEqual({ bounds: [1, 10], counts: [0, 1_000, 0], sum: 5_000 })
  })
})

describe('a hub counts', () => {
  test('events by address, deliveries and bytes', async () => {
    const { clock, hub, connect } = createHubHarness()
    const alice = await connect('alice', { topics: ['news'] })
    const bob = await connect('bob')
    const opening = [alice, bob].map(({ connection }) => connection.sentBytes)
    await hub.publish('everyone', { data: 'a' })
    await hub.publish({ client: 'alice' }, { data: 'b' })
    await hub.publish({ client: 'nobody' }, { data: 'c' })
    await hub.publish({ topic: 'news' }, { data: 'd', ephemeral: true })
    await clock.runPending()
    const { published, delivered, metrics } = hub.stats()
    expect(metrics.publishes).toEqual({ everyone: 1, client: 2, topic: 1, several: 0 })
    expect([published, delivered, metrics.deliveries]).toEqual([4, 4, 4])
    const sent = [alice, bob].map(({ connection }, i) => connection.sentBytes - (opening[i] ?? 0))
    expect(metrics.deliveredBytes).toBe(sent.reduce((sum, bytes) => sum + bytes, 0))
    expect([alice, bob].map(({ connection }) => connection.sentEvents)).toEqual([4, 2])
  })

  test('nothing that was refused', async () => {
    const { hub } = createHubHarness()
    await hub.publish('everyone', { data: 'x', event: 'hub:x' }).catch(() => {})
    await hub.publish({ client: '' }, { data: 'x' }).catch(() => {})
    expect(hub.stats()).toMatchObject({ published: 0, delivered: 0 })
  })

  test('openings, replays and gaps', async () => {
    const { hub, connect, broadcast } = createHubHarness({ journalOptions: { maxEvents: 2 } })
    const [first, second] = await broadcast('a', 'b', 'c', 'd')
    await connect('alice')
    await connect('alice', { lastEventId: second })
    await connect('alice', { lastEventId: first })
    await connect('alice', { lastEventId: 'of-another-life' })
    await connect('alice', { lastEventId: 'earliest' })
    const { openings, replays, replayedEvents, gaps } = hub.stats().metrics
    expect(openings).toEqual({ fresh: 1, complete: 2, gap: 2 })
    expect([replays, replayedEvents]).toEqual([4, 8])
    expect(gaps).toEqual({ epoch: 1, evicted: 1 })
  })

  test('each goodbye by its reason, and clients that left without one', async () => {
    const { clock, hub, connect } = createHubHarness({ lifetimeMs: 1_000, maxConnections: 3 })
    const expiresAt = clock.now() + 100
    await connect('alice', { expiresAt })
    await connect('bob')
    await connect('carol').then(({ stream }) => stream.leave())
    await clock.advance(600)
    void hub.disconnect('bob')
    await clock.runPending()
    await connect('dave')
    await clock.advance(2_000)
    await connect('erin')
    await hub.close()
    const { goodbyes, endings } = hub.stats().metrics
    expect(goodbyes).toEqual({
      expired: 1,
      disconnected: 1,
      lifetime: 1,
      shutdown: 1,
      slow: 0,
      'at-capacity': 0,
    })
    expect(endings).toEqual({ ...goodbyes, left: 1 })
  })

  test('how long streams were open, once they end', async () => {
    const { clock, hub, connect } = createHubHarness()
    const { stream } = await connect('alice')
    await connect('bob')
    await clock.advance(90_000)
    stream.leave()
    const { lifetimeMs } = hub.stats().metrics
    expect([total(lifetimeMs), lifetimeMs.sum]).toEqual([1, 90_000])
    expect(lifetimeMs.counts[lifetimeMs.bounds.indexOf(300_000)]).toBe(1)
  })

  test('slow readers and refused clients', async () => {
    const { hub, connect, broadcast } = createHubHarness({ ...SMALL, maxConnections: 1 })
    const stream = fakeStream()
    stream.stall()
    await connect('alice', { stream })
    expect(internalsOf(hub).refusal('bob')).toBe('at-capacity')
    internalsOf(hub).byeFrame('at-capacity')
    await broadcast(...Array.from({ length: 5 }, () => 'x'.repeat(25_000)))
    void hub.disconnect('mallory', 1_000)
    expect(internalsOf(hub).refusal('mallory')).toBe('blocked')
    void hub.close()
    expect(internalsOf(hub).refusal('alice')).toBe('shutdown')
    const { goodbyes, refusals } = hub.stats().metrics
    expect(goodbyes).toMatchObject({ slow: 1, 'at-capacity': 1 })
    expect(refusals).toEqual({ 'at-capacity': 1, blocked: 1, shutdown: 1, 'rate-limited': 0 })
  })

  test('queued bytes, those of the slowest client, and busy transports', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness()
    await connect('alice')
    const [slow, slower] = [await connect('bob'), await connect('carol')]
    for (const { stream } of [slow, slower]) stream.stall()
    await broadcast('a')
    await clock.runPending()
    await hub.publish({ client: 'carol' }, { data: 'b' })
    await clock.runPending()
    expect([slow, slower].map(({ connection }) => connection.queuedEvents)).toEqual([1, 2])
    const { queuedBytes, longestQueueBytes, stalled } = hub.stats()
    expect([queuedBytes, longestQueueBytes]).toEqual([
      slow.connection.queuedBytes + slower.connection.queuedBytes,
      slower.connection.queuedBytes,
    ])
    expect(slow.connection.queuedBytes).toBeGreaterThan(0)
    expect(stalled).toBe(2)
    for (const { stream } of [slow, slower]) stream.resume()
    await clock.runPending()
    expect(hub.stats()).toMatchObject({ queuedBytes: 0, longestQueueBytes: 0, stalled: 0 })
    expect([slow, slower].map(({ connection }) => connection.queuedEvents)).toEqual([0, 0])
  })

  test('what the journal holds, and that it is ready', async () => {
    const { hub, journal, broadcast } = createHubHarness()
    await broadcast('a')
    expect(hub.stats().journal).toEqual({ ready: true, ...journal.stats })
    expect(hub.stats().journal.events).toBe(1)
  })

  test('into a snapshot that does not change afterwards', async () => {
    const { hub, broadcast } = createHubHarness()
    const before = hub.stats()
    await broadcast('a')
    expect(before.metrics.publishes.everyone).toBe(0)
  })
})

describe('a flush', () => {
  test('is observed once however many connections it has', async () => {
    const { clock, hub, connectNow, broadcast } = createHubHarness()
    for (let i = 0; i < 1_000; i++) connectNow(`client-${i}`)
    await clock.runPending()
    const before = total(hub.stats().metrics.flushMs)
    await broadcast('a')
    await clock.runPending()
    expect(total(hub.stats().metrics.flushMs)).toBe(before + 1)
  })

  test('lasts from its first write to its last, and each of its events waits that long', async () => {
    const manual = manualClock()
    let written = 0
    // A write takes 10 ms on the clock of the hub.
    const clock = { ...manual, monotonic: () => manual.monotonic() + written * 10 }
    const hub = createHub({ clock })
    for (const client of ['alice', 'bob', 'carol']) {
      const stream = fakeStream()
      const { write } = stream
      const slow = (bytes: Uint8Array) => {
        written += 1
        return write(bytes)
      }
      hub.connect({ client, stream: Object.assign(stream, { write: slow }) })
    }
    await manual.runPending()
    expect(hub.stats().metrics).toMatchObject({ flushMs: { sum: 30 }, delayMs: { sum: 0 } })
    void hub.publish('everyone', { data: 'a' })
    void hub.publish('everyone', { data: 'b' })
    void hub.publish({ client: 'nobody' }, { data: 'reaches nobody, and waits for nothing' })
    await manual.runPending()
    const { flushMs, delayMs } = hub.stats().metrics
    expect([total(flushMs), flushMs.sum]).toEqual([2, 60])
    expect([total(delayMs), delayMs.sum]).toEqual([2, 60])
  })

  test('does not wait for a busy transport', async () => {
    const { clock, hub, connect, broadcast } = createHubHarness()
    const { stream } = await connect('alice')
    stream.stall()
    await broadcast('a')
    await clock.runPending()
    await broadcast('b')
    await clock.advance(5_000)
    await connect('bob')
    stream.resume()
    await clock.runPending()
    const { delayMs } = hub.stats().metrics
    expect([total(delayMs), delayMs.sum]).toEqual([1, 0])
  })
})
