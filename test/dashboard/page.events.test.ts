/** The list of events: it folds, filters, pauses and copies, and it stays responsive. */
import { execFileSync } from 'node:child_process'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { publish } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'
import { dataOn, openWindow, showsEvent, showsText } from '../support/tabs.ts'

/** A shell and curl, to try the commands that the page copies. */
const HAS_CURL = (() => {
  try {
    return execFileSync('curl', ['--version']).length > 0
  } catch {
    return false
  }
})()

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let server: Server
  let clients = 0
  let client = ''
  beforeAll(async () => {
    server = await startHub()
  })
  beforeEach(() => {
    clients += 1
    client = `reader-${clients}`
  })
  afterAll(async () => {
    await server.kill()
    await closeBrowser()
  })

  const send = (data: string) => publish(server.url, `/clients/${client}`, data)

  test('JSON is coloured, and opens to a tree whose parts fold', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, client)
    await send('{"order":{"id":7,"paid":true,"items":[{"sku":"A"}]},"note":null}')
    const row = tab.locator('#feed li.event')
    await row.waitFor()
    const colours = await tab.evaluate<string[]>(
      `['key', 'string', 'number', 'literal'].map((kind) => getComputedStyle(document.querySelector('.data .' + kind)).color)`,
    )
    expect(new Set(colours).size).toBe(4)
    await row.locator('summary').first().click()
    await row.locator('.body').getByText('"paid"').waitFor()
    // What is deep is folded, and not even built.
    expect(await row.locator('.body').textContent()).not.toContain('"sku"')
    await row.locator('.node summary', { hasText: '"items"' }).click()
    await row.locator('.node summary', { hasText: '0' }).click()
    await row.locator('.body').getByText('"sku"').waitFor()
    await row.locator('.node summary', { hasText: '"order"' }).click()
    await row.locator('.body').getByText('"paid"').waitFor({ state: 'hidden' })
    await window.close()
  })

  test('a huge array is shown in parts', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, client)
    await send(JSON.stringify(Array.from({ length: 250 }, (_, n) => n)))
    await tab.locator('#feed li.event summary').first().click()
    const leaves = tab.locator('#feed .leaf')
    await showsText(tab, '#feed .node > div > .link', '150 more')
    expect(await leaves.count()).toBe(100)
    await tab.getByRole('button', { name: '150 more' }).click()
    await showsText(tab, '#feed .node > div > .link', '50 more')
    expect(await leaves.count()).toBe(200)
    await window.close()
  })

  test('a filter shows matching events only, of those to come as well', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, client)
    for (const data of ['apple', 'banana', 'Apple pie']) await send(data)
    await showsEvent(tab, 'Apple pie')
    await tab.getByLabel('Filter events').fill('apple')
    await showsText(tab, '#count', '2 of 3 events')
    expect(await dataOn(tab)).toEqual(['apple', 'Apple pie'])
    await send('cherry')
    await send('pineapple')
    await showsEvent(tab, 'pineapple')
    expect(await dataOn(tab)).toEqual(['apple', 'Apple pie', 'pineapple'])
    await tab.getByLabel('Filter events').fill('grape')
    await showsText(tab, '#count', '0 of 5 events')
    expect(await tab.locator('#feed').getAttribute('data-empty')).toMatch(/^No event matches/)
    await tab.getByLabel('Filter events').fill('')
    await showsText(tab, '#count', '5 events')
    expect((await dataOn(tab)).length).toBe(5)
    await window.close()
  })

  test('a paused list stands still, counts what it misses, and catches up', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, client)
    await send('before')
    await showsEvent(tab, 'before')
    await showsText(tab, '#count', '1 event')
    await tab.getByRole('button', { name: 'Pause' }).click()
    await send('one')
    await send('two')
    await showsText(tab, '#pause', 'Resume (2 new)')
    expect(await dataOn(tab)).toEqual(['before'])
    await tab.getByRole('button', { name: 'Resume' }).click()
    await showsEvent(tab, 'two')
    expect(await dataOn(tab)).toEqual(['before', 'one', 'two'])
    await showsText(tab, '#pause', 'Pause')
    await window.close()
  })

  test('each copy is announced for a moment of its own', async () => {
    const window = await openWindow({ permissions: ['clipboard-read', 'clipboard-write'] })
    const tab = await window.open(server.url, client)
    await tab.clock.install({ time: 0 })
    await tab.clock.pauseAt(1_000)
    const copy = tab.getByRole('button', { name: /^(Copy as curl: send|Copied)$/ })
    await copy.click()
    await showsText(tab, '#copied', 'Copied')
    await tab.clock.runFor(1_000)
    await copy.click()
    await tab.clock.runFor(1_000)
    expect([await tab.locator('#copied').textContent(), await copy.textContent()]).toEqual([
      'Copied',
      'Copied',
    ])
    await tab.clock.runFor(1_000)
    await showsText(tab, '#copied', '')
    await window.close()
  })

  const curl = HAS_CURL ? 'with curl' : '(skipped: curl is not installed)'
  test.skipIf(!HAS_CURL && !process.env.CI)(
    `the commands that the page copies work in a shell ${curl}`,
    async () => {
      const window = await openWindow({ permissions: ['clipboard-read', 'clipboard-write'] })
      const tab = await window.open(server.url, client)
      const data = `it's "quoted", $HOME \`and\` \\more`
      await tab.getByLabel('Event name, if any').fill("an 'event'")
      await tab.getByLabel('Data').fill(data)
      run(await copied(tab, 'Copy as curl: send'))
      await showsEvent(tab, data)
      await tab.locator('#feed li.event summary').first().click()
      run(await copied(tab, 'Copy as curl', '#feed'))
      await showsText(tab, '#count', '2 events')
      const names = await tab.locator('#feed li.event strong').allTextContents()
      expect(names).toEqual(["an 'event'", "an 'event'"])
      expect(await copied(tab, 'Copy data', '#feed')).toBe(data)
      const listening = await copied(tab, 'Copy as curl: listen')
      expect(run(`${listening} --silent --max-time 1 || true`)).toContain('event: hub:ready')
      await window.close()
    },
  )

  test('ticks of the demo clock share a row', async () => {
    const ticking = await startHub({ CLOCK_SECONDS: '0.1' })
    const window = await openWindow()
    const tab = await window.open(ticking.url, client)
    const row = tab.locator('#feed li.tick')
    await row.locator('.times', { hasText: /^×([3-9]|\d\d)/ }).waitFor()
    expect(await row.count()).toBe(1)
    await ticking.kill()
    await window.close()
  })

  test('5,000 events at once, ten seconds of 500 each, leave the page responsive and its list bounded', async () => {
    const window = await openWindow()
    const tab = await window.open('about:blank')
    await tab.addInitScript(`(() => {
      let last = performance.now()
      self.longestMs = 0
      const look = (now) => {
        self.longestMs = Math.max(self.longestMs, now - last)
        last = now
        requestAnimationFrame(look)
      }
      requestAnimationFrame(look)
    })()`)
    await tab.route('**/sse?*', (route) =>
      route.fulfill({ contentType: 'text/event-stream', body: burst(5_000) }),
    )
    await tab.goto(`${server.url}/#client=alice`)
    await showsText(tab, '#count', /^\d*[05],000 events, the latest 200 shown$/)
    expect(await tab.locator('#feed li').count()).toBe(200)
    await tab.getByLabel('Filter events').fill('nested')
    await showsText(tab, '#count', /^[\d,]+ of \d*[05],000 events$/)
    expect(await tab.locator('#feed li').count()).toBe(200)
    expect(await tab.evaluate<number>('longestMs')).toBeLessThan(3_000)
    await window.close()
  })
})

/** A stream of this many events, as the hub would send it. */
function burst(count: number): string {
  const ready =
    '{"client":"alice","connection":"c","topics":[],"resume":"fresh","heartbeatMs":15000}'
  const data = JSON.stringify({ text: 'x'.repeat(100), list: [1, 2, 3], nested: { deep: true } })
  const events = Array.from({ length: count }, (_, n) => `id: e-${n}\ndata: ${data}\n\n`)
  return `retry: 60000\nid: e-0\nevent: hub:ready\ndata: ${ready}\n\n${events.join('')}`
}

/** Runs a command as a person does who pastes it into a terminal. */
function run(command: string): string {
  return execFileSync('sh', ['-c', command], { encoding: 'utf8', stdio: 'pipe' })
}

/** Presses a button that copies, and returns what is in the clipboard then. */
async function copied(tab: Page, name: string, within = 'body'): Promise<string> {
  await tab.evaluate(`navigator.clipboard.writeText('')`)
  await tab.locator(within).getByRole('button', { name, exact: true }).click()
  return await eventually(async () => {
    const text = await tab.evaluate<string>('navigator.clipboard.readText()')
    expect(text).not.toBe('')
    return text
  })
}
