/** Errors look like errors, beside the field that they are about, and go when the field is mended. */
import type { Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'
import { openWindow, showsState, showsText } from '../support/tabs.ts'

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let server: Server
  beforeAll(async () => {
    server = await startHub({ MAX_EVENT_BYTES: '1000' })
  })
  afterAll(async () => {
    await server.kill()
    await closeBrowser()
  })

  test('what the hub rejects is shown beside its field until that changes', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, 'alice')
    const event = tab.getByLabel('Event name, if any')
    await event.fill('hub:bye')
    await press(tab, 'Send')
    await showsText(tab, '#event-error', /^It must .*\(400\)$/)
    expect(await event.getAttribute('aria-invalid')).toBe('true')
    expect(await tab.evaluate('document.activeElement.id')).toBe('event')
    expect(await tab.locator('#send-error').textContent()).toBe('')
    await event.fill('fine')
    await showsText(tab, '#event-error', '')
    expect(await event.getAttribute('aria-invalid')).toBeNull()
    await press(tab, 'Send')
    await showsText(tab, '#result', /^Queued for 1 connection, as \S+\.$/)
    await window.close()
  })

  test('what belongs to no field is shown below the buttons until the form changes', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, 'alice')
    await tab.getByLabel('Data').fill('x'.repeat(2_000))
    await press(tab, 'Send')
    await showsText(tab, '#send-error', /\(413\)$/)
    expect(await tab.locator('#result').textContent()).toBe('')
    await tab.getByLabel('Data').fill('x')
    await showsText(tab, '#send-error', '')
    await window.close()
  })

  test('what the hub rejects does not take the focus from a field of another form', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, 'alice')
    const held = new Promise<Route>((resolve) => void tab.route('**/clients/alice', resolve))
    await tab.getByLabel('Event name, if any').fill('hub:bye')
    await press(tab, 'Send')
    await tab.getByLabel('Topics').focus()
    await (await held).continue()
    await showsText(tab, '#event-error', /\(400\)$/)
    expect(await tab.evaluate('document.activeElement.id')).toBe('topics')
    await window.close()
  })

  test('a hub that stops is reported in words of the page, not of the browser', async () => {
    const window = await openWindow()
    const other = await startHub()
    const tab = await window.open(other.url, 'alice')
    await other.kill()
    await showsText(tab, '#detail', /^The hub can’t be reached\. The next attempt is at /)
    await tab.locator('#feed .own', { hasText: 'The hub can’t be reached.' }).first().waitFor()
    await window.close()
  })

  test('a name that is missing is asked for where it belongs', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url)
    await tab.getByLabel('Client id').fill('')
    await press(tab, 'Join')
    await showsText(tab, '#client-error', 'Enter a client id.')
    await tab.getByLabel('Client id').fill('alice')
    await showsText(tab, '#client-error', '')
    await tab.getByLabel('Topics').fill(Array.from({ length: 51 }, (_, n) => n).join())
    await press(tab, 'Join')
    await showsText(tab, '#topics-error', 'A stream follows at most 50 topics.')
    await showsState(tab, 'Not joined')
    await tab.locator('#to').selectOption('a topic')
    await tab.getByLabel('Its name').fill('')
    await press(tab, 'Send')
    await showsText(tab, '#name-error', 'Enter a topic.')
    // It is about the topic: to everyone there is none.
    await tab.locator('#to').selectOption('everyone')
    await showsText(tab, '#name-error', '')
    await window.close()
  })

  test('a client id and topics that the hub refuses are shown beside their fields', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url)
    await tab.getByLabel('Client id').fill('..')
    await tab.getByLabel('Topics').fill('news, *')
    await press(tab, 'Join')
    await showsState(tab, 'Closed')
    await showsText(tab, '#detail', 'The hub refused the request. The page won’t reconnect.')
    await showsText(tab, '#client-error', /^A client id must be 1 to 128 characters/)
    await showsText(tab, '#topics-error', /^A topic must be 1 to 128 characters/)
    await tab.getByLabel('Topics').fill('news')
    await showsText(tab, '#topics-error', '')
    await tab.getByLabel('Client id').fill('alice')
    await press(tab, 'Join again')
    await showsState(tab, 'Live')
    await showsText(tab, '#client-error', '')
    await window.close()
  })
})

async function press(tab: Page, name: string): Promise<void> {
  await tab.getByRole('button', { name, exact: true }).click()
}
