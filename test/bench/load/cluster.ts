/** Events published at one instance and delivered by another: delay and throughput. */
import type { Figures, Job } from '../job.ts'
import { checkFair, EVENT_MS, fill, inLanes, LANES, measure } from './harness.ts'
import { payload } from './payload.ts'
import { createPublisher } from './publisher.ts'
import { nowUs, sleep } from './sockets.ts'
import { createStreams } from './streams.ts'

/** Events per second while delays are measured: far below any contestant's maximum. */
const RATE = 200

/** A steady rate to measure delays, then full speed. */
export async function cluster(job: Job): Promise<Figures> {
  const { protocol, port } = job
  const streams = createStreams(port + (protocol.streamPort ?? 0), 1)
  await streams.open({ count: job.connections, path: (index) => fill(protocol.stream, index) })
  const publisher = await createPublisher(job, LANES)
  const post = async (lane: number) =>
    void (await publisher.post(protocol.broadcast, payload(), lane))
  await steadily(RATE, post)
  streams.delays.clear()
  await steadily(job.events, post)
  await streams.reach((RATE + job.events) * job.connections, EVENT_MS)
  const delays = streams.delays.figures()
  const rtt = protocol.roundTrip && Number((await publisher.get(protocol.roundTrip)).trim())
  const meter = measure(job)
  await inLanes(job.events, (_, lane) => post(lane))
  const { cpu, seconds } = meter.read()
  await streams.reach((RATE + 2 * job.events) * job.connections, EVENT_MS)
  checkFair(streams)
  publisher.leave()
  return {
    ...delays,
    publishesPerSecond: job.events / seconds,
    cpuUsPerPublish: cpu / job.events,
    ...(rtt && { redisRoundTripMs: rtt }),
  }
}

async function steadily(count: number, post: (lane: number) => Promise<void>): Promise<void> {
  const start = nowUs()
  await inLanes(count, async (index, lane) => {
    await sleep(Math.max(0, (index * 1_000) / RATE - (nowUs() - start) / 1_000))
    await post(lane)
  })
}
