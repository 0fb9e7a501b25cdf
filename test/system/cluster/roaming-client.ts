/** A client that reconnects to random instances, and records everything it receives. */
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { listen } from './fast-client.ts'

/** One received message. */
export interface Heard {
  readonly id: string
  readonly data: string
}

/** A reported gap, and the number of messages received before it. */
export interface ToldGap {
  readonly at: number
  readonly reason: string
  readonly requested: string
}

/** A client that keeps each stream for a short time only. */
export interface RoamingClient {
  readonly client: string
  readonly topic: string
  readonly heard: readonly Heard[]
  readonly gaps: readonly ToldGap[]
  /** How often it has opened a stream. */
  readonly visits: number
  /** Resolves when it has a cursor to return with. */
  readonly arrived: Promise<void>
  /** Resolves when it has received this data. */
  receives(data: string): Promise<void>
  stop(): void
}

const RETRY_MS = 100
const SHORTEST_STAY_MS = 300
const LONGEST_STAY_MS = 3_000
const IMPATIENT_SHARE = 0.1

/** Creates a client that roams until it is stopped. `pick` returns a running instance, if any. */
export function createRoamingClient(
  client: string,
  topic: string,
  pick: () => string | undefined,
): RoamingClient {
  const heard: Heard[] = []
  const gaps: ToldGap[] = []
  const waiting = new Map<string, () => void>()
  let cursor: string | undefined
  let visits = 0
  let stopped = false
  let leave: () => void = () => {}
  let arrive: () => void = () => {}
  const arrived = new Promise<void>((resolve) => {
    arrive = resolve
  })
  void hop()

  return {
    client,
    topic,
    heard,
    gaps,
    get visits() {
      return visits
    },
    arrived,
    receives: (data) =>
      new Promise((resolve) => {
        if (heard.some((one) => one.data === data)) resolve()
        else waiting.set(data, resolve)
      }),
    stop: () => {
      stopped = true
      leave()
    },
  }

  async function hop(): Promise<void> {
    while (!stopped) {
      const url = pick()
      const began = Date.now()
      if (url) await visit(url)
      if (Date.now() - began < RETRY_MS) await rest()
    }
  }

  function rest(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, RETRY_MS * (0.5 + Math.random())))
  }

  async function visit(url: string): Promise<void> {
    const away = new AbortController()
    leave = () => away.abort()
    const stayMs = SHORTEST_STAY_MS + Math.random() * (LONGEST_STAY_MS - SHORTEST_STAY_MS)
    let timer: NodeJS.Timeout | undefined
    const begin = () => {
      timer ??= setTimeout(leave, stayMs)
    }
    // Most clients count from the first byte: otherwise all would leave a slow server too early.
    if (Math.random() < IMPATIENT_SHARE) begin()
    try {
      const headers: Record<string, string> =
        cursor === undefined ? {} : { 'Last-Event-ID': cursor }
      const query = new URLSearchParams({ id: client, topic })
      const parser = createParser({ onEvent: take })
      visits += 1
      await listen(`${url}/sse?${query}`, headers, away.signal, (text) => {
        begin()
        parser.feed(text)
      })
    } finally {
      clearTimeout(timer)
      away.abort()
    }
  }

  function take({ id, event, data }: EventSourceMessage): void {
    if (id !== undefined) {
      cursor = id
      arrive()
    }
    if (event === 'hub:gap') gaps.push({ at: heard.length, ...JSON.parse(data) })
    if (event !== undefined || id === undefined) return
    heard.push({ id, data })
    waiting.get(data)?.()
  }
}
