/** What the scenarios share: streams and publishers, and a meter at the server. */
import type { Job } from '../job.ts'
import { cpuUs, memoryKb } from '../proc.ts'
import { payload } from './payload.ts'
import { createPublisher, type Publisher } from './publisher.ts'
import { nowUs, sleep, within } from './sockets.ts'
import { createStreams, type Streams } from './streams.ts'

/** The longest that one event may take to reach every stream. */
export const EVENT_MS = 20_000
/** Concurrent requests where the order does not matter. */
export const LANES = 16
/** Events of one burst: 50 of them every 100 ms are 500 a second. */
export const BURST = 50
export const BURST_EVERY_MS = 100

/** Opens the streams, then the publishers: servers close connections that are idle. */
export async function gather(job: Job, sampleEvery: number, lanes: number) {
  const streams = createStreams(job.port, sampleEvery)
  const path = (index: number) => fill(job.protocol.stream, index)
  await streams.open({ count: job.connections, path })
  await sleep(500)
  const publisher = await createPublisher(job, lanes)
  return { streams, publisher }
}

/** Publishes one event, and waits until every stream has it. */
export async function broadcastOne(
  job: Job,
  streams: Streams,
  publisher: Publisher,
): Promise<void> {
  const goal = streams.delivered() + streams.size
  const [answered, arrived] = [
    publisher.post(job.protocol.broadcast, payload()),
    streams.reach(goal, EVENT_MS),
  ]
  await Promise.all([answered, arrived])
}

/** Publishes one burst, and waits until every stream has it. */
export async function broadcastBurst(
  job: Job,
  streams: Streams,
  publisher: Publisher,
): Promise<void> {
  const goal = streams.delivered() + streams.size * BURST
  const answers = Array.from({ length: BURST }, (_, lane) =>
    publisher.post(job.protocol.broadcast, payload(), lane),
  )
  await Promise.all([...answers, streams.reach(goal, EVENT_MS)])
}

/** Runs the work `count` times, one run per lane at a time. */
export async function inLanes(
  count: number,
  work: (index: number, lane: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async (_: unknown, number: number) => {
    while (next < count) await work(next++, number)
  }
  await within(60_000, `${count} requests`, Promise.all(Array.from({ length: LANES }, lane)))
}

/** @throws when one stream received more than another */
export function checkFair(streams: Streams): void {
  const { least, most } = streams.spread()
  if (least !== most) throw new Error(`one stream got ${least} events, another ${most}`)
}

/** A path for the client with that number. */
export function fill(template: string, index: number): string {
  return template.replace('{id}', `u${index}`)
}

/** Measures the server's CPU time in microseconds, and elapsed seconds, from now on. */
export function measure({ pid }: Job) {
  const startUs = nowUs()
  const startCpu = cpuUs(pid)
  const elapsedMs = () => (nowUs() - startUs) / 1_000
  return { elapsedMs, read: () => ({ cpu: cpuUs(pid) - startCpu, seconds: elapsedMs() / 1_000 }) }
}

/** The server's memory in kilobytes once it is stable; waits ten seconds at most. */
export async function settled({ pid }: Job): Promise<number> {
  let steady = 0
  let last = memoryKb(pid)
  for (let i = 0; i < 40 && steady < 6; i++) {
    await sleep(250)
    const now = memoryKb(pid)
    steady = Math.abs(now - last) <= last / 500 ? steady + 1 : 0
    last = now
  }
  return last
}
