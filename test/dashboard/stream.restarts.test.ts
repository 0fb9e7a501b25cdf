/** The hub restarts while tabs are open: each tab shows what that means for it. */
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { publish } from '../support/client.ts'
import { startHub } from '../support/hub-server.ts'
import type { Environment, Server } from '../support/process.ts'
import { REDIS_IS_MISSING, startRedis } from '../support/redis.ts'
import { dataOn, openWindow, showsEvent, showsState, type Window } from '../support/tabs.ts'

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  const servers: Server[] = []
  let window: Window
  beforeEach(async () => {
    window = await openWindow()
  })
  afterEach(async () => {
    await window.close()
    for (const server of servers.splice(0)) await server.kill()
  })
  afterAll(closeBrowser)

  async function start(environment: Environment = {}): Promise<Server> {
    const server = await startHub(environment)
    servers.push(server)
    return server
  }

  async function openThree({ url }: Server): Promise<Page[]> {
    return [
      await window.open(url, 'alice'),
      await window.open(url, 'alice'),
      await window.open(url, 'bob'),
    ]
  }

  test('each tab shows a gap after the restart of a hub whose journal is in memory', async () => {
    const server = await start()
    const tabs = await openThree(server)
    await publish(server.url, '/broadcast', 'before')
    for (const tab of tabs) await showsEvent(tab, 'before')
    await server.kill()
    for (const tab of tabs) await showsState(tab, 'Reconnecting')
    const again = await start({ PORT: new URL(server.url).port })
    for (const tab of tabs) await showsState(tab, 'Live, after a gap')
    for (const tab of tabs) {
      expect(await tab.locator('#detail').textContent()).toMatch(/^The hub has started a new epoch/)
      await showsNote(tab, /^gap.*"reason":"epoch"/)
    }
    await publish(again.url, '/broadcast', 'after')
    for (const tab of tabs) {
      await showsEvent(tab, 'after')
      expect(await dataOn(tab)).toEqual(['before', 'after'])
    }
  })

  test('a hub that shuts down says so, and the page shows when it has reconnected', async () => {
    // Long enough between goodbye and return to be seen on a busy machine.
    const server = await start({ RETRY_MS: '2000' })
    const tab = await window.open(server.url, 'alice')
    server.signal('SIGTERM')
    await showsState(tab, 'Reconnecting')
    await showsNote(tab, 'The hub ended the stream: shutdown.')
    await server.exit
    await start({ PORT: new URL(server.url).port })
    await showsState(tab, 'Live, after a gap')
  })

  test('a connection that fails silently is noticed, and the stream resumes', async () => {
    const server = await start({ HEARTBEAT_SECONDS: '0.5' })
    const tab = await window.open(server.url, 'alice')
    server.signal('SIGSTOP')
    await showsState(tab, 'Reconnecting')
    server.signal('SIGCONT')
    await showsState(tab, 'Live, resumed')
  })

  const withRedis = REDIS_IS_MISSING ? 'with Redis (skipped: it is not installed)' : 'with Redis'
  describe.skipIf(REDIS_IS_MISSING)(withRedis, () => {
    test('each tab resumes with the events sent to it meanwhile, and none is missing', async () => {
      const redis = await startRedis()
      try {
        const settings = { REDIS_URL: redis.url }
        const server = await start(settings)
        const other = await start(settings)
        const tabs = await openThree(server)
        await publish(server.url, '/broadcast', 'before')
        for (const tab of tabs) await showsEvent(tab, 'before')
        await server.kill()
        for (const tab of tabs) await showsState(tab, 'Reconnecting')
        await publish(other.url, '/clients/alice', 'for alice')
        await publish(other.url, '/broadcast', 'for all')
        await start({ ...settings, PORT: new URL(server.url).port })
        for (const tab of tabs) {
          await showsState(tab, 'Live, resumed')
          await showsEvent(tab, 'for all')
          expect(await tab.locator('#feed strong', { hasText: 'gap' }).count()).toBe(0)
        }
        const received = await Promise.all(tabs.map(dataOn))
        expect(received).toEqual([
          ['before', 'for alice', 'for all'],
          ['before', 'for alice', 'for all'],
          ['before', 'for all'],
        ])
      } finally {
        await redis.close()
      }
    })
  })
})

/** Waits until the page shows something that happened to the stream itself. */
async function showsNote(tab: Page, text: string | RegExp): Promise<void> {
  await tab.locator('#feed .own', { hasText: text }).first().waitFor()
}
