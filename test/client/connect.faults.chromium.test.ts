/** The tabs of a real browser keep their events through everything that happens to hubs, networks and grants. */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  CHROMIUM_IS_MISSING,
  closeBrowser,
  HAS_PAGE_CACHE,
  IN_CHROMIUM,
  openCachingContext,
} from '../support/chromium.ts'
import {
  gapsOf,
  hasReceived,
  type RestartableHub,
  sharesOneStream,
  startPublisher,
  startRestartableHub,
  WITH_KEY,
} from '../support/client-tabs.ts'
import { until } from '../support/eventually.ts'
import { REDIS_IS_MISSING, startRedis } from '../support/redis.ts'
import { testWhere } from '../support/where.ts'

afterAll(closeBrowser)

/** Opens four tabs in one window. */
async function openTabs(
  hub: RestartableHub,
  options: { ticket?: boolean } = {},
): Promise<{ context: BrowserContext; tabs: Page[] }> {
  const context = await hub.openWindow()
  const tabs: Page[] = []
  for (let n = 0; n < 4; n += 1) tabs.push(await hub.openTab(context, options))
  return { context, tabs }
}

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  test('each tab reports one gap when a hub with a journal in memory ends or is killed', async () => {
    const hub = await startRestartableHub()
    const { tabs } = await openTabs(hub)
    const publisher = startPublisher(hub)
    // What was published while the hub ended is lost with its journal.
    const lost: string[] = []
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const { length } = publisher.accepted
      await until('events arrive', () => publisher.accepted.length > length + 10)
      const before = publisher.accepted.length
      await hub.restart(signal)
      lost.push(...publisher.accepted.slice(before - 3))
      await sharesOneStream(hub)
    }
    await publisher.stop()
    for (const tab of tabs) {
      await hasReceived(tab, { ...publisher, unanswered: [...publisher.unanswered, ...lost] })
      expect(await gapsOf(tab)).toEqual(['epoch', 'epoch'])
    }
  })

  test.skipIf(REDIS_IS_MISSING)(
    `no tab loses an event when a hub with Redis ends or is killed${REDIS_IS_MISSING ? ' (skipped: redis-server is not installed)' : ''}`,
    async () => {
      const redis = await startRedis()
      onTestFinished(redis.close)
      const hub = await startRestartableHub({ REDIS_URL: redis.url })
      const { tabs } = await openTabs(hub)
      const publisher = startPublisher(hub)
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        const { length } = publisher.accepted
        await until('events arrive', () => publisher.accepted.length > length + 10)
        await hub.restart(signal)
        await sharesOneStream(hub)
      }
      await publisher.stop()
      for (const tab of tabs) {
        await hasReceived(tab, publisher)
        expect(await gapsOf(tab)).toEqual([])
      }
    },
  )

  test('no tab loses an event while the browser is offline, or a tab navigates away and back', async () => {
    const hub = await startRestartableHub()
    const { context, tabs } = await openTabs(hub)
    const [leader, ...others] = tabs
    const publisher = startPublisher(hub)
    await context.setOffline(true)
    const { length } = publisher.accepted
    await until('events are missed', () => publisher.accepted.length > length + 25)
    await context.setOffline(false)
    await leader?.goto(`${hub.url}/other`)
    await until('events are missed', () => publisher.accepted.length > length + 50)
    await leader?.goBack()
    await sharesOneStream(hub)
    await publisher.stop()
    for (const tab of others) {
      await hasReceived(tab, publisher)
      expect(await gapsOf(tab)).toEqual([])
    }
    // The page was loaded anew, and has what was published since.
    const received = await leader?.evaluate(
      () => (globalThis as unknown as { received: string[] }).received,
    )
    expect(received?.length).toBeGreaterThan(0)
    expect(received).toEqual(publisher.accepted.slice(-(received?.length ?? 0)))
  })

  testWhere(HAS_PAGE_CACHE)(
    'a tab that returns from the back/forward cache receives what it missed',
    async () => {
      const hub = await startRestartableHub()
      const context = await hub.openWindow(openCachingContext())
      const away = await hub.openTab(context)
      const other = await hub.openTab(context)
      const publisher = startPublisher(hub)
      const restored = away.waitForEvent('console', (message) => message.text() === 'restored')
      await away.evaluate(
        `addEventListener('pageshow', ({ persisted }) => persisted && console.log('restored'))`,
      )
      await away.goto(`${hub.url}/other`)
      const { length } = publisher.accepted
      await until('events are missed', () => publisher.accepted.length > length + 25)
      await sharesOneStream(hub)
      // A page that is restored fires no load event, which `goBack` would wait for.
      await away.evaluate('void setTimeout(() => history.back())')
      await restored
      await publisher.stop()
      for (const tab of [away, other]) {
        await hasReceived(tab, publisher)
        expect(await gapsOf(tab)).toEqual([])
      }
      await sharesOneStream(hub)
    },
  )

  test('a grant that ends costs no event, and one ticket for all tabs', async () => {
    const hub = await startRestartableHub(WITH_KEY)
    const { tabs } = await openTabs(hub, { ticket: true })
    const { tickets } = hub
    const publisher = startPublisher(hub)
    await until('two more grants', () => hub.tickets >= tickets + 2)
    await publisher.stop()
    for (const tab of tabs) {
      await hasReceived(tab, publisher)
      expect(await gapsOf(tab)).toEqual([])
    }
    const { connections, opened } = await hub.streams()
    expect(connections).toBeLessThanOrEqual(1)
    // The next stream may not be open yet.
    expect(hub.tickets - opened).toBeLessThanOrEqual(1)
  })
})
