/** A hub with a key: the page asks for it, keeps it for the tab, and listens with tickets. */
import { SignJWT } from 'jose'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { startHub } from '../support/hub-server.ts'
import type { Environment, Server } from '../support/process.ts'
import {
  dataOn,
  openWindow,
  showsEvent,
  showsState,
  showsText,
  type Window,
} from '../support/tabs.ts'

const PUBLISH_KEY = 'the-key-of-this-test'
const JWT_SECRET = 'a secret of these tests, 32 bytes or more'

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  const servers: Server[] = []
  let window: Window
  beforeEach(async () => {
    window = await openWindow()
  })
  afterEach(async () => {
    await window.close()
    for (const server of servers.splice(0)) await server.kill()
  })
  afterAll(closeBrowser)

  async function start(environment: Environment): Promise<Server> {
    const server = await startHub(environment)
    servers.push(server)
    return server
  }

  test('a wrong key is refused, and the right one is accepted for this tab only', async () => {
    const { url } = await start({ PUBLISH_KEY })
    const tab = await window.open(url)
    const credential = tab.getByLabel('Key or token')
    await credential.waitFor()
    // Joining without a key moves the focus to the key field.
    await tab.getByRole('button', { name: 'Join', exact: true }).click()
    expect(await tab.evaluate('document.activeElement.id')).toBe('credential')
    await showsState(tab, 'Not joined')
    await enterKey(tab, 'not-the-key-of-this')
    await showsText(
      tab,
      '#key-note',
      /^The key is not valid on this hub: send one of its publish keys\. \(401\)$/,
    )
    await enterKey(tab, PUBLISH_KEY)
    await credential.waitFor({ state: 'hidden' })
    await join(tab)
    await tab.getByRole('button', { name: 'Ping' }).click()
    await showsEvent(tab, 'hello')
    await tab.getByRole('button', { name: 'Disconnect alice' }).waitFor()
    const stored = await tab.evaluate('[{ ...localStorage }, { ...sessionStorage }]')
    expect(stored).toEqual([{}, { 'hono-sse-key': PUBLISH_KEY }])
    const other = await window.open(url)
    await other.getByRole('heading', { name: 'This hub requires a key' }).waitFor()
    await tab.reload()
    await showsState(tab, 'Live')
    await tab.getByRole('button', { name: 'Forget the key' }).click()
    await tab.getByLabel('Key or token').waitFor()
    await showsState(tab, 'Not joined')
    expect(await tab.evaluate('sessionStorage.length')).toBe(0)
  })

  test('no URL contains the key, and the browser reconnects with its cookie', async () => {
    const server = await start({ PUBLISH_KEY })
    const tab = await window.open(server.url)
    const requests: string[] = []
    tab.on('request', (request) => requests.push(`${request.method()} ${request.url()}`))
    await enterKey(tab, PUBLISH_KEY)
    await join(tab)
    await fetch(`${server.url}/clients/alice`, { method: 'DELETE', headers: bearer(PUBLISH_KEY) })
    await showsState(tab, 'Live, resumed')
    await server.kill()
    await showsState(tab, 'Reconnecting')
    await start({ PUBLISH_KEY, PORT: new URL(server.url).port })
    await showsState(tab, 'Live, after a gap')
    const streams = requests.filter((request) => request.includes('/sse?'))
    expect(streams.length).toBeGreaterThan(2)
    expect(new Set(streams).size).toBe(1)
    expect(requests.filter((request) => request.endsWith('/tickets'))).toHaveLength(1)
    expect(requests.join()).not.toContain(PUBLISH_KEY)
  })

  test('when a grant ends the page requests another, and no event is missed', async () => {
    const { url } = await start({ PUBLISH_KEY, HEARTBEAT_SECONDS: '0.2' })
    const tab = await window.open(url)
    // As a back end would that grants for a second at a time.
    await tab.route('**/tickets', (route) => {
      const body = { ...route.request().postDataJSON(), grantSeconds: 1 }
      return route.continue({ postData: JSON.stringify(body) })
    })
    await enterKey(tab, PUBLISH_KEY)
    await join(tab)
    await tab.locator('#feed .own', { hasText: '"reason":"expired"' }).first().waitFor()
    await send(url, 'while it is away')
    await showsEvent(tab, 'while it is away')
    await showsState(tab, 'Live, resumed')
    expect(await dataOn(tab)).toEqual(['while it is away'])
  })

  test('a key that is no longer accepted ends the stream, and the page asks for another', async () => {
    const server = await start({ PUBLISH_KEY })
    const tab = await window.open(server.url)
    await enterKey(tab, PUBLISH_KEY)
    await join(tab)
    await server.kill()
    const another = 'another-key-of-this-test'
    await start({ PUBLISH_KEY: another, PORT: new URL(server.url).port })
    await showsState(tab, 'Closed')
    await tab.getByLabel('Key or token').waitFor()
    await enterKey(tab, another)
    await showsState(tab, 'Live')
  })

  test('with tokens only, the page says which token it needs, and works with it', async () => {
    const { url } = await start({ JWT_SECRET })
    const tab = await window.open(url)
    const form = tab.locator('#key')
    await form
      .getByText('If the hub accepts tokens only, use a token with "publish": "*"')
      .waitFor()
    await enterKey(tab, await token({ sub: 'alice', topics: '*' }))
    await tab.getByRole('button', { name: 'Join', exact: true }).click()
    await showsState(tab, 'Closed')
    await showsText(
      tab,
      '#detail',
      /^Issuing tickets requires the permission to publish to every address\. \(403\)/,
    )
    await tab.getByRole('button', { name: 'Forget the key' }).click()
    await enterKey(tab, await token({ publish: '*' }))
    await join(tab)
    await showsText(tab, '#clients-note', 'This operation requires a publish key. (403)')
    await showsText(
      tab,
      '#figures-note',
      'Metrics are unavailable. This operation requires a publish key. (403)',
    )
  })
})

async function enterKey(tab: Page, key: string): Promise<void> {
  await tab.getByLabel('Key or token').fill(key)
  await tab.getByRole('button', { name: 'Use it' }).click()
}

async function join(tab: Page): Promise<void> {
  await tab.getByRole('button', { name: /^Join/ }).click()
  await showsState(tab, 'Live')
}

function bearer(key: string): { readonly Authorization: string } {
  return { Authorization: `Bearer ${key}` }
}

async function send(url: string, data: string): Promise<void> {
  const headers = { ...bearer(PUBLISH_KEY), 'Content-Type': 'text/plain' }
  const { status } = await fetch(`${url}/clients/alice`, { method: 'POST', headers, body: data })
  expect(status).toBe(200)
}

function token(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(JWT_SECRET))
}
