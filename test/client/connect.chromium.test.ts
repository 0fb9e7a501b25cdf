/** Ten tabs of a real browser share one stream, through everything that happens to tabs and hubs. */
import { build } from 'esbuild'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import type { ClientStream } from '../../src/client/connect.ts'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM, openContext } from '../support/chromium.ts'
import { eventually } from '../support/eventually.ts'
import { type Server, startServer } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'

/** What the page keeps for the test to read. */
declare const window: {
  stream: ClientStream
  received: string[]
  gaps: unknown[]
}

const PAGE = `<!doctype html><title>tab</title><script type="module">
import { connect } from '/client.js'
const { client, topics } = Object.fromEntries(new URLSearchParams(location.search))
globalThis.received = []
globalThis.gaps = []
globalThis.stream = connect({ url: '/sse', client, topics: topics ? topics.split(',') : [] })
stream.onAny(({ data }) => received.push(data))
stream.onGap((gap) => gaps.push(gap))
</script>`

afterAll(closeBrowser)

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

async function startHub(environment: Record<string, string> = {}): Promise<Server> {
  const server = await startServer(COMMANDS.node, {
    CLOCK_SECONDS: '0',
    HEARTBEAT_SECONDS: '2',
    RETRY_MS: '300',
    ...environment,
  })
  onTestFinished(() => server.kill())
  return server
}

/** A window whose tabs show a page that joins. */
async function openWindow(): Promise<BrowserContext> {
  const context = await openContext()
  onTestFinished(() => context.close())
  const script = await bundle()
  await context.route('**/tab*', (route) => route.fulfill({ contentType: 'text/html', body: PAGE }))
  await context.route('**/client.js', (route) =>
    route.fulfill({ contentType: 'text/javascript', body: script }),
  )
  await context.route('**/other', (route) => route.fulfill({ contentType: 'text/html', body: '' }))
  return context
}

async function openTab(context: BrowserContext, url: string, topics = ''): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${url}/tab?client=alice&topics=${topics}`)
  await page.waitForFunction(() => window.stream?.status.state === 'live')
  return page
}

async function publish(url: string, data: string): Promise<void> {
  const response = await fetch(`${url}/clients/alice`, {
    method: 'POST',
    headers: { 'Content-Type': 'text/plain' },
    body: data,
  })
  expect(response.status).toBe(200)
}

async function connections(url: string): Promise<number> {
  const answer = await (await fetch(`${url}/clients/alice`)).json()
  return (answer as { connections: unknown[] }).connections.length
}

const receivedOf = (page: Page) => page.evaluate(() => window.received)

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  test('ten tabs share one connection through the loss of each leader', async () => {
    const { url } = await startHub()
    const context = await openWindow()
    const tabs: Page[] = []
    for (let n = 0; n < 10; n += 1) tabs.push(await openTab(context, url))
    expect(await connections(url)).toBe(1)
    let count = 0
    const burst = async (size: number) => {
      for (let n = 0; n < size; n += 1) {
        await publish(url, String(count))
        count += 1
      }
    }
    await burst(50)
    // Closed while events arrive.
    await Promise.all([burst(50), tabs.shift()?.close()])
    // Frozen: it leads, and still leads if the browser says nothing to it.
    const [frozen, crashing] = tabs
    if (!frozen || !crashing) throw new Error('Too few tabs')
    const session = await context.newCDPSession(frozen)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    await burst(50)
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await burst(20)
    // Crashed.
    const cdp = await context.newCDPSession(crashing)
    const crashed = crashing.waitForEvent('crash')
    cdp.send('Page.crash').catch(() => {})
    await Promise.all([burst(50), crashed])
    tabs.splice(1, 1)
    await burst(20)
    const expected = Array.from({ length: count }, (_, n) => String(n))
    for (const tab of tabs) {
      await eventually(async () => expect(await receivedOf(tab)).toEqual(expected))
    }
    await eventually(async () => expect(await connections(url)).toBe(1))
  })
})
