/** Tabs of two clients: which events each receives, and how the page shows them. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { publish } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'
import {
  dataOn,
  openClient,
  openWindow,
  showsEvent,
  showsState,
  showsText,
  type Window,
} from '../support/tabs.ts'

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let server: Server
  let window: Window
  beforeAll(async () => {
    server = await startHub()
  })
  afterAll(async () => {
    await server.kill()
    await closeBrowser()
  })
  beforeEach(async () => {
    window = await openWindow()
  })
  afterEach(() => window.close())

  test('a ping reaches both tabs of its client, which share a connection, and no other client', async () => {
    const { open } = window
    const [one, two, other] = [
      await open(server.url, 'alice'),
      await open(server.url, 'alice'),
      await open(server.url, 'bob'),
    ]
    await other.getByLabel('Its name').fill('alice')
    await other.getByRole('button', { name: 'Ping', exact: true }).click()
    await showsText(other, '#result', /^Queued for 1 connection, as \S+\.$/)
    // The broadcast comes after the ping: a tab that shows it would also show the ping.
    await publish(server.url, '/broadcast', 'for all')
    for (const tab of [one, two, other]) await showsEvent(tab, 'for all')
    expect(await dataOn(one)).toEqual(['hello', 'for all'])
    expect(await dataOn(two)).toEqual(['hello', 'for all'])
    expect(await dataOn(other)).toEqual(['for all'])
  })

  test('a page that received a response from elsewhere continues once the hub answers', async () => {
    const tab = await window.open(server.url, 'alice')
    let answered = 0
    await tab.route('**/clients?*', (route) => {
      answered += 1
      return route.fulfill({ status: 200, contentType: 'text/html', body: '<p>Log in</p>' })
    })
    await showsText(tab, '#clients-error', /^Something else than the hub has answered/)
    await tab.unroute('**/clients?*')
    await showsText(tab, '#clients-note', '1 client')
    expect(answered).toBeGreaterThan(0)
    expect(window.errors).toEqual([])
  })

  test('events for a client, a topic and everyone are shown with name and id', async () => {
    const [sender, reader] = [
      await window.open(server.url, 'sender'),
      await window.open(server.url, 'reader', 'news'),
    ]
    await send(sender, 'a client', 'reader', 'one')
    await send(sender, 'a topic', 'news', 'two')
    await send(sender, 'everyone', undefined, 'three')
    for (const tab of [sender, reader]) await showsEvent(tab, 'three')
    expect(await dataOn(reader)).toEqual(['one', 'two', 'three'])
    expect(await dataOn(sender)).toEqual(['three'])
    const row = reader.locator('#feed li').first()
    expect(await row.locator('strong').textContent()).toBe('message')
    expect(await row.locator('time').textContent()).toMatch(/^\d\d:\d\d:\d\d\.\d{3}$/)
    const id = await row.locator('.id').textContent()
    expect(await sender.locator('#result').textContent()).toContain(`as ${id}.`)
  })

  test('a named event is shown in every tab, without being asked for', async () => {
    const sender = await window.open(server.url, 'sender')
    const reader = await window.open(server.url, 'reader')
    await publish(server.url, '/clients/reader', 'before')
    await showsEvent(reader, 'before')
    await sender.getByLabel('Event name, if any').fill('headline')
    await sender.getByLabel('Ephemeral').check()
    await send(sender, 'everyone', undefined, 'It is out.')
    await showsText(sender, '#result', 'Queued for 2 connections.')
    for (const tab of [sender, reader]) {
      await showsEvent(tab, 'It is out.')
      expect(await tab.locator('#feed strong').first().textContent()).toBe('headline')
      // It has no id: that of the event before is not shown as its own.
      expect(await tab.locator('#feed .id').first().textContent()).toBe('')
    }
  })

  test('a page with a key joins a hub that has none', async () => {
    const tab = await window.open(server.url)
    await tab.evaluate("sessionStorage.setItem('hono-sse-key', 'the-key-of-another-hub')")
    await tab.getByLabel('Client id').fill('alice')
    await tab.getByRole('button', { name: 'Join', exact: true }).click()
    await showsState(tab, 'Live')
    expect(window.errors).toEqual([])
  })

  test('who is about to type a client id replaces the one that the page suggests', async () => {
    const tab = await window.open('about:blank')
    let answer = () => {}
    const mayAnswer = new Promise<void>((resolve) => {
      answer = resolve
    })
    await tab.route('**/clients?*', async (route) => {
      await mayAnswer
      await route.continue()
    })
    await tab.goto(`${server.url}/#left`)
    const client = tab.getByLabel('Client id')
    await client.focus()
    answer()
    await eventually(async () => expect(await client.inputValue()).toBe('alice'))
    await tab.keyboard.type('bob')
    expect(await client.inputValue()).toBe('bob')
  })

  test('a page joins by itself, unless its tab has left', async () => {
    const tab = await window.open('about:blank')
    await tab.goto(server.url)
    await showsState(tab, 'Live')
    await showsText(tab, '#detail', 'alice follows news.')
    await tab.locator('#feed .own', { hasText: 'alice is connected.' }).waitFor()
    expect(await tab.getByLabel('Its name').inputValue()).toBe('alice')
  })

  test('published data never becomes markup', async () => {
    const evil = '<img src=x onerror="document.title=`owned`">'
    const id = '<b>bold</b>'
    const tab = await window.open(server.url, id, evil)
    await tab.getByLabel('Event name, if any').fill(evil)
    await send(tab, 'a topic', evil, `${evil}</pre><script>document.title='owned'</script>`)
    await showsEvent(tab, `${evil}</pre><script>document.title='owned'</script>`)
    await (await openClient(tab, id)).getByText(evil, { exact: true }).waitFor()
    await tab.locator('#feed li.event summary').first().click()
    await tab.locator('#feed pre').waitFor()
    expect(await tab.locator('#feed strong').first().textContent()).toBe(evil)
    expect(await tab.locator('#detail').textContent()).toContain(`${id} follows`)
    expect(await tab.locator('img, b, body script:not([type])').count()).toBe(0)
    expect(await tab.title()).toBe('hono-sse')
    expect(window.errors).toEqual([])
  })

  test('the list keeps the latest 200 events, and says so', async () => {
    const tab = await window.open(server.url, 'many')
    for (let n = 1; n < 205; n++) await publish(server.url, '/clients/many', `number ${n}`)
    await showsEvent(tab, 'number 204')
    await showsText(tab, '#count', '204 events, the latest 200 shown')
    const data = await dataOn(tab)
    expect([data.length, data[0], data.at(-1)]).toEqual([200, 'number 5', 'number 204'])
    await tab.getByRole('button', { name: 'Clear' }).click()
    await showsText(tab, '#count', '0 events')
  })

  test('a client that is disconnected on the page shows why, and reconnects automatically', async () => {
    const operator = await window.open(server.url, 'operator')
    const tab = await window.open(server.url, 'guest')
    await publish(server.url, '/clients/guest', 'before')
    await showsEvent(tab, 'before')
    await openClient(operator, 'guest')
    await operator.getByRole('button', { name: 'Disconnect guest' }).click()
    await showsText(operator, '#disconnected', /^Disconnected guest\./)
    await tab
      .locator('#feed .own', { hasText: 'The hub ended the stream: disconnected.' })
      .waitFor()
    await showsState(tab, 'Live, resumed')
    expect(await dataOn(tab)).toEqual(['before'])
  })

  test('a blocked client is shown as blocked, and may try again', async () => {
    const tab = await window.open(server.url, 'banned')
    await fetch(`${server.url}/clients/banned?block=1`, { method: 'DELETE' })
    await showsState(tab, 'Closed')
    expect(await tab.locator('#detail').textContent()).toMatch(
      /temporarily blocked this client \(204\)\./,
    )
    await tab.getByRole('button', { name: 'Join again' }).waitFor()
    // A second later the block is over.
    await expect
      .poll(async () => {
        await tab.getByRole('button', { name: 'Join again' }).click()
        await tab.locator('#state[data-tone=good], #state[data-tone=bad]').waitFor()
        return await tab.locator('#label').textContent()
      })
      .toBe('Live')
  })

  test('a closed tab disappears from the list, and a reloaded tab joins again', async () => {
    const tab = await window.open(server.url, 'alice', 'news,sports')
    await tab.reload()
    await showsState(tab, 'Live')
    expect(await tab.locator('#detail').textContent()).toContain('follows news, sports.')
    await tab.getByRole('button', { name: 'Leave' }).click()
    await showsState(tab, 'Not joined')
    await showsText(tab, '#clients-note', '0 clients')
    await tab.reload()
    await showsState(tab, 'Not joined')
  })
})

async function send(tab: Page, to: string, name: string | undefined, data: string): Promise<void> {
  await tab.locator('#to').selectOption(to)
  if (name !== undefined) await tab.getByLabel('Its name').fill(name)
  await tab.getByLabel('Data').fill(data)
  const before = await tab.locator('#result').textContent()
  await tab.getByRole('button', { name: 'Send', exact: true }).click()
  await tab.locator('#result', { hasText: /./, hasNotText: before || '\0' }).waitFor()
}
