/** Stalling: a client that reads nothing costs bounded memory, delays no other client, and catches up later. */
import { expect, test } from 'vitest'
import {
  connectionsOf,
  type Listener,
  listen,
  publish,
  untilConnections,
} from '../../support/client.ts'
import { publishedData } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { HEAP_OPTIONS, memoryOf } from '../../support/heap.ts'
import type { Server } from '../../support/process.ts'
import { isEstablished, openRaw, type RawStream } from '../../support/raw-stream.ts'
import type { RuntimePool } from './runtime.ts'

const MIB = 1_048_576
const TEXT = 'x'.repeat(100_000)
/** More than kernel, runtime and proxy buffer together, less than the journal keeps. */
const FIRST_EVENTS = 80
/** By then the journal is full: it keeps 125 of them. */
const FULL_EVENTS = 140
const ALL_EVENTS = 280
const JOURNAL_BYTES = 12 * MIB
/** Fewer than a queue of 1 MiB holds. */
const PACE_EVENTS = 5
/** Between the two measurements 14 MB are published: a server that kept them would fail. */
const MAX_GROWTH_BYTES = 4 * MIB
/** Enough for the goodbye, its deadline, the next sweep, and Bun's timer of some seconds. */
const CUT_MS = 60_000

/** How a runtime copes with a client that reads nothing. */
export function stalling(pool: RuntimePool): void {
  // Sockets are read where Linux shows them.
  const onLinux = test.skipIf(process.platform !== 'linux')

  onLinux(
    'a stalled client is disconnected, and others miss nothing meanwhile',
    async () => {
      const measured = pool.runtime.memory === 'measured'
      const server = await pool.start({
        JOURNAL_BYTES: String(JOURNAL_BYTES),
        HEARTBEAT_SECONDS: '5',
        ...(measured && { NODE_OPTIONS: HEAP_OPTIONS }),
      })
      const { url } = server
      const reader = await listen(url, 'id=reader')
      const stalled = await stall(url, 'stalled')
      await publishNumbered(reader, url, 0, FIRST_EVENTS)
      await untilConnections(url, 'stalled', 0, CUT_MS)
      await expectReplay(url, stalled, FIRST_EVENTS)

      await publishNumbered(reader, url, FIRST_EVENTS, FULL_EVENTS)
      const before = measured ? await bytesOf(server) : 0
      await publishNumbered(reader, url, FULL_EVENTS, ALL_EVENTS)
      await until('the reader has it all', () => reader.events.some(says(ALL_EVENTS - 1)), CUT_MS)
      expect(numbersOf(reader)).toEqual([...Array(ALL_EVENTS).keys()])
      expect(reader.ended).toBe(false)
      if (measured) expect((await bytesOf(server)) - before).toBeLessThan(MAX_GROWTH_BYTES)
      await expectGap(url, stalled)
      if (pool.runtime.stalledSocket === 'cut') {
        await until('the socket is cut', () => !isEstablished(url, stalled.port), CUT_MS)
      }
      await reader.close()
      stalled.leave('rst')
    },
    240_000,
  )
}

/** A client that has read one event and then reads no more. */
async function stall(url: string, client: string): Promise<RawStream> {
  const raw = await openRaw(url, `/sse?id=${client}`)
  await raw.contains('hub:ready')
  await publish(url, `/clients/${client}`, 'last words')
  await raw.contains('last words')
  raw.stall()
  expect(await connectionsOf(url, client)).toHaveLength(1)
  expect(isEstablished(url, raw.port)).toBe(true)
  return raw
}

/**
 * Publishes at the pace of the reader, which shares a process with the publisher: on a slow machine it
 * would otherwise become a slow reader itself.
 */
async function publishNumbered(
  reader: Listener,
  url: string,
  from: number,
  to: number,
): Promise<void> {
  for (let n = from; n < to; n++) {
    await publish(url, '/broadcast', `${n} ${TEXT}`)
    if (n % PACE_EVENTS > 0) continue
    await until(
      `the reader has event ${n}`,
      () => reader.ended || reader.events.slice(-PACE_EVENTS).some(says(n)),
    )
    expect(reader.ended).toBe(false)
  }
}

async function expectReplay(url: string, stalled: RawStream, events: number): Promise<void> {
  const back = await listen(url, 'id=stalled', stalled.lastId)
  expect(back.ready.resume).toBe('complete')
  await until('the replay has come', () => back.events.some(says(events - 1)), CUT_MS)
  expect(numbersOf(back)).toEqual([...Array(events).keys()])
  await back.close()
}

async function expectGap(url: string, stalled: RawStream): Promise<void> {
  const back = await listen(url, 'id=stalled', stalled.lastId)
  expect(back.ready.resume).toBe('gap')
  await until('the replay has come', () => back.events.some(says(ALL_EVENTS - 1)), CUT_MS)
  const numbers = numbersOf(back)
  const first = numbers[0] ?? 0
  expect(first).toBeGreaterThan(FIRST_EVENTS)
  expect(numbers).toEqual([...Array(ALL_EVENTS).keys()].slice(first))
  const gap = back.events.find(({ event }) => event === 'hub:gap')
  expect(JSON.parse(gap?.data ?? '{}')).toMatchObject({
    requested: stalled.lastId,
    earliest: back.events.find(says(first))?.id,
    reason: 'evicted',
  })
  await back.close()
}

function says(number: number): (event: { data: string }) => boolean {
  return ({ data }) => data.startsWith(`${number} `)
}

function numbersOf(reader: Listener): number[] {
  return publishedData(reader).map((data) => Number.parseInt(data, 10))
}

async function bytesOf(server: Server): Promise<number> {
  const { heap, external } = await memoryOf(server)
  return heap + external
}
