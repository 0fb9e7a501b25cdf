/** Batches: what one event costs among many in a request. */
import type { Figures, Job } from '../job.ts'
import { measure } from './harness.ts'
import { payload } from './payload.ts'

/** Events of one request: as many as a client should send before it reads the results. */
const PER_REQUEST = 1_000
/** Requests before the meter starts. */
const WARM_UP = 20

/** Publishes batches with no client connected, one request after another. */
export async function publishBatch(job: Job): Promise<Figures> {
  const { batch } = job.protocol
  if (!batch) throw new Error('it accepts no batches')
  const url = `http://127.0.0.1:${job.port}${batch.path}`
  const headers = { 'Content-Type': batch.type }
  for (let i = 0; i < WARM_UP; i++) await send()
  const meter = measure(job)
  const requests = Math.ceil(job.events / PER_REQUEST)
  for (let i = 0; i < requests; i++) await send()
  const { cpu, seconds } = meter.read()
  const events = requests * PER_REQUEST
  return { cpuUsPerEvent: cpu / events, eventsPerSecond: events / seconds }

  async function send(): Promise<void> {
    const events = Array.from({ length: PER_REQUEST }, () =>
      JSON.stringify({ ...batch?.fields, data: payload() }),
    )
    const body = batch?.type === 'application/json' ? `[${events.join()}]` : events.join('\n')
    const response = await fetch(url, { method: 'POST', headers, body })
    const text = await response.text()
    if (!response.ok || text.includes('"status"')) throw new Error(text.slice(0, 300))
  }
}
