/** The React hooks in a page of StrictMode: components share a stream, which follows their life. */
import { build } from 'esbuild'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM, openContext } from '../support/chromium.ts'
import { postJson, publish, untilConnections } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { startHub } from '../support/hub-server.ts'
import { ROOT, type Server } from '../support/process.ts'

/** What a component of the page is given. */
interface ViewProps {
  readonly key: string
  readonly client?: string
  readonly topics?: readonly string[]
  readonly share?: boolean
  /** Whether it waits, without options. */
  readonly waits?: boolean
  readonly event?: string
  readonly label?: string
}

declare const window: { show(views: readonly ViewProps[]): void; heard: string[] }

/** Shows components, each with a stream of its own and a child that listens to it. */
const SCRIPT = `
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { useEvent, useEvents } from 'hono-sse/react'

window.heard = []
function Child({ stream, event, label }) {
  useEvent(stream, 'message', (data) => window.heard.push(label + ' ' + data))
  return JSON.stringify(useEvent(stream, event) ?? null)
}
function View({ event = 'inbox', label = 'heard', waits, ...options }) {
  const { stream, status } = useEvents(waits ? undefined : { url: '/sse', ...options })
  return <p>{status.state} <Child stream={stream} event={event} label={label} /></p>
}
const root = createRoot(document.querySelector('main'))
window.show = (views) =>
  root.render(<StrictMode>{views.map(({ key, ...view }) => <View key={key} {...view} />)}</StrictMode>)
`
const PAGE = '<!doctype html><main></main><script type="module" src="/script.js"></script>'

afterAll(closeBrowser)

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let hub: Server
  let script: string

  beforeAll(async () => {
    hub = await startHub({ RETRY_MS: '300' })
    script = await bundle()
  })
  afterAll(() => hub.kill())

  test('components share one connection, which closes when the last of them is gone', async () => {
    const { page, show, shows } = await openPage()
    const opened = await openings()
    await show([
      { key: 'a', client: 'amy' },
      { key: 'b', client: 'amy' },
    ])
    await shows(['live null', 'live null'])
    await untilConnections(hub.url, 'amy', 1)
    await postJson(hub.url, '/clients/amy', { event: 'inbox', data: 'one' })
    await publish(hub.url, '/clients/amy', 'hello')
    await shows(['live "one"', 'live "one"'])
    await eventually(async () => {
      expect(await page.evaluate(() => window.heard)).toEqual(['heard hello', 'heard hello'])
    })
    await show([{ key: 'b', client: 'amy' }])
    await shows(['live "one"'])
    await show([])
    await untilConnections(hub.url, 'amy', 0)
    expect(await openings()).toBe(opened + 1)
  })

  test.each([true, false])(
    'components that follow other topics share a stream (share: %s)',
    async (share) => {
      const { show, shows } = await openPage()
      const opened = await openings()
      const client = `ben-${share}`
      await show([
        { key: 'a', client, share, topics: ['red'], event: 'color' },
        { key: 'b', client, share, topics: ['blue'], event: 'color' },
      ])
      await shows(['live null', 'live null'])
      expect(await openings()).toBe(opened + 1)
      await eventually(async () => {
        const { connections } = await postJson(hub.url, '/topics/red', {
          event: 'color',
          data: 1,
        }).then((response) => response.json() as Promise<{ connections: number }>)
        expect(connections).toBe(1)
      })
      await postJson(hub.url, '/topics/blue', { event: 'color', data: '2' })
      await shows(['live "1"', 'live "2"'])
      await show([{ key: 'a', client, share, topics: ['red', 'green'], event: 'color' }])
      await shows(['live null'])
      await postJson(hub.url, '/topics/green', { event: 'color', data: '3' })
      await shows(['live "3"'])
      await untilConnections(hub.url, client, 1)
      expect(await openings()).toBe(opened + 2)
    },
  )

  test.each([true, false])(
    'a component that mounts later shows what is retained (share: %s)',
    async (share) => {
      const { show, shows } = await openPage()
      const client = `dan-${share}`
      const view = (key: string, topic: string) => {
        return { key, client, share, topics: [`${topic}-${share}`], event: 'price' }
      }
      for (const topic of ['acme', 'initech']) {
        const event = { event: 'price', data: topic, key: 'price', retain: true }
        await postJson(hub.url, `/topics/${topic}-${share}`, event)
      }
      const first = view('a', 'acme')
      await show([first])
      await shows(['live "acme"'])
      await show([first, view('b', 'initech')])
      await shows(['live "acme"', 'live "initech"'])
      await show([first, view('b', 'initech'), view('c', 'acme')])
      await shows(['live "acme"', 'live "initech"', 'live "acme"'])
      await untilConnections(hub.url, client, 1)
    },
  )

  test('a component without options opens nothing until it has some', async () => {
    const { show, shows } = await openPage()
    const opened = await openings()
    await show([{ key: 'a', waits: true }])
    await shows(['connecting null'])
    await show([{ key: 'a', client: 'fay' }])
    await shows(['live null'])
    await postJson(hub.url, '/clients/fay', { event: 'inbox', data: 'hi' })
    await shows(['live "hi"'])
    await show([{ key: 'a', waits: true }])
    await shows(['connecting null'])
    await untilConnections(hub.url, 'fay', 0)
    expect(await openings()).toBe(opened + 1)
  })

  test('a stream follows its options, and what another has received is gone', async () => {
    const { page, show, shows } = await openPage()
    await show([{ key: 'a', client: 'cleo', share: false, label: 'first' }])
    await shows(['live null'])
    await postJson(hub.url, '/clients/cleo', { event: 'inbox', data: 'for cleo' })
    await shows(['live "for cleo"'])
    await show([{ key: 'a', client: 'cleo', share: false, label: 'second' }])
    await publish(hub.url, '/clients/cleo', 'hello')
    await eventually(async () => {
      expect(await page.evaluate(() => window.heard)).toEqual(['second hello'])
    })
    await show([{ key: 'a', client: 'dora', share: false }])
    await shows(['live null'])
    await untilConnections(hub.url, 'cleo', 0)
    await untilConnections(hub.url, 'dora', 1)
    await postJson(hub.url, '/clients/dora', { event: 'inbox', data: 'for dora' })
    await shows(['live "for dora"'])
    await show([{ key: 'a', client: 'dora', share: false, event: 'other' }])
    await shows(['live null'])
  })

  test('a stream that has ended is tried again once all its components are replaced', async () => {
    const { page, show, shows } = await openPage()
    await show([
      { key: 'a', client: 'eve' },
      { key: 'b', client: 'eve' },
    ])
    await shows(['live null', 'live null'])
    // As while the client is blocked, but for as long as the test needs.
    await page.route('**/sse?*', (route) => route.fulfill({ status: 204 }))
    await fetch(`${hub.url}/clients/eve`, { method: 'DELETE' })
    await shows(['ended null', 'ended null'])
    await show([
      { key: 'a', client: 'eve' },
      { key: 'c', client: 'eve' },
    ])
    await shows(['ended null', 'ended null'])
    await page.unroute('**/sse?*')
    await show([{ key: 'd', client: 'eve' }])
    await shows(['live null'])
  })

  async function openPage() {
    const context = await openContext()
    onTestFinished(() => context.close())
    await context.route('**/page', (route) =>
      route.fulfill({ contentType: 'text/html', body: PAGE }),
    )
    await context.route('**/script.js', (route) =>
      route.fulfill({ contentType: 'text/javascript', body: script }),
    )
    const page = await context.newPage()
    const errors: string[] = []
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text())
    })
    page.on('pageerror', (error) => errors.push(String(error)))
    await page.goto(`${hub.url}/page`)
    onTestFinished(() => expect(errors).toEqual([]))
    return {
      page,
      show: (views: readonly ViewProps[]) => page.evaluate((all) => window.show(all), views),
      shows: (texts: readonly string[]) => shows(page, texts),
    }
  }

  async function openings(): Promise<number> {
    const text = await (await fetch(`${hub.url}/metrics`)).text()
    const counts = [...text.matchAll(/^hono_sse_openings_total\{[^}]*\} (\d+)$/gm)]
    return counts.reduce((sum, [, count]) => sum + Number(count), 0)
  }
})

async function shows(page: Page, texts: readonly string[]): Promise<void> {
  await eventually(async () => expect(await page.locator('p').allTextContents()).toEqual(texts))
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: SCRIPT, loader: 'tsx', resolveDir: ROOT },
    alias: { 'hono-sse/react': './src/client/react.ts' },
    bundle: true,
    format: 'esm',
    // StrictMode runs effects twice in development only.
    define: { 'process.env.NODE_ENV': '"development"' },
    jsx: 'automatic',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}
