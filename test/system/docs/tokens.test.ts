/** The recipe for tokens: a model whose output the tests write, and the tabs that receive it. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
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
import { compile, openSandbox } from './sandbox.ts'

afterAll(closeBrowser)

/** A model served over HTTP: it returns what the tests write. */
const MODEL = `
export async function* ask(question: string): AsyncGenerator<string> {
  const { body } = await fetch(process.env.MODEL_URL ?? '', { method: 'POST', body: question })
  const reader = body?.pipeThrough(new TextDecoderStream()).getReader()
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    yield part.value
  }
}
`
const LOGIN = { username: 'alice', password: 'wonderland' }
const WITH_LOGIN = { Authorization: `Basic ${btoa(`${LOGIN.username}:${LOGIN.password}`)}` }

describe.skipIf(CHROMIUM_IS_MISSING)(`tokens ${IN_CHROMIUM}`, () => {
  const sandbox = openSandbox('tokens', { 'model.ts': MODEL })
  const model = createServer()
  let backEnd: Server

  beforeAll(async () => {
    await compile(sandbox)
    await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve))
    const MODEL_URL = `http://127.0.0.1:${(model.address() as AddressInfo).port}`
    const environment = { MODEL_URL, PASSWORD: LOGIN.password }
    backEnd = await sandbox.serve(environment, process.execPath, 'backend.js')
  })
  afterAll(() => {
    model.closeAllConnections()
    model.close()
  })

  test('all tabs see the answer grow, and a tab that opens in the middle sees the whole text', async () => {
    const window = await openContext({ httpCredentials: LOGIN })
    const open = async () => {
      const page = await window.newPage()
      const ready = page.waitForResponse(/\/events$/)
      await page.goto(backEnd.url)
      await ready
      return page
    }
    const tabs = [await open(), await open()] as const
    const spoken = nextQuestion()
    await tabs[0].getByLabel('Question').fill('What is it?')
    await tabs[0].getByRole('button').click()
    const speaker = await spoken
    speaker.write('It is ')
    for (const tab of tabs) await shows(tab, ['It is '])
    speaker.write('a hub')
    for (const tab of tabs) await shows(tab, ['It is a hub'])

    const late = await open()
    speaker.write(', and')
    for (const tab of tabs) await shows(tab, ['It is a hub, and'])
    await shows(late, [''])
    speaker.end(' this is all.')
    for (const tab of [...tabs, late]) await shows(tab, ['It is a hub, and this is all.'])

    const fresh = await open()
    await shows(fresh, ['It is a hub, and this is all.'])
  })

  test('a tab that missed the end receives the whole text once, and no token', async () => {
    const before = await listen()
    const speaking = nextQuestion()
    await ask('And then?')
    const speaker = await speaking
    speaker.write('Then ')
    await before.next(({ event }) => event === 'token')
    const cursor = before.events.findLast(({ id }) => id !== undefined)?.id
    await before.close()

    const witness = await listen(cursor)
    speaker.write('it ')
    await witness.next(({ event }) => event === 'token')
    speaker.end('ends.')
    await witness.next(({ event }) => event === 'answer')

    const after = await listen(cursor)
    const { data } = await after.next(({ event }) => event !== 'hub:ready')
    expect(JSON.parse(data)).toMatchObject({ text: 'Then it ends.', failed: false })
    expect(after.events.map(({ event }) => event)).toEqual(['hub:ready', 'answer'])
    expect(JSON.parse(after.events[0]?.data ?? '')).toMatchObject({ resume: 'complete' })
    await Promise.all([witness.close(), after.close()])
  })

  test('an answer that breaks off is marked as failed', async () => {
    const reader = await listen()
    const speaking = nextQuestion()
    await ask('Why?')
    const speaker = await speaking
    speaker.write('Because')
    await reader.next(({ event }) => event === 'token')
    speaker.destroy()
    const { data } = await reader.next(
      ({ event, data }) => event === 'answer' && data.includes('Because'),
    )
    expect(JSON.parse(data)).toMatchObject({ text: 'Because', failed: true })
    await reader.close()
  })

  function nextQuestion(): Promise<ServerResponse> {
    return new Promise((resolve) => {
      model.once('request', (_, response: ServerResponse) => resolve(response))
    })
  }

  async function ask(question: string): Promise<void> {
    const init = { method: 'POST', headers: WITH_LOGIN, body: question }
    expect((await fetch(`${backEnd.url}/questions`, init)).status).toBe(202)
  }

  async function listen(cursor?: string) {
    const resume = cursor === undefined ? {} : { 'Last-Event-ID': cursor }
    const headers = { ...WITH_LOGIN, ...resume }
    const reader = readEvents(await fetch(`${backEnd.url}/events`, { headers }))
    await eventually(() => expect(reader.events[0]?.event).toBe('hub:ready'))
    return reader
  }
})

async function shows(tab: Page, texts: string[]): Promise<void> {
  await eventually(async () => expect(await tab.locator('li').allTextContents()).toEqual(texts))
}
