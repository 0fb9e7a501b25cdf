/** A tab that cuts, stalls, slows down and abandons its streams as planned, and records what it is sent. */
import { type ClientRequest, get, type IncomingMessage } from 'node:http'
import { createStreamParser, type EventSourceState } from './event-source.ts'
import type { Heard, Tab, Visit } from './oracle.ts'
import type { TabPlan, VisitPlan } from './plan.ts'

/** A tab that runs. */
export interface RunningTab extends Tab {
  /** Responses that would end an EventSource for good. */
  readonly refusals: readonly string[]
  /** Whether a stream has opened since `settle`. */
  readonly settled: boolean
  /** Leaves the current stream, and cuts no others from now on. */
  settle(): void
  heard(data: string): boolean
  close(): void
}

const PATIENT: VisitPlan = {
  cutAt: Number.POSITIVE_INFINITY,
  end: 'fin',
  stayMs: 60_000,
  stallAt: 0,
  stallMs: 0,
  rate: 0,
  awayMs: 0,
}

/** The longest that a tab waits before it reconnects, whatever it was told: runs are short. */
const MAX_RETRY_MS = 150

/** Starts a tab. `url` returns the URL of a running instance, if there is one. */
export function openTab(plan: TabPlan, url: () => string | undefined): RunningTab {
  const { client, topics } = plan
  const query = new URLSearchParams({ id: client })
  for (const topic of topics) query.append('topic', topic)
  const state: EventSourceState = { lastEventId: '', retryMs: MAX_RETRY_MS }
  const visits: Visit[] = []
  const refusals: string[] = []
  const received = new Set<string>()
  const left: ClientRequest[] = []
  const planned = [...plan.visits]
  let patient = false
  let ready = false
  let closed = false
  let leave = () => {}
  void roam()
  return {
    client,
    topics,
    visits,
    refusals,
    get settled() {
      return ready
    },
    settle: () => {
      planned.length = 0
      patient = true
      leave()
    },
    heard: (data) => received.has(data),
    close: () => {
      closed = true
      leave()
      for (const request of left) request.destroy()
    },
  }

  async function roam(): Promise<void> {
    while (!closed) {
      const visit = planned.shift() ?? PATIENT
      const to = url()
      if (to) await stay(to, visit)
      await sleep(visit.awayMs + Math.min(state.retryMs, MAX_RETRY_MS))
    }
  }

  /** One stream, from its request to its end or to its last byte. */
  function stay(
    to: string,
    { cutAt, end, stayMs, stallAt, stallMs, rate }: VisitPlan,
  ): Promise<void> {
    return new Promise((resolve) => {
      const cursor = state.lastEventId || undefined
      const heard: Heard[] = []
      visits.push({ cursor, heard })
      const parser = createStreamParser(state, (event) => {
        received.add(event.data)
        ready ||= patient && event.event === 'hub:ready'
        heard.push({ ...event, at: performance.now() })
      })
      const headers = cursor === undefined ? {} : { 'Last-Event-ID': cursor }
      const request = get(`${to}/sse?${query}`, { agent: false, headers }, read)
      left.push(request)
      const timer = setTimeout(() => finish('fin'), stayMs)
      let bytes = 0
      let open = true
      leave = () => finish('fin')
      request.on('error', () => finish('fin'))
      request.on('close', () => finish('fin'))

      function read(response: IncomingMessage): void {
        if (response.statusCode !== 200) refusals.push(`${client}: status ${response.statusCode}`)
        response.on('error', () => {})
        response.on('data', (chunk: Uint8Array) => take(response, chunk))
      }

      function take(response: IncomingMessage, chunk: Uint8Array): void {
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

      function finish(how: VisitPlan['end']): void {
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
