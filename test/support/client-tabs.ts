/** Tabs of a real browser that share a stream with `connect`, a hub that can be restarted, and a steady publisher. */
import type { BrowserContext, Page } from 'playwright-core'
import { expect, onTestFinished } from 'vitest'
import type { ClientStream } from '../../src/client/client-stream.ts'
import { bundleClient } from '../../src/dashboard/bundle-client.ts'
import { openContext } from './chromium.ts'
import { eventually } from './eventually.ts'
import { freePort } from './free-port.ts'
import { type Server, startServer } from './process.ts'
import { COMMANDS } from './runtimes.ts'

/** What a page keeps for the test to read. */
declare const window: {
  stream: ClientStream
  received: string[]
  gaps: { reason: string }[]
}

const PAGE = `<!doctype html><title>tab</title><script type="module">
import { connect } from '/client.js'
const { client, topics, ticket } = Object.fromEntries(new URLSearchParams(location.search))
globalThis.received = []
globalThis.gaps = []
globalThis.stream = connect({
  url: '/sse',
  client,
  topics: topics ? topics.split(',') : [],
  ticket: ticket && (async () => {
    const response = await fetch('/ticket')
    if (!response.ok) throw new Error('No ticket: ' + response.status)
    return await response.text()
  }),
})
stream.onAny(({ data }) => received.push(data))
stream.onGap((gap) => gaps.push(gap))
</script>`

/** As the hub serves it. */
const SCRIPT = bundleClient()

const KEY = 'the-key-of-this-test-is-long-enough'

/** A hub that keeps its URL when it is restarted. */
export interface RestartableHub {
  readonly url: string
  /** The number of tickets that pages were given. */
  tickets: number
  /** Ends the process, and starts it again. */
  restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
  /** The connections of the client, and how many streams were opened since the process started. */
  streams(): Promise<{ connections: number; opened: number }>
  /** A window whose tabs show a page that joins. */
  openWindow(context?: Promise<BrowserContext>): Promise<BrowserContext>
  openTab(context: BrowserContext, options?: { topics?: string; ticket?: boolean }): Promise<Page>
  publish(data: string): Promise<boolean>
}

/** Starts a hub. */
export async function startRestartableHub(
  environment: Record<string, string> = {},
): Promise<RestartableHub> {
  const port = await freePort()
  let server: Server = await start()
  onTestFinished(() => server.kill())
  const { url } = server
  const headers = { Authorization: `Bearer ${KEY}` }
  const hub: RestartableHub = {
    url,
    tickets: 0,
    restart,
    streams,
    openWindow,
    openTab,
    publish,
  }
  return hub

  function start(): Promise<Server> {
    return startServer(COMMANDS.node, {
      PORT: String(port),
      CLOCK_SECONDS: '0',
      HEARTBEAT_SECONDS: '2',
      RETRY_MS: '300',
      DRAIN_SECONDS: '1',
      ...environment,
    })
  }

  async function restart(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    server.signal(signal)
    await server.exit
    server = await start()
  }

  async function streams(): Promise<{ connections: number; opened: number }> {
    const text = await (await fetch(`${url}/metrics`, { headers })).text()
    const sum = (name: string) =>
      [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))]
        .map(([, value]) => Number(value))
        .reduce((one, other) => one + other, 0)
    return { connections: sum('hono_sse_connections'), opened: sum('hono_sse_openings_total') }
  }

  async function openWindow(opening = openContext()): Promise<BrowserContext> {
    const context = await opening
    onTestFinished(() => context.close())
    await context.route('**/tab*', (route) =>
      route.fulfill({ contentType: 'text/html', body: PAGE }),
    )
    await context.route('**/client.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: SCRIPT }),
    )
    await context.route('**/other', (route) =>
      route.fulfill({ contentType: 'text/html', body: '' }),
    )
    await context.route('**/ticket', async (route) => {
      hub.tickets += 1
      const response = await fetch(`${url}/tickets`, {
        method: 'POST',
        headers: { ...headers, 'Content-Type': 'application/json' },
        body: JSON.stringify({ client: 'alice', grantSeconds: 2 }),
      })
      const { ticket = '' } = (await response.json()) as { ticket?: string }
      await route.fulfill({ status: response.status, body: ticket })
    })
    return context
  }

  async function openTab(
    context: BrowserContext,
    { topics = '', ticket = false }: { topics?: string; ticket?: boolean } = {},
  ): Promise<Page> {
    const page = await context.newPage()
    await page.goto(`${url}/tab?client=alice&topics=${topics}${ticket ? '&ticket=yes' : ''}`)
    await page.waitForFunction(() => window.stream?.status.state === 'live')
    return page
  }

  async function publish(data: string): Promise<boolean> {
    const response = await fetch(`${url}/clients/alice`, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'text/plain' },
      body: data,
    }).catch(() => undefined)
    return response?.status === 200
  }
}

/** The environment of a hub that requires credentials. */
export const WITH_KEY: Record<string, string> = { PUBLISH_KEY: KEY }

/** What the hub accepted, and what it may have accepted: the answer was lost. */
export interface Publisher {
  readonly accepted: readonly string[]
  readonly unanswered: readonly string[]
  /** Publishes no more once this resolves. */
  stop(): Promise<void>
}

/** Publishes 50 numbers a second. */
export function startPublisher({ publish }: RestartableHub): Publisher {
  const accepted: string[] = []
  const unanswered: string[] = []
  let isStopped = false
  const running = (async () => {
    for (let n = 0; !isStopped; n += 1) {
      const isAccepted = await publish(String(n))
      ;(isAccepted ? accepted : unanswered).push(String(n))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  })()
  const stop = async () => {
    isStopped = true
    await running
  }
  onTestFinished(stop)
  return { accepted, unanswered, stop }
}

/** Resolves when a tab has what was accepted, each once and in order; what was unanswered may be among it. */
export async function hasReceived(
  page: Page,
  { accepted, unanswered }: Pick<Publisher, 'accepted' | 'unanswered'>,
): Promise<void> {
  const maybe = new Set(unanswered)
  const isCertain = (data: string) => !maybe.has(data)
  await eventually(async () => {
    const received = await page.evaluate(() => window.received)
    expect(received.filter(isCertain)).toEqual(accepted.filter(isCertain))
    expect(received).toEqual(
      [...new Set(received)].sort((one, other) => Number(one) - Number(other)),
    )
  })
}

/** The reasons of the gaps that a tab was told. */
export function gapsOf(page: Page): Promise<string[]> {
  return page.evaluate(() => window.gaps.map(({ reason }) => reason))
}

/** Resolves when the tabs share one stream, and it stays open. */
export async function sharesOneStream({ streams }: RestartableHub): Promise<void> {
  const before = await eventually(async () => {
    const now = await streams()
    expect(now.connections).toBe(1)
    expect(now.opened).toBeGreaterThan(0)
    return now
  })
  await new Promise((resolve) => setTimeout(resolve, 500))
  expect(await streams()).toEqual(before)
}
