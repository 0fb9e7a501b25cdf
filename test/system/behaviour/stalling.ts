/** Stalling: a client that reads nothing costs bounded memory, delays no other client, and catches up later. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  connectionsOf,
  counts,
  dataOf,
  type Listener,
  listen,
  publish,
} from '../../support/client.ts'
import { until } from '../../support/eventually.ts'
import type { Server } from '../../support/process.ts'
import { isEstablished, openRaw, type RawStream } from '../../support/raw-stream.ts'
import type { RuntimePool } from './runtime.ts'

const MIB = 1_048_576
const TEXT = 'x'.repeat(100_000)
/** More than kernel, runtime and proxy buffer together, less than the journal keeps. */
const FIRST_EVENTS = 80
/** The journal evicts after 125 of them. The heap needs as many to reach its full size. */
const ALL_EVENTS = { measured: 1_080, 'hidden by garbage': 280 }
const JOURNAL_BYTES = 12 * MIB
const SAMPLE_EVENTS = 50
/** Fewer than a queue of 1 MiB holds. */
const PACE_EVENTS = 5
/** The lowest of these samples contains little garbage; the heap still grows during the first. */
const SAMPLES = 6
const WARM_UP_SAMPLES = 8
/** Between the two measurements 30 MB are published: a server that kept them would fail. */
const MAX_GROWTH_BYTES = 20 * MIB
/** Enough for the goodbye, its deadline, the next sweep, and Bun's timer of some seconds. */
const CUT_MS = 20_000

/** How a runtime copes with a client that reads nothing. */
export function stalling(pool: RuntimePool): void {
  // Memory and sockets are read where Linux shows them.
  const onLinux = test.skipIf(process.platform !== 'linux')

  onLinux(
    'a stalled client is disconnected, and others miss nothing meanwhile',
    async () => {
      const server = await pool.start({
        JOURNAL_BYTES: String(JOURNAL_BYTES),
        HEARTBEAT_SECONDS: '5',
      })
      const { url } = server
      const allEvents = ALL_EVENTS[pool.runtime.memory]
      const reader = await listen(url, 'id=reader')
      const stalled = await stall(url, 'stalled')
      await publishNumbered(reader, url, 0, FIRST_EVENTS)
      await counts(url, 'stalled', 0, CUT_MS)
      await expectReplay(url, stalled, FIRST_EVENTS)

      const samples: number[] = []
      for (let n = FIRST_EVENTS; n < allEvents; n += SAMPLE_EVENTS) {
        await publishNumbered(reader, url, n, n + SAMPLE_EVENTS)
        samples.push(memoryOf(server))
        shortenTexts(reader)
      }
      await until('the reader has it all', () => reader.events.some(says(allEvents - 1)), CUT_MS)
      expect(numbersOf(reader)).toEqual([...Array(allEvents).keys()])
      expect(reader.ended).toBe(false)
      if (pool.runtime.memory === 'measured') expectNoGrowth(samples)
      await expectGap(url, stalled, allEvents)
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

function expectNoGrowth(samples: readonly number[]): void {
  const early = Math.min(...samples.slice(WARM_UP_SAMPLES, WARM_UP_SAMPLES + SAMPLES))
  const late = Math.min(...samples.slice(-SAMPLES))
  const story = samples.map((bytes) => Math.round(bytes / MIB)).join(' ')
  expect(late - early, `MiB: ${story}`).toBeLessThan(MAX_GROWTH_BYTES)
}

async function expectGap(url: string, stalled: RawStream, allEvents: number): Promise<void> {
  const back = await listen(url, 'id=stalled', stalled.lastId)
  expect(back.ready.resume).toBe('gap')
  await until('the replay has come', () => back.events.some(says(allEvents - 1)), CUT_MS)
  const numbers = numbersOf(back)
  const first = numbers[0] ?? 0
  expect(first).toBeGreaterThan(FIRST_EVENTS)
  expect(numbers).toEqual([...Array(allEvents).keys()].slice(first))
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

/** Leaves the number of each event: 160 MB of text would make the test itself slow. */
function shortenTexts({ events }: Listener): void {
  for (const event of events) {
    if (event.data.length > 100) event.data = `${Number.parseInt(event.data, 10)} `
  }
}

function numbersOf(reader: Listener): number[] {
  return dataOf(reader).map((data) => Number.parseInt(data, 10))
}

/** The resident memory of a server and its children, in bytes. */
function memoryOf({ pid }: Server): number {
  let pages = 0
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) pages += residentPages(name, pid)
  }
  return pages * 4_096
}

function residentPages(pid: string, group: number): number {
  try {
    // The fields after the name in brackets: state, parent, group, …, the 22nd is the resident set.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return Number(fields[2]) === group ? Number(fields[21]) : 0
  } catch {
    // It ended while the list was read.
    return 0
  }
}
