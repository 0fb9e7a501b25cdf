/** Closing: streams end spread over time, publishing continues meanwhile, and then everything is closed. */
import { getEventListeners } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { EndReason } from '../../src/hub/hooks/hooks.ts'
import { internalsOf } from '../../src/hub/internals.ts'
import { controlData, eventsNamed, publishedData } from '../support/events.ts'
import { createHubHarness, type HubHarnessOptions } from '../support/hub-harness.ts'

const DRAIN_MS = 10_000

function setUp(count: number, options: HubHarnessOptions = {}) {
  const reasons: EndReason[] = []
  const harness = createHubHarness({
    ...options,
    onDisconnect: (_, reason) => void reasons.push(reason),
  })
  const clients = Array.from({ length: count }, (_, i) => harness.connectNow(`client-${i}`))
  return { ...harness, clients, reasons, dismissed }

  function dismissed(): number {
    return clients.filter(({ stream }) => eventsNamed(stream, 'hub:bye').length > 0).length
  }
}

describe('a hub that closes', () => {
  test('says goodbye to all clients, spread over the first half of its time', async () => {
    const { clock, hub, clients, dismissed, reasons } = setUp(200)
    await clock.runPending()
    const closed = hub.close(DRAIN_MS)
    await clock.runPending()
    expect(dismissed()).toBeLessThan(20)
    await clock.advance(DRAIN_MS / 4)
    expect(dismissed()).toBeGreaterThan(80)
    expect(dismissed()).toBeLessThan(120)
    await clock.advance(DRAIN_MS / 4)
    expect(dismissed()).toBe(200)
    await clock.advance(DRAIN_MS / 100)
    await closed
    for (const { stream } of clients) {
      expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'shutdown' })
    }
    expect(new Set(reasons)).toEqual(new Set(['shutdown']))
    expect(clock.timers).toBe(0)
  })

  test('spreads the reconnects', async () => {
    let chance = 0
    const random = () => {
      chance = (chance + 0.37) % 1
      return chance
    }
    const { clock, hub, clients } = setUp(50, { random, retryMs: 1_000 })
    void hub.close(DRAIN_MS)
    await clock.advance(DRAIN_MS)
    const waits = clients.map(({ stream }) => stream.retries.at(-1) ?? 0)
    expect(new Set(waits).size).toBeGreaterThan(25)
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1_000)
    expect(Math.max(...waits)).toBeLessThanOrEqual(3_000)
  })

  test('refuses new streams at once', async () => {
    const { clock, hub, connectNow } = setUp(1)
    await clock.runPending()
    expect(hub.closing).toBe(false)
    void hub.close(DRAIN_MS)
    expect(hub.closing).toBe(true)
    expect(internalsOf(hub).refusal('late')).toBe('shutdown')
    expect(() => connectNow('late')).toThrow(
      expect.objectContaining({ name: 'HubError', code: 'hub-closed' }),
    )
  })

  test('delivers what is published until the stream’s own goodbye', async () => {
    const { clock, hub, clients, broadcast } = setUp(100)
    await clock.runPending()
    void hub.close(DRAIN_MS)
    await clock.advance(DRAIN_MS / 4)
    await broadcast('during')
    await clock.advance(DRAIN_MS / 2)
    const reached = clients.filter(({ stream }) => publishedData(stream).includes('during'))
    expect(reached.length).toBeGreaterThan(40)
    expect(reached.length).toBeLessThan(60)
  })

  test('publishes nothing once it is closed', async () => {
    const { clock, hub } = setUp(1)
    const closed = hub.close()
    await clock.runPending()
    await closed
    await expect(hub.publish('everyone', { data: 'late' })).rejects.toThrow(
      expect.objectContaining({ name: 'HubError', code: 'hub-closed' }),
    )
  })

  test('cuts off clients that have not read their goodbye by the end', async () => {
    const { clock, hub, clients, reasons } = setUp(2)
    await clock.runPending()
    const [slow, quick] = clients
    await clock.advance(60_000)
    slow?.stream.stall()
    const closed = hub.close(4_000)
    await clock.advance(3_999)
    expect(slow?.stream.cut).toBe(false)
    await clock.advance(1)
    await closed
    expect(slow?.stream.cut).toBe(true)
    expect(quick?.stream.cut).toBe(false)
    expect(reasons).toEqual(['shutdown', 'shutdown'])
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
    expect(clock.timers).toBe(0)
  })

  test.each(['before', 'during'])(
    'ends at once when its signal is aborted %s the drain',
    async (when) => {
      const { clock, hub, reasons } = setUp(100)
      await clock.runPending()
      const abort = new AbortController()
      if (when === 'before') abort.abort()
      const closed = hub.close(DRAIN_MS, { signal: abort.signal })
      await clock.runPending()
      if (when === 'during') {
        expect(hub.stats().connections).toBeGreaterThan(90)
        abort.abort()
      }
      await closed
      expect(reasons).toEqual(Array.from({ length: 100 }, () => 'shutdown'))
      expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
      expect(clock.timers).toBe(0)
    },
  )

  test('ends at once when the signal of a second call is aborted, and keeps no listener', async () => {
    const { clock, hub } = setUp(100)
    await clock.runPending()
    const [first, second] = [new AbortController(), new AbortController()]
    const closed = hub.close(DRAIN_MS, { signal: first.signal })
    expect(hub.close(0, { signal: second.signal })).toBe(closed)
    await clock.advance(1_000)
    expect(hub.stats().connections).toBeGreaterThan(50)
    second.abort()
    await closed
    expect(hub.stats()).toMatchObject({ connections: 0, closing: 0 })
    await clock.runPending()
    expect(getEventListeners(first.signal, 'abort')).toEqual([])
  })

  test('is closed as soon as the last client has left', async () => {
    const { clock, hub, clients } = setUp(1)
    await clock.runPending()
    const start = clock.now()
    let closedAt = 0
    void hub.close(DRAIN_MS).then(() => {
      closedAt = clock.now()
    })
    clients[0]?.stream.leave()
    await clock.advance(DRAIN_MS)
    expect(closedAt - start).toBeLessThan(DRAIN_MS / 10)
  })

  test('closes at once without clients', async () => {
    const { hub, clock } = setUp(0)
    await hub.close(DRAIN_MS)
    expect(clock.timers).toBe(0)
    await setUp(0).hub.close(DRAIN_MS, { signal: AbortSignal.abort() })
  })

  test('returns the same promise when closed twice, and does nothing the second time', async () => {
    const { clock, hub, clients } = setUp(3)
    await clock.runPending()
    const first = hub.close(DRAIN_MS)
    expect(hub.close(0)).toBe(first)
    await clock.advance(DRAIN_MS)
    await first
    expect(hub.close()).toBe(first)
    for (const { stream } of clients) expect(eventsNamed(stream, 'hub:bye')).toHaveLength(1)
  })

  test('ends every stream at once, with the same reason, without time to drain', async () => {
    const { clock, hub, clients, reasons } = setUp(5)
    await clock.runPending()
    await hub.close()
    for (const { connection, stream } of clients) {
      await connection.ended
      expect(controlData(stream, 'hub:bye')).toEqual({ reason: 'shutdown' })
      expect(stream.cut).toBe(false)
    }
    expect(clock.timers).toBe(0)
    expect(reasons).toEqual(clients.map(() => 'shutdown'))
  })

  test.each<[string, AbortSignal | undefined]>([
    ['without time to drain', undefined],
    ['whose signal is aborted', AbortSignal.abort()],
  ])('%s, lets a busy transport send its goodbye for a tenth of a second', async (_, signal) => {
    const { clock, hub, clients } = setUp(2)
    await clock.runPending()
    const [slow, busy] = clients
    slow?.stream.stall()
    busy?.stream.stall()
    let isClosed = false
    const closed = hub.close(signal ? DRAIN_MS : 0, { signal }).then(() => {
      isClosed = true
    })
    await clock.advance(50)
    busy?.stream.resume()
    await clock.advance(49)
    expect([slow?.stream.cut, isClosed]).toEqual([false, false])
    await clock.advance(1)
    await closed
    expect(busy && controlData(busy.stream, 'hub:bye')).toEqual({ reason: 'shutdown' })
    expect([busy?.stream.cut, slow?.stream.cut]).toEqual([false, true])
    expect(clock.timers).toBe(0)
  })

  test('closes its journal last', async () => {
    const { clock, hub, journal, clients } = setUp(1)
    await clock.runPending()
    const close = journal.close
    let openAtClose = -1
    Object.assign(journal, {
      close: () => {
        openAtClose = hub.stats().connections + hub.stats().closing
        return close()
      },
    })
    clients[0]?.stream.stall()
    const closed = hub.close(1_000)
    await clock.advance(500)
    expect(openAtClose).toBe(-1)
    await clock.advance(500)
    await closed
    expect(openAtClose).toBe(0)
  })
})
