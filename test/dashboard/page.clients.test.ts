/** The clients: who is connected, what is known of their connections, and what an operator can do. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { type Listener, listen, publish } from '../support/client.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'
import { openClient, openWindow, showsState, showsText, type Window } from '../support/tabs.ts'

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let server: Server
  let window: Window
  const listeners: Listener[] = []
  beforeAll(async () => {
    server = await startHub({ MAX_CONNECTIONS: '2000' })
  })
  afterAll(async () => {
    await server.kill()
    await closeBrowser()
  })
  beforeEach(async () => {
    window = await openWindow()
  })
  afterEach(async () => {
    for (const { close } of listeners.splice(0)) await close()
    await window.close()
  })

  async function connect(id: string, topics = ''): Promise<void> {
    listeners.push(await listen(server.url, `id=${id}${topics}`))
  }

  test('a row opens to the connections of its client', async () => {
    await connect('carol', '&topic=news&topic=sports')
    await connect('carol')
    const { id } = await publish(server.url, '/clients/carol', 'hello')
    const tab = await window.open(server.url)
    const row = await openClient(tab, 'carol')
    await row.locator('summary', { hasText: /^carol2 streams · \d+ s$/ }).waitFor()
    await row.locator('dl').nth(1).waitFor()
    const [first] = await row.locator('dl').all()
    const names = await first?.locator('dt').allTextContents()
    const texts = await first?.locator('dd').allTextContents()
    const facts = Object.fromEntries(names?.map((name, n) => [name, texts?.[n]]) ?? [])
    expect(facts).toEqual({
      Topics: 'news, sports',
      Age: expect.stringMatching(/^\d+ s$/),
      Queue: '0 events, 0 B',
      Cursor: id,
      Address: expect.stringMatching(/127\.0\.0\.1|::1/),
      Opener: 'native',
      'Request id': expect.any(String),
    })
    // The row stays open while the list is updated, and what it shows is up to date.
    await connect('carol')
    await row.locator('dl').nth(2).waitFor()
  })

  test('a search finds clients by a part of their id, and says how many', async () => {
    for (const id of ['dave', 'david', 'erin']) await connect(id)
    const tab = await window.open(server.url)
    await showsText(tab, '#clients-note', '3 clients')
    await tab.getByLabel('Search clients').fill('DAV')
    await showsText(tab, '#clients-note', '2 among 3 clients')
    expect(await tab.locator('#clients strong').allTextContents()).toEqual(['dave', 'david'])
    await tab.getByLabel('Search clients').fill('nobody')
    await showsText(tab, '#clients-note', '0 among 3 clients')
    await tab.getByLabel('Search clients').fill('')
    await showsText(tab, '#clients-note', '3 clients')
  })

  test('a client that the listing is too short for is found by its id', async () => {
    await connect('frank')
    const tab = await window.open(server.url)
    await tab.route('**/clients?*', (route) =>
      route.fulfill({ json: { clients: [], total: 5_000 } }),
    )
    await tab.getByLabel('Search clients').fill('frank')
    await showsText(tab, '#clients-note', '1 among the first 0 of 5,000 clients')
    expect(await tab.locator('#clients strong').allTextContents()).toEqual(['frank'])
  })

  test('an operator blocks a client, which stays away', async () => {
    const guest = await window.open(server.url, 'guest')
    const tab = await window.open(server.url)
    const row = await openClient(tab, 'guest')
    await row.getByLabel('How long to block guest').selectOption('10 minutes')
    await row.getByRole('button', { name: 'Block guest' }).click()
    await showsText(tab, '#disconnected', 'Blocked guest for 10 minutes.')
    await showsState(guest, 'Closed')
    await showsText(guest, '#detail', /temporarily blocked this client \(204\)/)
    await row.waitFor({ state: 'detached' })
    // The focus was in the row that is gone.
    expect(await tab.evaluate('document.activeElement.id')).toBe('clients')
  })
})
