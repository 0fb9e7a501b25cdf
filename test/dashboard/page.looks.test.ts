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
import { openWindow, showsEvent, showsState, showsText, WIDE } from '../support/tabs.ts'

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
      await tab.getByRole('button', { name: 'Disconnect alice' }).waitFor()
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
    await tab.getByRole('button', { name: `Disconnect ${client}` }).waitFor()
    for (const element of ['document.documentElement', 'document.querySelector("#feed")']) {
      const [inner, outer] = await tab.evaluate<number[]>(
        `[${element}.scrollWidth, ${element}.clientWidth]`,
      )
      expect(inner).toBeLessThanOrEqual(outer ?? 0)
    }
    await window.close()
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
    await tab.getByRole('button', { name: 'Disconnect keyboard' }).waitFor()
    await tabTo(tab, 'feed')
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
    await tab.goto(server.url)
    await showsText(tab, '#clients-note', '0 clients.')
    // The page's clock stands still from here on: no next look comes.
    await tab.getByLabel('Client').first().fill('punctual')
    await tab.getByRole('button', { name: 'Join', exact: true }).click()
    await tab.getByRole('button', { name: 'Disconnect punctual' }).waitFor()
    await showsText(tab, '#clients-note', '1 client.')
    await window.close()
  })

  test('changes of state are announced to a screen reader', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, 'alice')
    const status = tab.getByRole('status').filter({ hasText: 'alice is connection' })
    expect(await status.textContent()).toMatch(
      /^Live alice is connection c-\d+ and follows no topic/,
    )
    await tab.getByRole('region', { name: 'Metrics' }).waitFor()
    await tab.getByRole('table', { name: 'Connected clients' }).waitFor()
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
    await showsText(tab, '#clients-note', '1 client.')
    expect(window.errors).toEqual([])
    await expect(tab.evaluate('document.body.innerHTML = "<b>bold</b>"')).rejects.toThrow(/Trusted/)
    await window.close()
  })

  test('the page shows the figures of /metrics, and how fast counters grow', async () => {
    const window = await openWindow()
    const tab = await window.open('about:blank')
    await tab.clock.install({ time: 0 })
    await tab.clock.pauseAt(1_000)
    let total = 0
    await tab.route('**/metrics', (route) => {
      total += 300
      return route.fulfill({ body: metrics(total) })
    })
    await tab.goto(server.url)
    await showsText(tab, '#hono_sse_connections .value', '12')
    await showsText(tab, '#hono_sse_clients .value', '7')
    await showsText(tab, '#hono_sse_queued_bytes .value', '1,536')
    expect(await tab.locator('#hono_sse_deliveries_total .value').textContent()).toBe('–')
    await tab.clock.runFor(2_000)
    await showsText(tab, '#hono_sse_deliveries_total .value', '150')
    // Two seconds of three minutes are 3.3 of 300; as many connections as ever are the top.
    const line = tab.locator('#hono_sse_connections path')
    expect(await line.getAttribute('d')).toBe('M296.7 0.0L300.0 0.0')
    await window.close()
  })

  test('without /metrics the page says so, and stops polling', async () => {
    const window = await openWindow()
    const tab = await window.open('about:blank')
    let asked = 0
    await tab.route('**/metrics', (route) => {
      asked += 1
      return route.fulfill({ status: 404, body: '' })
    })
    await tab.goto(server.url)
    await showsText(tab, '#figures-note', 'Metrics are unavailable: this hub has no /metrics.')
    for (let looks = 0; looks < 2; looks++) await tab.waitForResponse(/\/clients\?/)
    expect(asked).toBe(1)
    await window.close()
  })
})

const isOfPolicy = (complaint: string) => complaint.includes('Content Security Policy')

/** What a hub on two objects would answer. */
function metrics(total: number): string {
  return [
    '# HELP hono_sse_connections Open streams.',
    '# TYPE hono_sse_connections gauge',
    'hono_sse_connections{shard="0"} 8',
    'hono_sse_connections{shard="1"} 4',
    '# TYPE hono_sse_clients gauge',
    'hono_sse_clients 7',
    'hono_sse_queued_bytes 1536',
    `hono_sse_deliveries_total ${total}`,
    'hono_sse_deliveries_total_of_something_else 99999',
    '',
  ].join('\n')
}

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
