/** The hub behind nginx that strips a path, in a real browser: the dashboard, tickets and cookies work below it. */
import { afterAll, describe, expect, test } from 'vitest'
import {
  CHROMIUM_IS_MISSING,
  closeBrowser,
  IN_CHROMIUM,
  openContext,
} from '../../support/chromium.ts'
import { eventually } from '../../support/eventually.ts'
import { showsEvent, showsState, showsText } from '../../support/tabs.ts'
import { isMissing, proxies } from './real-proxies.ts'
import { KEY, publishWithKey, startRecipeHub } from './sandbox.ts'

afterAll(closeBrowser)

describe.skipIf(CHROMIUM_IS_MISSING || isMissing('nginx'))(`below a path ${IN_CHROMIUM}`, () => {
  const [nginx] = proxies()

  test('a page joins with a ticket, is sent away, and reconnects by its cookie alone', async () => {
    const hub = await startRecipeHub({ PUBLISH_KEY: KEY, TRUST_PROXY: '1', LIFETIME_SECONDS: '1' })
    const url = `${await nginx?.start(Number(new URL(hub.url).port))}/realtime/`
    const context = await openContext({ ignoreHTTPSErrors: true })
    await context.addInitScript(`sessionStorage.setItem('hono-sse-key', '${KEY}')`)
    const page = await context.newPage()
    const answers: string[] = []
    page.on('response', (response) => {
      const { pathname } = new URL(response.url())
      answers.push(`${response.request().method()} ${pathname} ${response.status()}`)
    })
    await page.goto(`${url}#${new URLSearchParams({ client: 'alice', topics: 'news' })}`)
    await showsState(page, 'Live')
    // The first stream has a ticket. The second could repeat it, for a response that was lost.
    await eventually(() => expect(streamsIn(answers).length).toBeGreaterThan(3))
    await publishWithKey(hub.url, '/topics/news', { data: 'below a path' })
    await showsEvent(page, 'below a path')
    await showsText(page, '#clients-note', '1 client')

    expect(new Set(streamsIn(answers))).toEqual(new Set(['GET /realtime/sse 200']))
    expect(answers.filter((text) => text.startsWith('POST'))).toEqual([
      'POST /realtime/tickets 200',
    ])
    expect(answers.filter((text) => !text.includes(' /realtime/'))).toEqual([])
    const [cookie] = await context.cookies(`${url}sse`)
    expect(cookie).toMatchObject({ path: '/realtime', httpOnly: true, secure: true })
    expect(await context.cookies(new URL('/elsewhere', url).href)).toEqual([])
    await context.close()
  })
})

function streamsIn(answers: readonly string[]): string[] {
  return answers.filter((text) => text.includes('/sse '))
}
