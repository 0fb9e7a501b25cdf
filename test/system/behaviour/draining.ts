/** Draining: a server that stops says goodbye to its clients, and loses nothing that it acknowledged. */
import { describe, expect, test } from 'vitest'
import {
  allProcesses,
  connectionsOf,
  type Listener,
  listen,
  type PublishResult,
  publish,
} from '../../support/client.ts'
import { isPublished, named } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import type { Server } from '../../support/process.ts'
import { openRaw } from '../../support/raw-stream.ts'
import type { Runtime, RuntimePool } from './runtime.ts'

const DRAIN_SECONDS = 20
/** Extra time for a busy machine. A server that misses its deadline would not end at all. */
const SLACK_MS = 30_000
/** Enough clients that their goodbyes take the whole first half of the drain. */
const STREAMS = 100

/** How a runtime stops. */
export function draining(pool: RuntimePool): void {
  if (pool.runtime.signals === 'none') return
  describe('at a signal', () => {
    // A process receives its signals in the same way, however it opens streams.
    const once = pool.opener === 'native'
    const signals = once ? (['SIGTERM', 'SIGINT'] as const) : (['SIGTERM'] as const)
    test.for(signals)(
      '%s ends every stream with a goodbye, and no acknowledged event is missing',
      async (signal) => {
        const server = await pool.start({ DRAIN_SECONDS: String(DRAIN_SECONDS) })
        const listeners = await openMany(server.url, STREAMS)
        const receipts: PublishResult[] = []
        receipts.push(await publish(server.url, '/broadcast', 'before'))
        const since = Date.now()
        server.signal(signal)
        await untilUnready(server.url)
        await expectRefused(server.url)
        receipts.push(...(await publishWhileOpen(server.url)))
        for (const listener of listeners) await listener.end(DRAIN_SECONDS * 1_000 + SLACK_MS)
        expect(await server.exit).toBe(0)
        expect(Date.now() - since).toBeLessThan(DRAIN_SECONDS * 1_000 + SLACK_MS)
        expectGoodbyes(listeners)
        expectAllDelivered(listeners, receipts, pool.runtime)
        expectNoTraces(server)
      },
    )

    test('a stalled stream is cut off when the time for the drain is up', async () => {
      const server = await pool.start({ DRAIN_SECONDS: '2', HEARTBEAT_SECONDS: '600' })
      const raw = await openRaw(server.url, '/sse?id=stalled')
      await raw.contains('hub:ready')
      raw.stall()
      await fill(server.url, 'stalled')
      const since = Date.now()
      server.signal('SIGTERM')
      expect(await server.exit, server.stderr).toBe(0)
      expect(Date.now() - since).toBeLessThan(2_000 + SLACK_MS)
      raw.leave('rst')
      expectNoTraces(server)
    })

    if (!once) return

    test.for([
      ['SIGTERM', 143],
      ['SIGINT', 130],
    ] as const)('a second %s ends the process at once', async ([signal, code]) => {
      const server = await pool.start({ DRAIN_SECONDS: '60' })
      const listeners = await openMany(server.url, STREAMS)
      server.signal(signal)
      await untilUnready(server.url)
      const since = Date.now()
      server.signal(signal)
      expect(await server.exit).toBe(code)
      expect(Date.now() - since).toBeLessThan(SLACK_MS)
      for (const listener of listeners) await listener.end()
    })

    test('a server without clients stops at once', async () => {
      const server = await pool.start({ DRAIN_SECONDS: '60' })
      const since = Date.now()
      server.signal('SIGTERM')
      expect(await server.exit).toBe(0)
      expect(Date.now() - since).toBeLessThan(SLACK_MS)
      expect(server.lines.at(-1)).toContain('"stopped"')
    })
  })
}

/** Every line on stderr is a line of the log: no stack trace, no warning of the runtime. */
function expectNoTraces({ stderr }: Server): void {
  expect(stderr.split('\n').filter((line) => line !== '' && !line.startsWith('{'))).toEqual([])
}

function openMany(url: string, count: number): Promise<Listener[]> {
  return Promise.all(Array.from({ length: count }, (_, n) => listen(url, `id=client-${n}`)))
}

async function untilUnready(url: string): Promise<void> {
  await until('/readyz answers 503', async () => {
    const response = await fetch(`${url}/readyz`)
    await response.text()
    return response.status === 503
  })
  await allProcesses(url)
}

async function expectRefused(url: string): Promise<void> {
  const response = await fetch(`${url}/sse?id=late`)
  expect(response.status).toBe(200)
  expect(await response.text()).toMatch(
    /^retry: \d+\nevent: hub:bye\ndata: \{"reason":"shutdown"\}\n\n$/,
  )
}

/** Publishes until the server is gone; returns what it acknowledged. */
async function publishWhileOpen(url: string): Promise<PublishResult[]> {
  const receipts: PublishResult[] = []
  for (;;) {
    const receipt = await publish(url, '/broadcast', 'meanwhile').catch(() => undefined)
    if (!receipt) return receipts
    receipts.push(receipt)
  }
}

function expectGoodbyes(listeners: readonly Listener[]): void {
  const retries = listeners.map((listener) => {
    const last = listener.events.at(-1)
    expect(last && named('hub:bye')(last)).toBe(true)
    expect(JSON.parse(last?.data ?? '{}')).toEqual({ reason: 'shutdown' })
    return listener.retries.at(-1) ?? 0
  })
  // Spread out, so that clients don't all reconnect at once.
  expect(new Set(retries).size).toBeGreaterThan(STREAMS / 2)
}

/** Each event reached as many clients as its publish result says, and none of them twice. */
function expectAllDelivered(
  listeners: readonly Listener[],
  receipts: readonly PublishResult[],
  { sharedJournal, workers }: Runtime,
): void {
  const deliveries = new Map<string, number>()
  for (const { events } of listeners) {
    const ids = events.filter(isPublished).map(({ id = '' }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    for (const id of ids) deliveries.set(id, (deliveries.get(id) ?? 0) + 1)
  }
  for (const { id = '', connections } of receipts) {
    const count = deliveries.get(id) ?? 0
    // From a shared journal an event takes a moment, in which some may have said goodbye.
    if (sharedJournal || workers) expect(count).toBeLessThanOrEqual(connections)
    else expect(count).toBe(connections)
  }
  expect(receipts[0]?.connections).toBe(STREAMS)
  expect(deliveries.get(receipts[0]?.id ?? '')).toBe(STREAMS)
}

/** Publishes until the server's own queue for a client grows. */
async function fill(url: string, client: string): Promise<void> {
  const text = 'x'.repeat(100_000)
  await until('the queue grows', async () => {
    for (let n = 0; n < 5; n++) await publish(url, `/clients/${client}`, text)
    const [row] = await connectionsOf(url, client)
    return !row || row.queuedBytes > 300_000
  })
}
