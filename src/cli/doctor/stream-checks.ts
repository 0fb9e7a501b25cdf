/** What the doctor checks on open streams: buffering, idle time-outs, and resuming. */
import type { ReceivedEvent } from '../../client/stream-types.ts'
import { fieldsOf } from '../remote.ts'
import { type Finding, fault, ok, skipped, warning } from './finding.ts'
import { DOCTOR_EVENT, probeStream, type StreamProbe } from './stream-probe.ts'
import { isForbidden, jsonOf, publishTo, requestStream, type Target } from './target.ts'

/** Small events that are published one after another. */
const SMALL_EVENTS = 3

/** Events that all take longer are kept back for a while. */
const LATE_MS = 500

/** Whether a frame is the first one of a stream. */
export function isReady({ event }: ReceivedEvent): boolean {
  return event === 'hub:ready'
}

/** Publishes small events, and measures when they arrive. */
export async function checkBuffering(
  target: Target,
  client: string,
  stream: StreamProbe,
): Promise<Finding> {
  const delays: number[] = []
  for (let n = 1; n <= SMALL_EVENTS; n++) {
    const data = `small ${n}`
    const published = performance.now()
    const response = await publishTo(target, client, { data, ephemeral: true })
    await response.body?.cancel()
    if (isForbidden(response))
      return skipped('buffering', `${NO_PERMISSION}; hub:ready came at once`)
    if (!response.ok) return skipped('buffering', `publishing was answered with ${response.status}`)
    if (!(await stream.find((frame) => frame.data === data, target.timeoutMs))) {
      const seen = `an event did not arrive within ${target.timeoutMs / 1_000} s after it was published`
      return fault('buffering', seen, 'buffering')
    }
    delays.push(Math.round(performance.now() - published))
  }
  const seen = `${SMALL_EVENTS} small events arrived ${delays.join(', ')} ms after they were published`
  return Math.min(...delays) > LATE_MS
    ? warning('buffering', seen, 'buffering')
    : ok('buffering', seen)
}

const NO_PERMISSION = 'no credential that may publish (--key, --token)'

/** A stream must have been silent for this part of a heartbeat. */
const SILENCE = 0.8

/** Milliseconds for a heartbeat that is on its way. */
const SLACK_MS = 2_000

/** Waits on a stream without events until it was silent for a heartbeat and received the next one: up to two heartbeats. */
export async function checkIdle(stream: StreamProbe, heartbeatMs: number): Promise<Finding> {
  for (let beats = 1; beats <= 2; beats++) {
    let left = beats
    const frame = await stream.find(
      ({ event }) => event === 'hub:bye' || (event === 'hub:beat' && --left === 0),
      heartbeatMs + SLACK_MS,
    )
    const silent = `${(stream.longestSilenceMs / 1_000).toFixed(1)} s`
    if (frame?.event === 'hub:bye')
      return skipped('idle', `the hub ended the stream: ${frame.data}`)
    if (!frame) {
      const seen = stream.hasEnded
        ? `the stream was cut after ${silent} of silence, before the heartbeat of ${heartbeatMs / 1_000} s`
        : `no heartbeat arrived within ${(heartbeatMs + SLACK_MS) / 1_000} s`
      return fault('idle', seen, 'idle')
    }
    if (stream.longestSilenceMs >= SILENCE * heartbeatMs) {
      return ok('idle', `a stream stays open when it is silent for ${silent}, until the heartbeat`)
    }
  }
  return skipped('idle', 'other events arrived all the time, so that the stream was never idle')
}

/** Returns with the header `Last-Event-ID`, after an event was stored if that is permitted. */
export async function checkResume(
  target: Target,
  client: string,
  lastEventId: string | undefined,
): Promise<Finding> {
  if (!lastEventId) return skipped('last-event-id', 'hub:ready had no id to resume from')
  const stored = await publishTo(target, client, { data: 'stored' })
  const { id } = await jsonOf(stored)
  const stream = probeStream(await requestStream(target, client, { 'Last-Event-ID': lastEventId }))
  try {
    const ready = await stream.find(isReady, target.timeoutMs)
    if (!ready) return fault('last-event-id', 'the stream did not open again', 'buffering')
    const { resume } = fieldsOf(ready.data)
    if (resume === 'fresh') {
      return fault(
        'last-event-id',
        'the header does not reach the hub: events are lost',
        'lastEventId',
      )
    }
    if (resume === 'gap') {
      const seen =
        'the hub does not know an id of its own: do several instances have journals of their own?'
      return fault('last-event-id', seen, 'journal')
    }
    if (!stored.ok) return ok('last-event-id', 'the header reaches the hub')
    const isReplay = (frame: ReceivedEvent) => frame.event === DOCTOR_EVENT && frame.id === id
    if (await stream.find(isReplay, target.timeoutMs)) {
      return ok('last-event-id', 'a stream that returns received the event it had missed')
    }
    return fault('last-event-id', 'the event that was missed did not arrive', 'buffering')
  } finally {
    await stream.close()
  }
}
