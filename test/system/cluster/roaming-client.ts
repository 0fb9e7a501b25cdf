/** A client that reconnects to random instances, and records everything it receives. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { openStream } from './fast-client.ts'

/** One received message. */
export interface ReceivedEvent {
  readonly id: string
  readonly data: string
}

/** A reported gap, and the number of messages received before it. */
export interface ReportedGap {
  readonly at: number
  readonly reason: string
  readonly requested: string
}

/** A client that keeps each stream for a short time only. */
export interface RoamingClient {
  readonly client: string
  readonly topic: string
  readonly received: readonly ReceivedEvent[]
  readonly gaps: readonly ReportedGap[]
  /** How often it has opened a stream. */
  readonly streamsOpened: number
  /** Resolves when it has a cursor to return with. */
  readonly opened: Promise<void>
  /** Resolves when it has received this data. */
  untilReceived(data: string): Promise<void>
  stop(): void
}

const RETRY_MS = 100
const MIN_OPEN_MS = 300
const MAX_OPEN_MS = 3_000
const IMPATIENT_SHARE = 0.1

/** Creates a client that roams until it is stopped. `urlOfAny` returns the URL of a running instance, if any. */
export function createRoamingClient(
  client: string,
  topic: string,
  urlOfAny: () => string | undefined,
): RoamingClient {
  const received: ReceivedEvent[] = []
  const gaps: ReportedGap[] = []
  const waiting = new Map<string, () => void>()
  let cursor: string | undefined
  let streamsOpened = 0
  let stopped = false
  let leave: () => void = () => {}
  let reportOpened: () => void = () => {}
  const opened = new Promise<void>((resolve) => {
    reportOpened = resolve
  })
  void roam()

  return {
    client,
    topic,
    received,
    gaps,
    get streamsOpened() {
      return streamsOpened
    },
    opened,
    untilReceived: (data) =>
      new Promise((resolve) => {
        if (received.some((one) => one.data === data)) resolve()
        else waiting.set(data, resolve)
      }),
    stop: () => {
      stopped = true
      leave()
    },
  }

  async function roam(): Promise<void> {
    while (!stopped) {
      const url = urlOfAny()
      const began = Date.now()
      if (url) await connect(url)
      if (Date.now() - began < RETRY_MS) await waitBeforeRetry()
    }
  }

  function waitBeforeRetry(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, RETRY_MS * (0.5 + Math.random())))
  }

  async function connect(url: string): Promise<void> {
    const leaving = new AbortController()
    leave = () => leaving.abort()
    const openMs = MIN_OPEN_MS + Math.random() * (MAX_OPEN_MS - MIN_OPEN_MS)
    let timer: NodeJS.Timeout | undefined
    const begin = () => {
      timer ??= setTimeout(leave, openMs)
    }
    // Most clients count from the first byte: otherwise all would leave a slow server too early.
    if (Math.random() < IMPATIENT_SHARE) begin()
    try {
      const headers: Record<string, string> =
        cursor === undefined ? {} : { 'Last-Event-ID': cursor }
      const query = new URLSearchParams({ id: client, topic })
      const parser = createParser({ onEvent: receive })
      streamsOpened += 1
      await openStream(`${url}/sse?${query}`, headers, leaving.signal, (text) => {
        begin()
        parser.feed(text)
      })
    } finally {
      clearTimeout(timer)
      leaving.abort()
    }
  }

  function receive({ id, event, data }: EventSourceMessage): void {
    if (id !== undefined) {
      cursor = id
      reportOpened()
    }
    if (event === 'hub:gap') gaps.push({ at: received.length, ...JSON.parse(data) })
    if (event !== undefined || id === undefined) return
    received.push({ id, data })
    waiting.get(data)?.()
  }
}
