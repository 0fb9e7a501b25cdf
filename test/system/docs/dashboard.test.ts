/** The recipe for a dashboard: figures that change, in pages that were there before and in new ones. */
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CHROMIUM_IS_MISSING,
  closeBrowser,
  IN_CHROMIUM,
  openContext,
} from '../../support/chromium.ts'
import { eventually } from '../../support/eventually.ts'
import type { Server } from '../../support/process.ts'
import { readEvents } from '../../support/reader.ts'
import { compile, KEY, openSandbox, WITH_KEY } from './sandbox.ts'

afterAll(closeBrowser)

describe.skipIf(CHROMIUM_IS_MISSING)(`a dashboard ${IN_CHROMIUM}`, () => {
  const sandbox = openSandbox('dashboard')
  let backEnd: Server
  beforeAll(async () => {
    await compile(sandbox)
    backEnd = await sandbox.serve({ WRITE_KEY: KEY }, process.execPath, 'backend.js')
  })

  test('a page shows the current figures and each change, and an outdated response changes nothing', async () => {
    await set('orders', 1)
    await set('visitors', 10)
    const window = await openContext()
    const early = await window.newPage()
    await early.goto(backEnd.url)
    await shows(early, ['1', '10'])
    await set('orders', 2)
    await shows(early, ['2', '10'])

    const late = await window.newPage()
    let release: () => void = () => {}
    const overtaken = new Promise<void>((resolve) => {
      release = resolve
    })
    const held = new Promise<void>((resolve) => {
      void late.route('**/figures', async (route) => {
        const response = await route.fetch()
        resolve()
        await overtaken
        await route.fulfill({ response })
      })
    })
    await late.goto(backEnd.url)
    await held
    await set('orders', 3)
    await shows(late, ['3', '…'])
    release()
    await shows(late, ['3', '10'])
    await shows(early, ['3', '10'])
  })

  test('a stream carries the requested figures, and no others', async () => {
    const reader = readEvents(await fetch(`${backEnd.url}/live?figure=visitors`))
    await reader.next(({ event }) => event === 'hub:ready')
    await set('orders', 4)
    await set('visitors', 11)
    expect(JSON.parse((await reader.next()).data)).toEqual({ name: 'visitors', value: 11 })
    await reader.close()
  })

  test('setting a figure requires the key and a number', async () => {
    const url = `${backEnd.url}/figures/orders`
    expect((await fetch(url, { method: 'PUT', body: '5' })).status).toBe(401)
    const init = { method: 'PUT', headers: WITH_KEY, body: 'five' }
    expect((await fetch(url, init)).status).toBe(400)
  })

  async function set(name: string, value: number): Promise<void> {
    const init = { method: 'PUT', headers: WITH_KEY, body: String(value) }
    const answer = await fetch(`${backEnd.url}/figures/${name}`, init)
    expect(answer.status).toBe(200)
  }
})

async function shows(page: Page, figures: string[]): Promise<void> {
  await eventually(async () =>
    expect(await page.locator('output').allTextContents()).toEqual(figures),
  )
}
