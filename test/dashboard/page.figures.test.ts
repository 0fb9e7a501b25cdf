/** The figures: what the hub measures, how their charts show it, and how long the page's own pings take. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'
import { openWindow, showsEvent, showsText, suggestsClient } from '../support/tabs.ts'

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  let server: Server
  beforeAll(async () => {
    server = await startHub()
  })
  afterAll(async () => {
    await server.kill()
    await closeBrowser()
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
    await showsText(tab, '#connections .value', '12')
    await showsText(tab, '#connections .about', '7 clients')
    await showsText(tab, '#queued .value', '1.5 kB')
    await showsText(tab, '#journal .about', '2 kB of 5 MB · 1,234 evicted')
    expect(await tab.locator('#deliveries .value').textContent()).toBe('–')
    await tab.clock.runFor(2_000)
    await showsText(tab, '#deliveries .value', '150')
    // From the left, two seconds of three minutes are 3.3 of 300. The scale of 12 ends at 20.
    const line = tab.locator('#connections .line')
    expect(await line.getAttribute('d')).toBe('M0.0 16.0L3.3 16.0')
    expect(await tab.locator('#connections .plot span').allTextContents()).toEqual([
      '20',
      '0',
      '3 min',
    ])
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

  test('a ping to oneself measures the round trip', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url, 'alice')
    expect(await tab.locator('#round-trip .value').textContent()).toBe('–')
    await tab.getByRole('button', { name: 'Ping yourself' }).click()
    await showsText(tab, '#round-trip .value', /^[\d.]+ ms$/)
    await showsEvent(tab, 'hello')
    await showsText(tab, '#result', /^Queued for 1 connection, as /)
    // Someone else's ping is no round trip of this page.
    const before = await tab.locator('#round-trip .line').getAttribute('d')
    await tab.getByLabel('Its name').fill('bob')
    await tab.getByRole('button', { name: 'Ping', exact: true }).click()
    await showsText(tab, '#result', /^Queued for 0 connections/)
    expect(await tab.locator('#round-trip .line').getAttribute('d')).toBe(before)
    await window.close()
  })

  test('a ping to oneself that fails says why, and one without a stream says what to do first', async () => {
    const window = await openWindow()
    const tab = await window.open(server.url)
    await tab.getByRole('button', { name: 'Ping yourself' }).click()
    expect(await tab.evaluate('document.activeElement.id')).toBe('client')
    await suggestsClient(tab)
    await tab.getByRole('button', { name: 'Join', exact: true }).click()
    await showsText(tab, '#label', 'Live')
    await tab.route('**/ping/*', (route) => route.abort())
    await tab.getByRole('button', { name: 'Ping yourself' }).click()
    await showsText(tab, '#send-error', 'The hub can’t be reached.')
    expect(await tab.locator('#round-trip .value').textContent()).toBe('–')
    await window.close()
  })
})

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
    'hono_sse_journal_events 3',
    'hono_sse_journal_bytes 2000',
    'hono_sse_journal_max_bytes 5000000',
    'hono_sse_journal_evicted_total 1234',
    `hono_sse_deliveries_total ${total}`,
    'hono_sse_deliveries_total_of_something_else 99999',
    '',
  ].join('\n')
}
