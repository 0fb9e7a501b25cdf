/** A hub with a key: the page asks for it, keeps it for the tab, and listens with tickets. */
import { SignJWT } from 'jose'
import type { Page, Route } from 'playwright-core'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { startFile } from '../support/cli.ts'
import { startHub } from '../support/hub-server.ts'
import type { Environment, Server } from '../support/process.ts'
import {
  dataOn,
  listsClient,
  openWindow,
  showsEvent,
  showsState,
  showsText,
  suggestsClient,
  type Window,
} from '../support/tabs.ts'
import { CURL_IS_MISSING, WITH_CURL } from '../system/docs/shell.ts'

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
      '#credential-error',
      /^The key is not valid on this hub: send one of its publish keys\. \(401\)$/,
    )
    await enterKey(tab, PUBLISH_KEY)
    await credential.waitFor({ state: 'hidden' })
    await join(tab)
    await tab.getByRole('button', { name: 'Ping', exact: true }).click()
    await showsEvent(tab, 'hello')
    await listsClient(tab, 'alice')
    // Commands to copy name the key, and do not contain it.
    await tab.getByRole('button', { name: 'Help' }).click()
    const commands = await tab.locator('#commands').textContent()
    expect(commands).toContain('-H "Authorization: Bearer $PUBLISH_KEY"')
    expect(commands).not.toContain(PUBLISH_KEY)
    await tab.keyboard.press('Escape')
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

  test.skipIf(CURL_IS_MISSING)(
    `the command to listen works with the key ${WITH_CURL}`,
    async () => {
      const { url } = await start({ PUBLISH_KEY })
      const tab = await window.open(url)
      await enterKey(tab, PUBLISH_KEY)
      await tab.getByRole('button', { name: 'Forget the key' }).waitFor()
      await tab.getByRole('button', { name: 'Help' }).click()
      const command = (await tab.locator('#commands code').first().textContent()) ?? ''
      const curl = startFile('sh', ['-c', `exec ${command}`], { environment: { PUBLISH_KEY } })
      await curl.prints('"client":"alice","connection":')
      await curl.prints('"topics":["news"]')
      curl.signal('SIGTERM')
      await curl.ended
    },
  )

  test('no URL contains the key, and the browser reconnects with its cookie', async () => {
    const server = await start({ PUBLISH_KEY })
    const tab = await window.open(server.url)
    const requests: string[] = []
    tab.on('request', (request) => requests.push(`${request.method()} ${request.url()}`))
    await enterKey(tab, PUBLISH_KEY)
    await join(tab)
    // The page had joined by itself before, as another client.
    await showsText(tab, '#detail', /^alice follows/)
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
    const { url } = await start({ PUBLISH_KEY })
    const tab = await window.open(url)
    // As a back end would that grants for a second at a time.
    await tab.route('**/tickets', (route) => {
      const body = { ...route.request().postDataJSON(), grantSeconds: 1 }
      return route.continue({ postData: JSON.stringify(body) })
    })
    await enterKey(tab, PUBLISH_KEY)
    await join(tab)
    await tab
      .locator('#feed .own', { hasText: 'The hub ended the stream: expired.' })
      .first()
      .waitFor()
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

  test('an answer to a request without the key does not take away a key entered since', async () => {
    const { url } = await start({ PUBLISH_KEY })
    const tab = await window.open('about:blank')
    const held: Route[] = []
    await tab.route('**/clients?*', (route) => {
      const hasKey = route.request().headers().authorization !== undefined
      if (hasKey || held.length > 0) return route.continue()
      held.push(route)
      return undefined
    })
    await tab.goto(`${url}/#left`)
    // The update after it is refused, and the form appears.
    await enterKey(tab, PUBLISH_KEY)
    await tab.getByLabel('Key or token').waitFor({ state: 'hidden' })
    const late = tab.waitForResponse((response) => response.status() === 401)
    await held[0]?.continue()
    await (await late).finished()
    // The page goes on updating with the key.
    await tab.waitForRequest((request) => request.headers().authorization !== undefined)
    await tab.getByRole('button', { name: 'Forget the key' }).waitFor()
    expect(await tab.locator('#credential').isVisible()).toBe(false)
    expect(await tab.locator('#clients-error').textContent()).toBe('')
  })

  test('a metrics key shows the figures, and the page says what requires a publish key', async () => {
    const METRICS_KEY = 'the-metrics-key-of-this-test'
    const { url } = await start({ PUBLISH_KEY, METRICS_KEY })
    const tab = await window.open(url)
    await enterKey(tab, METRICS_KEY)
    await tab.getByRole('heading', { name: 'This key reads metrics only' }).waitFor()
    await showsText(tab, '#connections .value', '0')
    await tab.getByText(/Joining, sending, .* and listing clients require a publish key/).waitFor()
    for (const id of ['you', 'sending', 'events', 'round-trip', 'connected']) {
      expect(await tab.locator(`#${id}`).isVisible()).toBe(false)
    }
    // It stays so when the tab is loaded as one that joins by itself.
    await tab.goto(`${url}/`)
    await showsText(tab, '#connections .value', '0')
    await tab.getByRole('button', { name: 'Forget the key' }).click()
    await enterKey(tab, PUBLISH_KEY)
    await join(tab)
    await listsClient(tab, 'alice')
    expect(await tab.locator('#metrics-key').isVisible()).toBe(false)
  })

  test('with tokens only, the page says which token it needs, and works with it', async () => {
    const { url } = await start({ JWT_SECRET })
    const tab = await window.open(url)
    const form = tab.locator('#key')
    await form
      .getByText('If the hub accepts tokens only, use a token with "publish": "*"')
      .waitFor()
    await enterKey(tab, await token({ sub: 'alice', topics: '*' }))
    await suggestsClient(tab)
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
    await showsText(tab, '#clients-error', 'This operation requires a publish key. (403)')
    await showsText(
      tab,
      '#figures-note',
      'Metrics are unavailable. Reading metrics requires a metrics key or a publish key. (403)',
    )
  })
})

async function enterKey(tab: Page, key: string): Promise<void> {
  await tab.getByLabel('Key or token').fill(key)
  await tab.getByRole('button', { name: 'Use it' }).click()
}

async function join(tab: Page): Promise<void> {
  await suggestsClient(tab)
  await tab.getByLabel('Client id').fill('alice')
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
