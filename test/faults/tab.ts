/** A tab that cuts, stalls, slows down and abandons its streams as planned, and records what it is sent. */
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { createStreamParser, type EventSourceState } from './event-source.ts'
import type { ReceivedEvent, RecordedStream, Tab } from './oracle.ts'
import type { StreamPlan, TabPlan } from './plan.ts'

/** A tab that runs. */
export interface RunningTab extends Tab {
  /** Responses that would end an EventSource for good. */
  readonly refusals: readonly string[]
  /** Whether a stream has opened since `settle`. */
  readonly reconnected: boolean
  /** Leaves the current stream, and cuts no others from now on. */
  stayConnected(): void
  hasReceived(data: string): boolean
  close(): void
}

const PATIENT: StreamPlan = {
  cutAt: Number.POSITIVE_INFINITY,
  end: 'fin',
  openMs: 60_000,
  stallAt: 0,
  stallMs: 0,
  rate: 0,
  awayMs: 0,
}

/** The longest that a tab waits before it reconnects, whatever the hub sent: runs are short. */
const MAX_RETRY_MS = 150

/** Starts a tab. `url` returns the URL of a running instance, if there is one. */
export function openTab(plan: TabPlan, url: () => string | undefined): RunningTab {
  const { client, topics } = plan
  const query = new URLSearchParams({ id: client })
  for (const topic of topics) query.append('topic', topic)
  const state: EventSourceState = { lastEventId: '', retryMs: MAX_RETRY_MS }
  const streams: RecordedStream[] = []
  const refusals: string[] = []
  const receivedData = new Set<string>()
  const requests: ClientRequest[] = []
  const planned = [...plan.streams]
  let patient = false
  let ready = false
  let closed = false
  let leave = () => {}
  void keepConnecting()
  return {
    client,
    topics,
    streams,
    refusals,
    get reconnected() {
      return ready
    },
    stayConnected: () => {
      planned.length = 0
      patient = true
      leave()
    },
    hasReceived: (data) => receivedData.has(data),
    close: () => {
      closed = true
      leave()
      for (const request of requests) request.destroy()
    },
  }

  async function keepConnecting(): Promise<void> {
    while (!closed) {
      const next = planned.shift() ?? PATIENT
      const to = url()
      if (to) await openStream(to, next)
      await sleep(next.awayMs + Math.min(state.retryMs, MAX_RETRY_MS))
    }
  }

  /** One stream, from its request to its end or to its last byte. */
  function openStream(
    to: string,
    { cutAt, end, openMs, stallAt, stallMs, rate }: StreamPlan,
  ): Promise<void> {
    return new Promise((resolve) => {
      const cursor = state.lastEventId || undefined
      const received: ReceivedEvent[] = []
      streams.push({ cursor, received })
      const parser = createStreamParser(state, (event) => {
        receivedData.add(event.data)
        ready ||= patient && event.event === 'hub:ready'
        received.push({ ...event, at: performance.now() })
      })
      const headers = cursor === undefined ? {} : { 'Last-Event-ID': cursor }
      const request = get(`${to}/sse?${query}`, { agent: false, headers }, read)
      requests.push(request)
      const timer = setTimeout(() => finish('fin'), openMs)
      let bytes = 0
      let open = true
      leave = () => finish('fin')
      request.on('error', () => finish('fin'))
      request.on('close', () => finish('fin'))

      function read(response: IncomingMessage): void {
        if (response.statusCode !== 200) refusals.push(`${client}: status ${response.statusCode}`)
        response.on('error', () => {})
        response.on('data', (chunk: Uint8Array) => receive(response, chunk))
      }

      function receive(response: IncomingMessage, chunk: Uint8Array): void {
        if (!open) return
        const before = bytes
        bytes += chunk.byteLength
        parser.push(chunk.subarray(0, Math.max(0, cutAt - before)))
        if (bytes >= cutAt) {
          finish(end)
          return
        }
        const stalls = before <= stallAt && stallAt < bytes
        const pauseMs = (stalls ? stallMs : 0) + (rate > 0 ? chunk.byteLength / rate : 0)
        if (pauseMs < 1) return
        response.pause()
        setTimeout(() => response.resume(), Math.min(pauseMs, 1_000))
      }

      function finish(how: StreamPlan['end']): void {
        if (!open) return
        open = false
        clearTimeout(timer)
        if (how === 'hole') request.socket?.pause()
        else if (how === 'rst') request.socket?.resetAndDestroy()
        else request.destroy()
        resolve()
      }
    })
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
