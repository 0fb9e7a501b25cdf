/** The delay of events at a steady rate: to everyone, and to one client of many. */
import type { Figures, Job } from '../job.ts'
import { checkFair, EVENT_MS, fill } from './harness.ts'
import { payload } from './payload.ts'
import { createPublisher } from './publisher.ts'
import { nowUs, sleep } from './sockets.ts'
import { createStreams, type Streams } from './streams.ts'

/** Events per second: each arrives everywhere before the next one, or the server is overloaded. */
const RATE = 50
const READERS = 1_000

/** One publisher: broadcasts to a thousand streams, then events for one of many clients. */
export async function latency(job: Job): Promise<Figures> {
  const { port, protocol } = job
  const readers = createStreams(port, 1)
  await readers.open({ count: READERS, path: (index) => fill(protocol.stream, index) })
  const all = await delays(readers, READERS, () => protocol.broadcast)
  checkFair(readers)
  await readers.leave()
  const clients = createStreams(port, 1)
  const path = (index: number) => fill(protocol.ownStream ?? protocol.stream, index)
  await clients.open({ count: job.connections, path })
  // A stride coprime to the number of clients: all take turns, in no cache-friendly order.
  const pathOf = (event: number) => fill(protocol.target ?? '', (event * 7_919) % job.connections)
  const one = await delays(clients, 1, pathOf)
  return { ...all, targetedP50Ms: one.p50Ms, targetedP99Ms: one.p99Ms, targetedMaxMs: one.maxMs }

  async function delays(streams: Streams, eachReaches: number, pathOf: (event: number) => string) {
    await sleep(500)
    const publisher = await createPublisher(job, 1)
    await steadily(RATE)
    streams.delays.clear()
    await steadily(job.events)
    publisher.leave()
    return streams.delays.figures()

    async function steadily(events: number): Promise<void> {
      const goal = streams.delivered() + events * eachReaches
      const start = nowUs()
      for (let event = 0; event < events; event++) {
        await sleep(Math.max(0, (event * 1_000) / RATE - (nowUs() - start) / 1_000))
        await publisher.post(pathOf(event), payload())
      }
      await streams.reach(goal, EVENT_MS)
    }
  }
}
