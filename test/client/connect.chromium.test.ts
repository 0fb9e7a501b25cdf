/** Ten tabs of a real browser share one stream, whatever happens to the tab that holds it. */
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { hasReceived, sharesOneStream, startRestartableHub } from '../support/client-tabs.ts'

afterAll(closeBrowser)

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  test('ten tabs share one connection through the loss of each leader', async () => {
    const hub = await startRestartableHub()
    const context = await hub.openWindow()
    const tabs: Page[] = []
    for (let n = 0; n < 10; n += 1) tabs.push(await hub.openTab(context))
    await sharesOneStream(hub)
    let count = 0
    const burst = async (size: number) => {
      for (let n = 0; n < size; n += 1) {
        expect(await hub.publish(String(count))).toBe(true)
        count += 1
      }
    }
    await burst(50)
    // Closed while events arrive.
    await Promise.all([burst(50), tabs.shift()?.close()])
    // Frozen: it leads, and still leads if the browser says nothing to it.
    const [frozen, crashing] = tabs
    if (!frozen || !crashing) throw new Error('Too few tabs')
    const session = await context.newCDPSession(frozen)
    await session.send('Page.setWebLifecycleState', { state: 'frozen' })
    await burst(50)
    await session.send('Page.setWebLifecycleState', { state: 'active' })
    await burst(20)
    // Crashed.
    const cdp = await context.newCDPSession(crashing)
    const crashed = crashing.waitForEvent('crash')
    cdp.send('Page.crash').catch(() => {})
    await Promise.all([burst(50), crashed])
    tabs.splice(1, 1)
    await burst(20)
    const accepted = Array.from({ length: count }, (_, n) => String(n))
    for (const tab of tabs) await hasReceived(tab, { accepted, unanswered: [] })
    await sharesOneStream(hub)
  })
})
