/** Snapshots of 10 KB to many streams, one at a time: what compression costs and saves. */
import type { Figures, Job } from '../job.ts'
import { type ChunkCounter, createChunkCounter } from './chunks.ts'
import { createDelays } from './delays.ts'
import { EVENT_MS, fill, measure } from './harness.ts'
import { createPublisher } from './publisher.ts'
import { connect, nowUs, type Socket, sleep, within } from './sockets.ts'

const BYTES = 10_240
const WARM_UP = 10

interface Stream {
  readonly chunks: ChunkCounter
  readonly request: string
}

/** The next event is sent when every stream has the previous one. */
export async function snapshot(job: Job): Promise<Figures> {
  const { port, protocol } = job
  const delays = createDelays()
  const handlers = {
    open: (socket: Socket<Stream>) => void socket.write(socket.data.request),
    data: receive,
    close: () => lost(new Error('a stream was closed')),
    error: (_: unknown, error: Error) => lost(error),
  }
  let lost: (error: Error) => void = () => {}
  let arrived: () => void = () => {}
  let missing = 0
  let received = 0
  let publishedAt = 0
  const encoding = protocol.encoding ? `Accept-Encoding: ${protocol.encoding}\r\n` : ''
  for (let index = 0; index < job.connections; index++) {
    const path = fill(protocol.stream, index)
    const request = `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${encoding}\r\n`
    await everywhere(1, async () => {
      await connect(port, { chunks: createChunkCounter(), request }, handlers)
    })
  }
  await sleep(500)
  const publisher = await createPublisher(job, 1)
  for (let n = 0; n < WARM_UP; n++) await broadcast(n)
  delays.clear()
  received = 0
  const meter = measure(job)
  let events = 0
  while (events < job.events && meter.elapsedMs() < job.maxMs) await broadcast(WARM_UP + events++)
  const { cpu, seconds } = meter.read()
  const deliveries = events * job.connections
  return {
    cpuUsPerDelivery: cpu / deliveries,
    bytesPerDelivery: received / deliveries,
    deliveriesPerSecond: deliveries / seconds,
    ...delays.figures(),
  }

  async function broadcast(n: number): Promise<void> {
    await everywhere(job.connections, async () => {
      publishedAt = nowUs()
      await publisher.post(protocol.broadcast, data(n))
    })
  }

  async function everywhere(streams: number, act: () => Promise<void>): Promise<void> {
    missing = streams
    const all = new Promise<void>((resolve, reject) => {
      arrived = resolve
      lost = reject
    })
    await Promise.all([act(), within(EVENT_MS, 'an event', all)])
  }

  function receive({ data: stream }: Socket<Stream>, bytes: Uint8Array): void {
    received += bytes.length
    for (let ended = stream.chunks.add(bytes); ended > 0; ended--) {
      delays.add((nowUs() - publishedAt) / 1_000)
      missing -= 1
    }
    if (missing === 0) arrived()
  }
}

const STATES = ['open', 'shipped', 'returned', 'cancelled']

/** What a dashboard shows: rows that resemble each other, and differ from event to event. */
function data(event: number): string {
  let random = event + 1
  const next = (below: number) => {
    random = (random * 48_271) % 2_147_483_647
    return random % below
  }
  const rows = Array.from({ length: 200 }, (_, row) => ({
    order: 100_000 + next(900_000),
    customer: `customer-${next(5_000)}`,
    total: next(100_000) / 100,
    state: STATES[next(STATES.length)],
    at: new Date(1_700_000_000_000 + row * 60_000 + next(60_000)).toISOString(),
  }))
  return JSON.stringify(rows).slice(0, BYTES)
}
