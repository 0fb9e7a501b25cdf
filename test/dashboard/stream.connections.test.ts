/** Seven tabs: six connections per host over HTTP/1.1, which the tabs of a client share, and no such limit over HTTP/2. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { generate } from 'selfsigned'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { eventually } from '../support/eventually.ts'
import { startHub } from '../support/hub-server.ts'
import type { Environment, Server } from '../support/process.ts'
import { openWindow, type Window } from '../support/tabs.ts'

const TABS = 7

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let folder = ''
  const servers: Server[] = []
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hono-sse-'))
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.kill()
  })
  afterAll(async () => {
    rmSync(folder, { recursive: true })
    await closeBrowser()
  })

  async function start(environment: Environment = {}): Promise<Server> {
    const server = await startHub(environment)
    servers.push(server)
    return server
  }

  test('over HTTP/1.1 all tabs of a client are live, because they share a connection', async () => {
    const server = await start()
    const window = await openWindow()
    const tabs = await joinAll(window, server.url, () => 'alice')
    await eventually(async () => {
      expect(await labelsOf(tabs)).toEqual(Array(TABS).fill('Live'))
    })
    await window.close()
  })

  test('over HTTP/1.1 six clients are live, and the seventh says why it waits', async () => {
    const server = await start()
    const window = await openWindow()
    const tabs = await joinAll(window, server.url, (n) => `guest-${n}`)
    await eventually(async () => {
      expect((await labelsOf(tabs)).sort()).toEqual([...Array(6).fill('Live'), 'Still connecting'])
    })
    const labels = await labelsOf(tabs)
    const waiting = tabs[labels.indexOf('Still connecting')]
    expect(await waiting?.locator('#detail').textContent()).toContain(
      'Over HTTP/1.1 a browser opens at most six connections per host, across all its tabs',
    )
    await tabs[labels.indexOf('Live')]?.close()
    await waiting?.locator('#label', { hasText: /^Live$/ }).waitFor()
    await window.close()
  })

  test('over HTTP/2 all clients are live', async () => {
    const [TLS_CERT, TLS_KEY] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const pair = await generate([{ name: 'commonName', value: 'localhost' }])
    writeFileSync(TLS_CERT, pair.cert)
    writeFileSync(TLS_KEY, pair.private)
    const server = await start({ TLS_CERT, TLS_KEY })
    const window = await openWindow({ ignoreHTTPSErrors: true })
    const tabs = await joinAll(window, server.url, (n) => `guest-${n}`)
    await eventually(async () => {
      expect(await labelsOf(tabs)).toEqual(Array(TABS).fill('Live'))
    })
    await window.close()
  })
})

/** All tabs are open before the first joins: a page needs a connection to load, too. */
async function joinAll(
  window: Window,
  url: string,
  clientOf: (n: number) => string,
): Promise<Page[]> {
  const tabs: Page[] = []
  for (let n = 0; n < TABS; n++) tabs.push(await window.open(url))
  for (const [n, tab] of tabs.entries()) {
    await tab.getByLabel('Client id').fill(clientOf(n))
    await tab.getByRole('button', { name: 'Join', exact: true }).click()
  }
  return tabs
}

async function labelsOf(tabs: readonly Page[]): Promise<(string | null)[]> {
  return await Promise.all(tabs.map((tab) => tab.locator('#label').textContent()))
}
