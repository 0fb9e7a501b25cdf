/** What is measured, scenario by scenario: each gets a server that was just started. */
import type { Figures, Job, ScenarioName } from '../job.ts'
import { publishBatch } from './batches.ts'
import { cluster } from './cluster.ts'
import {
  BURST,
  BURST_EVERY_MS,
  broadcastBurst,
  broadcastOne,
  checkFair,
  EVENT_MS,
  fill,
  gather,
  inLanes,
  LANES,
  measure,
  settled,
} from './harness.ts'
import { latency } from './latency.ts'
import { payload } from './payload.ts'
import { createPublisher } from './publisher.ts'
import { snapshot } from './snapshot.ts'
import { nowUs, sleep } from './sockets.ts'
import { createStreams } from './streams.ts'

type Scenario = (job: Job) => Promise<Figures>

/** All scenarios. */
export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  broadcast,
  burst,
  latency,
  targeted,
  storm,
  idle,
  replay,
  snapshot,
  publish,
  'publish-batch': publishBatch,
  health,
  cluster,
}

/** One event at a time: the next is sent when every stream has the previous one. */
async function broadcast(job: Job): Promise<Figures> {
  const { streams, publisher } = await gather(job, 1, 1)
  for (let i = 0; i < 10; i++) await broadcastOne(job, streams, publisher)
  streams.delays.clear()
  const meter = measure(job)
  const before = streams.delivered()
  for (let i = 0; i < job.events && meter.elapsedMs() < job.maxMs; i++) {
    await broadcastOne(job, streams, publisher)
  }
  const { cpu, seconds } = meter.read()
  const delivered = streams.delivered() - before
  checkFair(streams)
  return {
    cpuUsPerDelivery: cpu / delivered,
    deliveriesPerSecond: delivered / seconds,
    ...streams.delays.figures(),
  }
}

/** Bursts of fifty events, ten times a second; waits for a server that can't keep up. */
async function burst(job: Job): Promise<Figures> {
  const { streams, publisher } = await gather(job, 16, BURST)
  for (let i = 0; i < 3; i++) await broadcastBurst(job, streams, publisher)
  await sleep(200)
  streams.delays.clear()
  const meter = measure(job)
  const before = streams.delivered()
  let published = 0
  while (published < job.events && meter.elapsedMs() < job.maxMs) {
    const due = (published / BURST) * BURST_EVERY_MS
    await sleep(Math.max(0, due - meter.elapsedMs()))
    await broadcastBurst(job, streams, publisher)
    published += BURST
  }
  const due = (published / BURST) * BURST_EVERY_MS
  await sleep(Math.max(0, due - meter.elapsedMs()))
  const { cpu, seconds } = meter.read()
  const delivered = streams.delivered() - before
  checkFair(streams)
  return {
    cpuUsPerDelivery: cpu / delivered,
    deliveriesPerSecond: delivered / seconds,
    ...streams.delays.figures(),
  }
}

/** Events for one client, with a hundred clients connected and with all of them. */
async function targeted(job: Job): Promise<Figures> {
  const { protocol } = job
  const few = Math.min(100, job.connections)
  const path = (index: number) => fill(protocol.ownStream ?? protocol.stream, index)
  const streams = createStreams(job.port, 1)
  await streams.open({ count: few, path })
  await address(few, job.events)
  const small = await address(few, job.events)
  await streams.open({ count: job.connections - few, path: (index) => path(index + few) })
  await settled(job)
  await address(job.connections, job.events)
  streams.delays.clear()
  const large = await address(job.connections, job.events)
  return {
    cpuUsPerPublish: large.cpu,
    cpuUsPerPublishAmong100: small.cpu,
    timesAmong100: large.cpu / small.cpu,
    publishesPerSecond: large.perSecond,
    ...streams.delays.figures(),
  }

  async function address(among: number, events: number) {
    // New publishers each time: servers close idle ones while streams are being opened.
    const publisher = await createPublisher(job, LANES)
    const before = streams.delivered()
    const meter = measure(job)
    await inLanes(events, async (index, lane) => {
      // A stride coprime to the number of streams: all take turns, in no cache-friendly order.
      const path = fill(protocol.target ?? '', (index * 7_919) % among)
      await publisher.post(path, payload(), lane)
    })
    await streams.reach(before + events, EVENT_MS)
    const { cpu, seconds } = meter.read()
    publisher.leave()
    return { cpu: cpu / events, perSecond: events / seconds }
  }
}

/** All clients connect at once. */
async function storm(job: Job): Promise<Figures> {
  const streams = createStreams(job.port, 1)
  await streams.open({ count: 300, path: (index) => fill(job.protocol.stream, index) })
  await sleep(200)
  const meter = measure(job)
  await streams.open({
    count: job.connections,
    path: (index) => fill(job.protocol.stream, index + 300),
  })
  const { seconds } = meter.read()
  // Work that an opening defers is part of its cost.
  await sleep(200)
  const { cpu } = meter.read()
  return { cpuUsPerConnect: cpu / job.connections, connectsPerSecond: job.connections / seconds }
}

/** All clients are connected and nothing happens. */
async function idle(job: Job): Promise<Figures> {
  const streams = createStreams(job.port, 1)
  const open = (count: number) =>
    streams.open({ count, path: (index) => fill(job.protocol.stream, index) })
  await open(200)
  await streams.leave()
  const before = await settled(job)
  await open(job.connections)
  const after = await settled(job)
  const meter = measure(job)
  await sleep(2_000)
  const { cpu, seconds } = meter.read()
  return {
    kbPerConnection: (after - before) / job.connections,
    idleCpuMsPerSecond: cpu / 1_000 / seconds,
  }
}

/** All clients reconnect at once, having missed the same hundred events. */
async function replay(job: Job): Promise<Figures> {
  const { protocol } = job
  const streams = createStreams(job.port, 16)
  const path = (index: number) => fill(protocol.stream, index)
  let seen = ''
  const onText = (text: string) => {
    seen += text
  }
  await streams.open({ count: job.connections, path, onText })
  const publisher = await createPublisher(job, 1)
  await publisher.post(protocol.broadcast, payload())
  await streams.reach(job.connections, EVENT_MS)
  const lastEventId = /\nid: ?([^\r\n]+)(?![\s\S]*\nid:)/.exec(`\n${seen}`)?.[1]
  if (lastEventId === undefined) throw new Error('no id was seen')
  await streams.leave()
  await sleep(500)
  for (let i = 0; i < job.events; i++) await publisher.post(protocol.broadcast, payload())
  await settled(job)
  const meter = measure(job)
  await streams.open({ count: job.connections, path, lastEventId })
  await streams.reach(job.connections * job.events, EVENT_MS)
  const { seconds } = meter.read()
  await sleep(200)
  const { cpu } = meter.read()
  const { least, most } = streams.spread()
  if (least !== job.events || most !== job.events) throw new Error(`replayed ${least} to ${most}`)
  return { cpuUsPerReturn: cpu / job.connections, returnsPerSecond: job.connections / seconds }
}

/** Publish requests with no client connected. Their bodies are JSON. */
async function publish(job: Job): Promise<Figures> {
  const publisher = await createPublisher(job, LANES)
  const post = (_: number, lane: number) =>
    publisher.postJson(job.protocol.broadcast, payload(), lane).then(() => {})
  await inLanes(Math.ceil(job.events / 2), post)
  const meter = measure(job)
  await inLanes(job.events, post)
  const { cpu, seconds } = meter.read()
  return { cpuUsPerRequest: cpu / job.events, requestsPerSecond: job.events / seconds }
}

/** How quickly the server answers other requests during a large broadcast. */
async function health(job: Job): Promise<Figures> {
  const { protocol } = job
  const streams = createStreams(job.port, 64)
  await streams.open({ count: job.connections, path: (index) => fill(protocol.stream, index) })
  await settled(job)
  const publisher = await createPublisher(job, 2)
  const waits: number[] = []
  for (let i = 0; i < job.events; i++) {
    let done = false
    const sent = broadcastOne(job, streams, publisher).finally(() => {
      done = true
    })
    while (!done) {
      const startedAt = nowUs()
      await publisher.get(protocol.health ?? '/', 1)
      waits.push((nowUs() - startedAt) / 1_000)
      await sleep(5)
    }
    await sent
  }
  waits.sort((a, b) => a - b)
  const at = (share: number) => waits[Math.min(waits.length - 1, Math.floor(waits.length * share))]
  return {
    connections: job.connections,
    healthP50Ms: at(0.5) ?? 0,
    healthP99Ms: at(0.99) ?? 0,
    healthMaxMs: at(1) ?? 0,
  }
}
