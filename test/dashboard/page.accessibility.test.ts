/** The page for people who can't see it, or who want it to keep still: axe finds nothing, and nothing moves. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { publish } from '../support/client.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'
import { openClient, openWindow, showsEvent, showsState } from '../support/tabs.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const METRICS_KEY = 'a-metrics-key-of-this-test'

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let server: Server
  let locked: Server
  beforeAll(async () => {
    server = await startHub()
    locked = await startHub({ PUBLISH_KEY: 'the-key-of-this-test', METRICS_KEY })
  })
  afterAll(async () => {
    await server.kill()
    await locked.kill()
    await closeBrowser()
  })

  test.each([
    ['light', 1_280],
    ['dark', 360],
  ] as const)(
    'axe finds nothing in %s colours at %d px, whatever is open',
    async (colour, width) => {
      const viewport = { width, height: 800 }
      const window = await openWindow({ colorScheme: colour, viewport, reducedMotion: 'reduce' })
      const tab = await window.open(server.url, 'alice', 'news')
      await publish(
        server.url,
        '/topics/news',
        '{"order":{"id":7,"paid":true,"items":[1]},"note":null}',
      )
      await publish(server.url, '/clients/alice', 'text')
      await showsEvent(tab, 'text')
      expect(await violations(tab)).toEqual([])
      await tab.locator('#feed li.event summary', { hasText: 'order' }).click()
      await openClient(tab, 'alice')
      await tab.getByLabel('Its name').fill('')
      await tab.getByRole('button', { name: 'Send', exact: true }).click()
      await tab.locator('#name-error', { hasText: 'Enter' }).waitFor()
      expect(await violations(tab)).toEqual([])
      await tab.getByRole('button', { name: 'Help' }).click()
      expect(await violations(tab)).toEqual([])
      await window.close()
    },
  )

  test('axe finds nothing while a key is missing, nor with one that reads metrics only', async () => {
    const window = await openWindow()
    const tab = await window.open(locked.url)
    await tab.getByLabel('Key or token').waitFor()
    await tab.getByRole('button', { name: 'Use it' }).click()
    await tab.getByText('Enter a key or a token.').waitFor()
    expect(await violations(tab)).toEqual([])
    await tab.getByLabel('Key or token').fill(METRICS_KEY)
    await tab.getByRole('button', { name: 'Use it' }).click()
    await tab.getByRole('heading', { name: 'This key reads metrics only' }).waitFor()
    expect(await violations(tab)).toEqual([])
    await window.close()
  })

  test('nothing moves for those who ask for that', async () => {
    for (const [reducedMotion, animations] of [
      ['reduce', 0],
      ['no-preference', 1],
    ] as const) {
      const window = await openWindow({ reducedMotion })
      const tab = await window.open(server.url, 'still')
      await tab.locator('#feed li').first().waitFor()
      const count = await tab.evaluate<number>(
        `[...document.querySelectorAll('*')].filter((element) => getComputedStyle(element).animationName !== 'none').length`,
      )
      expect(count).toBe(animations)
      await window.close()
    }
  })

  test('the help is a dialog: it takes the focus, Escape closes it, and the focus returns', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, 'alice')
    await tab.getByRole('button', { name: 'Help' }).press('Enter')
    await tab.getByRole('dialog', { name: 'Use this hub' }).waitFor()
    expect(await tab.evaluate('!!document.activeElement.closest("dialog")')).toBe(true)
    await tab.keyboard.press('Escape')
    await tab.getByRole('dialog').waitFor({ state: 'hidden' })
    expect(await tab.evaluate('document.activeElement.id')).toBe('help-button')
    await showsState(tab, 'Live')
    await window.close()
  })
})

/** What axe finds, in a few words. */
async function violations(tab: Page): Promise<string[]> {
  await tab.evaluate(AXE)
  return await tab.evaluate<string[]>(`axe.run().then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html.slice(0, 120))))`)
}
