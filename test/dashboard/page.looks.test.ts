/** How the page looks and feels: to eyes, to a keyboard, on a small screen, and to a policy. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { publish } from '../support/client.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'
import {
  listsClient,
  openClient,
  openWindow,
  showsEvent,
  showsState,
  showsText,
  WIDE,
} from '../support/tabs.ts'

const SHOTS = fileURLToPath(new URL('../../coverage/page', import.meta.url))
const NARROW = { width: 360, height: 740 }

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let server: Server
  beforeAll(async () => {
    mkdirSync(SHOTS, { recursive: true })
    server = await startHub()
  })
  afterAll(async () => {
    await server.kill()
    await closeBrowser()
  })

  test.each([
    ['light', 'wide', WIDE],
    ['dark', 'wide', WIDE],
    ['light', 'narrow', NARROW],
    ['dark', 'narrow', NARROW],
  ] as const)(
    'every text is legible and within its box in %s colours on a %s screen',
    async (...[colour, width, viewport]) => {
      const window = await openWindow({ colorScheme: colour, viewport })
      const tab = await window.open(server.url, 'alice', 'news')
      await publish(server.url, '/clients/alice', 'For your eyes.')
      await showsEvent(tab, 'For your eyes.')
      await publish(server.url, '/topics/news', '{"json":[1,"two",null,{"three":{"four":5}}]}')
      await tab.locator('#feed summary', { hasText: 'json' }).click()
      await tab.locator('#feed .node').first().waitFor()
      await openClient(tab, 'alice')
      await tab.getByLabel('Its name').fill('')
      await tab.getByRole('button', { name: 'Send', exact: true }).click()
      const texts = await tab.evaluate<Text[]>(`(${CONTRASTS})()`)
      expect(texts.length).toBeGreaterThan(30)
      expect(texts.filter(({ contrast }) => contrast < 4.5)).toEqual([])
      expect(await tab.evaluate(TOO_WIDE)).toEqual([])
      await tab.screenshot({ path: join(SHOTS, `${colour}-${width}.png`), fullPage: true })
      await window.close()
    },
  )

  test('at 360 px nothing scrolls sideways, however long the texts are', async () => {
    const window = await openWindow({ viewport: NARROW })
    const client = 'x'.repeat(128)
    const tab = await window.open(server.url, client, 'y'.repeat(128))
    await publish(server.url, `/clients/${client}`, 'z'.repeat(1_000))
    await showsEvent(tab, 'z'.repeat(1_000))
    await openClient(tab, client)
    for (const element of ['document.documentElement', 'document.querySelector("#feed")']) {
      const [inner, outer] = await tab.evaluate<number[]>(
        `[${element}.scrollWidth, ${element}.clientWidth]`,
      )
      expect(inner).toBeLessThanOrEqual(outer ?? 0)
    }
    await window.close()
  })

  test('at 360 px the buttons do not cover the state beside them', async () => {
    const window = await openWindow({ viewport: NARROW })
    const tab = await window.open(server.url, 'alice', 'news')
    const state = await tab.locator('#state').boundingBox()
    const buttons = await tab.locator('#join .pair').boundingBox()
    expect(buttons?.x).toBeGreaterThanOrEqual((state?.x ?? 0) + (state?.width ?? Number.NaN))
    await window.close()
  })

  test('a laptop shows everything at once, and a phone what one sends and what arrives', async () => {
    for (const [viewport, shown] of [
      [{ width: 1_280, height: 800 }, ['#state', '#result', '#feed', '#round-trip', '#clients']],
      [NARROW, ['#state', '#result', '#feed']],
    ] as const) {
      const window = await openWindow({ viewport })
      const tab = await window.open(server.url, 'alice', 'news')
      await tab.getByRole('button', { name: 'Send', exact: true }).click()
      await tab.locator('#result', { hasText: 'Queued' }).waitFor()
      await tab.locator('#feed li.event').waitFor()
      for (const selector of shown) {
        const box = await tab.locator(selector).boundingBox()
        expect(box?.y).toBeGreaterThan(0)
        // Of a list, at least two events.
        const needed = selector === '#feed' ? 90 : (box?.height ?? 0)
        expect((box?.y ?? 0) + needed).toBeLessThanOrEqual(viewport.height)
      }
      await window.close()
    }
  })

  test('everything works with a keyboard, and the focus is visible', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url)
    await tabTo(tab, 'client')
    await tab.keyboard.press('Control+A')
    await tab.keyboard.type('keyboard')
    await tab.keyboard.press('Enter')
    await showsState(tab, 'Live')
    await tabTo(tab, 'to')
    await tab.keyboard.type('everyone')
    await tabTo(tab, 'data')
    await tab.keyboard.press('Control+A')
    await tab.keyboard.type('by keyboard')
    await tabTo(tab, 'Send')
    await tab.keyboard.press('Enter')
    await showsEvent(tab, 'by keyboard')
    await tabTo(tab, 'feed')
    await tab.keyboard.press('ArrowDown')
    await tab.keyboard.press('Enter')
    await tab.locator('#feed pre', { hasText: 'by keyboard' }).waitFor()
    await tabTo(tab, 'Copy data')
    await listsClient(tab, 'keyboard')
    await tabTo(tab, 'clients')
    await tab.keyboard.press('ArrowDown')
    await tab.keyboard.press('Enter')
    await tabTo(tab, 'Disconnect keyboard')
    await tab.keyboard.press('Space')
    await showsState(tab, 'Live, resumed')
    await tabTo(tab, 'leave')
    await tab.keyboard.press('Enter')
    await showsState(tab, 'Not joined')
    await window.close()
  })

  test('a client that joins is listed at once, not at the next poll', async () => {
    const window = await openWindow()
    const tab = await window.open('about:blank')
    await tab.clock.install({ time: 0 })
    await tab.clock.pauseAt(1_000)
    await tab.goto(`${server.url}/#left`)
    await showsText(tab, '#clients-note', '0 clients')
    // The page's clock stands still from here on: no next look comes.
    await tab.getByLabel('Client').first().fill('punctual')
    await tab.getByRole('button', { name: 'Join', exact: true }).click()
    await listsClient(tab, 'punctual')
    await showsText(tab, '#clients-note', '1 client')
    await window.close()
  })

  test('changes of state are announced to a screen reader', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, 'alice')
    const status = tab.getByRole('status').filter({ hasText: 'alice follows' })
    expect(await status.textContent()).toMatch(/^Live alice follows no topic/)
    await tab.getByRole('region', { name: 'Metrics' }).waitFor()
    await tab.getByRole('list', { name: 'Clients' }).waitFor()
    await window.close()
  })

  test('an injected script does not run', async () => {
    const window = await openWindow()
    const tab = await window.open('about:blank')
    const evil = `<script>document.title = 'owned'</script><img src=x onerror="document.title = 'owned'">`
    await tab.route(`${server.url}/`, async (route) => {
      const response = await route.fetch()
      const body = (await response.text()).replace('</main>', () => `${evil}</main>`)
      await route.fulfill({ response, body })
    })
    await tab.goto(`${server.url}/#client=alice`)
    await showsState(tab, 'Live')
    expect(await tab.locator('main > script').count()).toBe(1)
    expect(window.errors.filter(isOfPolicy)).toHaveLength(3)
    expect(await tab.title()).toBe('hono-sse')
    await window.close()
  })

  test('the page keeps its own content security policy, and strings never become markup', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, 'alice')
    await showsText(tab, '#clients-note', '1 client')
    expect(window.errors).toEqual([])
    await expect(tab.evaluate('document.body.innerHTML = "<b>bold</b>"')).rejects.toThrow(/Trusted/)
    await window.close()
  })
})

const isOfPolicy = (complaint: string) => complaint.includes('Content Security Policy')

/** Presses Tab until the element with this id, label or text has the focus, and can be seen to have it. */
async function tabTo(tab: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await tab.keyboard.press('Tab')
    const focus = await tab.evaluate<{ names: string[]; outline: string }>(`(() => {
      const element = document.activeElement
      const { outlineStyle, outlineWidth } = getComputedStyle(element)
      const names = [element.id, element.getAttribute('aria-label'), element.textContent]
      return { names, outline: outlineStyle + ' ' + outlineWidth }
    })()`)
    if (!focus.names.includes(name)) continue
    expect(focus.outline).toBe('solid 3px')
    return
  }
  throw new Error(`The keyboard does not reach ${name}.`)
}

/** Elements that reach into the margin of their card, or beyond it. */
const TOO_WIDE = `[...document.querySelectorAll('.card:not([hidden])')].flatMap((card) => {
  const edge = card.getBoundingClientRect().right - parseFloat(getComputedStyle(card).paddingRight)
  return [...card.querySelectorAll(':not(svg *)')]
    .filter((element) => element.getBoundingClientRect().right > edge + 1)
    .map((element) => element.tagName + ' ' + element.textContent.trim())
})`

interface Text {
  readonly text: string
  readonly contrast: number
}

/** Every visible text, with its contrast to the background. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
const CONTRASTS = `() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const luminance = (colour) => {
    const [r, g, b] = numbers(colour).map((value) => value / 255)
      .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const behind = (element) => {
    const { backgroundColor } = getComputedStyle(element)
    const [, , , alpha = 1] = numbers(backgroundColor)
    return alpha === 1 || !element.parentElement ? backgroundColor : behind(element.parentElement)
  }
  const seen = [...document.body.querySelectorAll('*')].filter((element) =>
    element.checkVisibility() && !element.closest('script, style, noscript, option') &&
    (element.matches('input, textarea, select') ||
      [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())))
  return seen.map((element) => {
    const pair = [getComputedStyle(element).color, behind(element)].map(luminance)
    const [dark, bright] = pair.sort((one, other) => one - other)
    return { text: element.id || element.textContent.trim(), contrast: (bright + 0.05) / (dark + 0.05) }
  })
}`
