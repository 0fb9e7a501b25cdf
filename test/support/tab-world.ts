/** A hub and a browser whose tabs share its stream, with everything that may happen to either. */
import { onTestFinished } from 'vitest'
import type { ClientOptions, ClientStream } from '../../src/client/client-stream.ts'
import { connect } from '../../src/client/connect.ts'
import type { Gap, TicketRequest } from '../../src/client/stream-types.ts'
import { createApp } from '../../src/http/app.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { Hub } from '../../src/hub/hub-types.ts'
import { createMemoryJournal, type MemoryJournalOptions } from '../../src/journal/memory/journal.ts'
import { type ManualClock, manualClock } from './clock.ts'
import { createFakeBrowser, type FakeTab } from './fake-browser.ts'
import { seeded } from './seeded-random.ts'

/** A tab with a stream, and what it received. */
export interface Tab {
  readonly tab: FakeTab
  readonly stream: ClientStream
  readonly received: string[]
  readonly gaps: Gap[]
  /** Whether requests of this tab reach the network. */
  network(isUp: boolean): void
}

/** The options of a stream, and whether the browser denies its tab locks. */
export type TabOptions = Partial<ClientOptions> & { readonly deniesLocks?: boolean }

/** What a hub answers instead of a stream; undefined if it opens one. */
export type Refusal = (url: URL) => Response | undefined

/** A hub, and the browser that listens to it. */
export interface TabWorld {
  readonly clock: ManualClock
  readonly hub: Hub
  /** The requests that reached the hub, by URL. */
  readonly requests: string[]
  /** The name of the channel and the lock that the tabs use. */
  readonly channelName: string
  /** Opens the channel as a foreign script of the same origin would. */
  say(message: unknown): Promise<void>
  openTab(options?: TabOptions): Promise<Tab>
  publish(data: string, topic?: string, ephemeral?: boolean): Promise<void>
  connections(): number
  /** Cuts every connection, and lets none through until it is called with false. */
  offline(isOffline: boolean): void
  /** Cuts every connection once. */
  cut(): void
  /** Replaces the hub and its journal, after a graceful shutdown or a crash. */
  restart(how: 'shutdown' | 'kill'): Promise<void>
  /** Issues a ticket that the hub accepts for 20 seconds. */
  ticket(request: TicketRequest): Promise<string>
  /** From now on, the hub answers what the function returns. */
  refuse(refusal: Refusal): void
}

/** Starts a hub with a journal in memory, and a browser without tabs. */
export function createTabWorld(journal: MemoryJournalOptions = {}, retryMs = 2_000): TabWorld {
  const clock = manualClock()
  const random = seeded(1)
  const requests: string[] = []
  let { hub, app } = start()
  let isOffline = false
  let cutOff = new AbortController()
  let refusal: Refusal = () => undefined
  let channelName = ''
  const grants = new Map<string, { readonly query: URLSearchParams; readonly until: number }>()
  const browser = createFakeBrowser(clock, send as typeof fetch)

  return {
    clock,
    get hub() {
      return hub
    },
    requests,
    get channelName() {
      return channelName
    },
    say,
    openTab,
    publish,
    connections: () => hub.stats().connections,
    offline: (next) => {
      isOffline = next
      if (next) cut()
    },
    cut,
    restart,
    ticket,
    refuse: (next) => {
      refusal = next
    },
  }

  function start() {
    const own = createHub({
      clock,
      random: () => 0.5,
      retryMs,
      journal: createMemoryJournal({ clock, ...journal }),
    })
    return { hub: own, app: createApp({ hub: own, access: 'anyone' }) }
  }

  function cut(): void {
    cutOff.abort()
    cutOff = new AbortController()
  }

  async function restart(how: 'shutdown' | 'kill'): Promise<void> {
    const old = hub
    if (how === 'kill') cut()
    else void old.close()
    await clock.runPending()
    ;({ hub, app } = start())
  }

  async function send(url: string, init: RequestInit): Promise<Response> {
    if (isOffline) throw new TypeError('Failed to fetch')
    requests.push(url)
    const refused = refusal(new URL(url))
    if (refused) return refused
    const grant = grants.get(new URL(url).searchParams.get('ticket') ?? '')
    if (grant && grant.until < clock.now()) return new Response(null, { status: 401 })
    const response = await app.request(grant ? `http://hub/sse?${grant.query}` : url, init)
    return response.body ? new Response(breakable(response.body), response) : response
  }

  async function ticket({ client = '', topics }: TicketRequest): Promise<string> {
    if (isOffline) throw new TypeError('Failed to fetch')
    const query = new URLSearchParams({ id: client })
    for (const topic of topics) query.append('topic', topic)
    const name = `ticket-${grants.size}`
    grants.set(name, { query, until: clock.now() + 20_000 })
    return name
  }

  /** A body that ends with an error when the connections are cut. */
  function breakable(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const { signal } = cutOff
    const reader = body.getReader()
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          signal.addEventListener('abort', () => {
            controller.error(new TypeError('network error'))
            reader.cancel().catch(() => {})
          })
        },
        pull: async (controller) => {
          const { done, value } = await reader.read()
          if (signal.aborted) return
          if (done) controller.close()
          else controller.enqueue(value)
        },
        cancel: () => reader.cancel(),
      },
      { highWaterMark: 0 },
    )
  }

  async function say(message: unknown): Promise<void> {
    const foreign = browser.open().browser.sharing?.open(channelName)
    foreign?.postMessage(message)
    await clock.runPending()
    foreign?.close()
  }

  async function openTab({ deniesLocks, ...options }: TabOptions = {}): Promise<Tab> {
    const tab = browser.open(deniesLocks)
    const { sharing } = tab.browser
    let isUp = true
    const stream = connect({
      url: 'http://hub/sse',
      client: 'alice',
      random,
      ...options,
      clock: tab.clock,
      browser: {
        ...tab.browser,
        sharing: sharing && {
          ...sharing,
          open: (name) => {
            channelName = name
            return sharing.open(name)
          },
        },
      },
      fetch: (async (...request: Parameters<typeof fetch>) => {
        if (!isUp) throw new TypeError('Failed to fetch')
        return await tab.fetch(...request)
      }) as typeof fetch,
    })
    onTestFinished(stream.close)
    const received: string[] = []
    const gaps: Gap[] = []
    stream.onAny(({ data }) => received.push(data))
    stream.onGap((gap) => gaps.push(gap))
    await clock.runPending()
    return {
      tab,
      stream,
      received,
      gaps,
      network: (next) => {
        isUp = next
      },
    }
  }

  async function publish(data: string, topic?: string, ephemeral = false): Promise<void> {
    await hub.publish(topic === undefined ? { client: 'alice' } : { topic }, { data, ephemeral })
    await clock.runPending()
  }
}
