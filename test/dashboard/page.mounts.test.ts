/** The page of a hub that is mounted in another app: below a path, with and without the final slash. */
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { createDashboard } from '../../src/http/dashboard.ts'
import { VERSION } from '../../src/http/openapi/document.ts'
import { createHub } from '../../src/hub/hub.ts'
import { CHROMIUM_IS_MISSING, closeBrowser, IN_CHROMIUM } from '../support/chromium.ts'
import { listsClient, openWindow, showsEvent, showsState, showsText } from '../support/tabs.ts'

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  const hub = createHub()
  const app = createApp({ hub, access: 'anyone', dashboard: createDashboard() })
  const server = createAdaptorServer(new Hono({ strict: false }).route('/live/hub', app))
  let origin = ''
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as { port: number }).port}`
  })
  afterAll(async () => {
    await hub.close()
    server.close()
    await closeBrowser()
  })

  test.each(['/live/hub', '/live/hub/'])('everything works at %s', async (path) => {
    const window = await openWindow()
    const tab = await window.open('about:blank')
    const requests: string[] = []
    tab.on('request', (request) => requests.push(new URL(request.url()).pathname))
    await tab.goto(origin + path)
    await showsState(tab, 'Live')
    await tab.getByRole('button', { name: 'Send', exact: true }).click()
    await showsEvent(tab, '{"text": "It works.", "stars": 5}')
    await listsClient(tab, 'alice')
    await showsText(tab, '#connections .value', '1')
    expect(requests.filter((one) => !one.startsWith('/live/hub'))).toEqual([])
    // It stays at the path that was opened.
    expect(new URL(tab.url()).pathname).toBe(path)
    await showsText(tab, '#version', VERSION)
    await tab.getByRole('button', { name: 'Help' }).click()
    await tab.getByText(`import { connect } from '${origin}/live/hub/client.js'`).waitFor()
    await tab.keyboard.press('Escape')
    await tab.getByRole('link', { name: 'OpenAPI' }).click()
    await tab.getByText('"openapi":').waitFor()
    expect(new URL(tab.url()).pathname).toBe('/live/hub/openapi.json')
    await window.close()
  })
})
