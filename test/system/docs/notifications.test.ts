/** The recipe for notifications: its hub, its back end, and its page in the tabs of two people. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CHROMIUM_IS_MISSING,
  closeBrowser,
  IN_CHROMIUM,
  openContext,
} from '../../support/chromium.ts'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import type { Server } from '../../support/process.ts'
import { compile, KEY, openSandbox, startRecipeHub, WITH_KEY } from './sandbox.ts'

afterAll(closeBrowser)

const PEOPLE = { alice: 'wonderland', bob: 'builder' }
type Person = keyof typeof PEOPLE

describe.skipIf(CHROMIUM_IS_MISSING)(`notifications ${IN_CHROMIUM}`, () => {
  const sandbox = openSandbox('notifications')
  let hub: Server
  let backEnd: Server

  beforeAll(async () => {
    await compile(sandbox)
    const port = await freePort()
    hub = await startRecipeHub({ PUBLISH_KEY: KEY, CORS_ORIGINS: `http://127.0.0.1:${port}` })
    const environment = { HUB_URL: hub.url, PUBLISH_KEY: KEY, PORT: `${port}` }
    backEnd = await sandbox.serve(environment, process.execPath, 'backend.js')
  })

  test('a message reaches all tabs of its recipient only, even after an interruption', async () => {
    const [alices, bobs] = [await windowOf('alice'), await windowOf('bob')]
    const tabs = [await alices(), await alices()]
    let tickets = 0
    for (const tab of tabs) {
      tab.on('request', (request) => {
        if (request.url().endsWith('/events-url')) tickets += 1
      })
    }
    const other = await bobs()
    await eventually(async () => expect(await connected()).toEqual({ alice: 2, bob: 1 }))

    await send('bob', 'alice', 'lunch?')
    for (const tab of tabs) await shows(tab, ['bob: lunch?'])

    // Both tabs are disconnected, and reconnect with the cookie their ticket was exchanged for.
    await fetch(`${hub.url}/clients/alice`, { method: 'DELETE', headers: WITH_KEY })
    await send('bob', 'alice', 'or dinner?')
    for (const tab of tabs) await shows(tab, ['bob: lunch?', 'bob: or dinner?'])
    expect(tickets).toBe(0)

    await send('alice', 'bob', 'dinner')
    await shows(other, ['alice: dinner'])
    for (const tab of tabs) await shows(tab, ['bob: lunch?', 'bob: or dinner?'])
  })

  test('a page whose grant is refused requests another ticket, and misses nothing', async () => {
    const open = await windowOf('bob')
    const tab = await open()
    await send('alice', 'bob', 'one')
    await shows(tab, ['alice: one'])
    // Without its cookie the used ticket opens one more stream, as if the response had been lost.
    await tab.context().clearCookies()
    const repeated = tab.waitForResponse(/\/sse\?/)
    await fetch(`${hub.url}/clients/bob`, { method: 'DELETE', headers: WITH_KEY })
    await repeated
    await tab.context().clearCookies()
    const again = tab.waitForResponse(/events-url$/)
    await fetch(`${hub.url}/clients/bob`, { method: 'DELETE', headers: WITH_KEY })
    await send('alice', 'bob', 'two')
    await again
    await shows(tab, ['alice: one', 'alice: two'])
  })

  test('without a login there is neither a page nor a ticket', async () => {
    const answer = await fetch(`${backEnd.url}/events-url`, { method: 'POST' })
    expect(answer.status).toBe(401)
  })

  async function windowOf(name: Person): Promise<() => Promise<Page>> {
    const httpCredentials = { username: name, password: PEOPLE[name] }
    const context = await openContext({ httpCredentials })
    return async () => {
      const page = await context.newPage()
      const ready = page.waitForResponse(/\/sse\?/)
      await page.goto(backEnd.url)
      await ready
      return page
    }
  }

  async function connected(): Promise<Record<string, number>> {
    const answer = await fetch(`${hub.url}/clients`, { headers: WITH_KEY })
    const { clients } = (await answer.json()) as {
      clients: { client: string; connections: number }[]
    }
    return Object.fromEntries(clients.map(({ client, connections }) => [client, connections]))
  }

  async function send(from: Person, to: Person, text: string): Promise<void> {
    const headers = { Authorization: `Basic ${btoa(`${from}:${PEOPLE[from]}`)}` }
    const answer = await fetch(`${backEnd.url}/messages/${to}`, {
      method: 'POST',
      headers,
      body: text,
    })
    expect(answer.status).toBe(201)
  }
})

async function shows(tab: Page, texts: string[]): Promise<void> {
  await eventually(async () => expect(await tab.locator('li').allTextContents()).toEqual(texts))
}
