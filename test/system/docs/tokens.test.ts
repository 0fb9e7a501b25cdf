/** The recipe for tokens: a model whose output the tests write in the formats of providers, and the tabs that receive it. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CHROMIUM_IS_MISSING,
  closeBrowser,
  IN_CHROMIUM,
  openContext,
} from '../../support/chromium.ts'
import { eventually } from '../../support/eventually.ts'
import type { Server } from '../../support/process.ts'
import { type Reader, readEvents } from '../../support/reader.ts'
import { compile, openSandbox } from './sandbox.ts'

afterAll(closeBrowser)

const LOGIN = { username: 'alice', password: 'wonderland' }
const WITH_LOGIN = { Authorization: `Basic ${btoa(`${LOGIN.username}:${LOGIN.password}`)}` }

/** What a provider sends before, for and after the tokens of an answer, and when it fails. */
interface Format {
  readonly begin: string
  token(text: string): string
  readonly end: string
  readonly failure: string
}

const FORMATS: Readonly<Record<'OpenAI' | 'Anthropic', Format>> = {
  OpenAI: {
    begin: frame({ choices: [{ index: 0, delta: { role: 'assistant', content: '' } }] }),
    token: (content) => frame({ choices: [{ index: 0, delta: { content } }] }),
    end: `${frame({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}data: [DONE]\n\n`,
    failure: frame({ error: { message: 'Overloaded', type: 'server_error' } }),
  },
  Anthropic: {
    begin:
      frame({ type: 'message_start', message: { role: 'assistant', content: [] } }) +
      frame({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
      frame({ type: 'ping' }),
    token: (text) =>
      frame({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
    end:
      frame({ type: 'content_block_stop', index: 0 }) +
      frame({ type: 'message_delta', delta: { stop_reason: 'end_turn' } }) +
      frame({ type: 'message_stop' }),
    failure: frame({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
  },
}

/** An event of a provider. Anthropic names its events by their type. */
function frame(data: Readonly<Record<string, unknown>>): string {
  const name = data.type === undefined ? '' : `event: ${data.type}\n`
  return `${name}data: ${JSON.stringify(data)}\n\n`
}

/** An answer that the test writes as a provider would. */
interface Answer {
  say(text: string): void
  end(): void
  fail(): void
  cut(): void
  /** Resolves when the back end has ended its request. */
  readonly closed: Promise<unknown>
}

function beginAnswer({ begin, token, end, failure }: Format, response: ServerResponse): Answer {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  response.write(begin)
  return {
    say: (text) => void response.write(token(text)),
    end: () => void response.end(end),
    fail: () => void response.end(failure),
    cut: () => void response.destroy(),
    closed: once(response, 'close'),
  }
}

describe.skipIf(CHROMIUM_IS_MISSING)(`tokens ${IN_CHROMIUM}`, () => {
  const sandbox = openSandbox('tokens')
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

  test.each(['OpenAI', 'Anthropic'] as const)(
    'all tabs see the answer grow, through a reload in the middle: %s',
    async (format) => {
      const window = await openContext({ httpCredentials: LOGIN })
      const tabs = [await openTab(window), await openTab(window)] as const
      const [asking, watching] = tabs
      const answering = nextQuestion(format)
      await asking.getByLabel('Question').fill('What is it?')
      await asking.getByRole('button', { name: 'Ask' }).click()
      const answer = await answering
      answer.say('It is ')
      for (const tab of tabs) await showsLast(tab, 'It is Stop')
      answer.say('a hub')
      for (const tab of tabs) await showsLast(tab, 'It is a hubStop')
      await watching.reload()
      answer.say(', and')
      for (const tab of tabs) await showsLast(tab, 'It is a hub, andStop')
      const late = await openTab(window)
      answer.say(' this is all.')
      for (const tab of [...tabs, late]) await showsLast(tab, 'It is a hub, and this is all.Stop')
      answer.end()
      for (const tab of [...tabs, late]) await showsLast(tab, 'It is a hub, and this is all.')
      await showsLast(await openTab(window), 'It is a hub, and this is all.')
    },
  )

  test('each tab can stop the answer, and the request to the model ends', async () => {
    const window = await openContext({ httpCredentials: LOGIN })
    const tabs = [await openTab(window), await openTab(window)] as const
    for (const [index, stopping] of tabs.entries()) {
      const answering = nextQuestion('OpenAI')
      await ask('And on and on?')
      const answer = await answering
      answer.say(`On ${index}`)
      for (const tab of tabs) await showsLast(tab, `On ${index}Stop`)
      await stopping.getByRole('button', { name: 'Stop' }).click()
      await answer.closed
      for (const tab of tabs) await showsLast(tab, `On ${index}`)
    }
  })

  test('a tab that missed the end receives the whole text once, and no token', async () => {
    const before = await listen()
    const answering = nextQuestion('OpenAI')
    await ask('And then?')
    const answer = await answering
    answer.say('Then ')
    await before.next(({ event }) => event === 'token')
    const cursor = before.events.findLast(({ id }) => id !== undefined)?.id
    await before.close()

    const witness = await listen(cursor)
    answer.say('it ')
    await witness.next(({ event }) => event === 'token')
    answer.say('ends.')
    answer.end()
    await witness.next(({ event }) => event === 'answer')

    const after = await listen(cursor)
    const { data } = await after.next(({ event }) => event !== 'hub:ready')
    expect(JSON.parse(data)).toMatchObject({ text: 'Then it ends.' })
    expect(after.events.map(({ event }) => event)).toEqual(['hub:ready', 'answer'])
    expect(JSON.parse(after.events[0]?.data ?? '')).toMatchObject({ resume: 'complete' })
    await Promise.all([witness.close(), after.close()])
  })

  test.each([
    ['OpenAI', 'fail'],
    ['Anthropic', 'fail'],
    ['OpenAI', 'cut'],
  ] as const)('an answer that fails says so: %s, %s', async (format, how) => {
    const window = await openContext({ httpCredentials: LOGIN })
    const tab = await openTab(window)
    const answering = nextQuestion(format)
    await ask('Why?')
    const answer = await answering
    answer.say('Because')
    await showsLast(tab, 'BecauseStop')
    answer[how]()
    await showsLast(tab, 'Because … (the answer was cut off)')
  })

  async function openTab(window: BrowserContext): Promise<Page> {
    const page = await window.newPage()
    const ready = page.waitForResponse(/\/events$/)
    await page.goto(backEnd.url)
    await ready
    return page
  }

  async function nextQuestion(format: keyof typeof FORMATS): Promise<Answer> {
    const [, response] = await once(model, 'request')
    return beginAnswer(FORMATS[format], response as ServerResponse)
  }

  async function ask(question: string): Promise<void> {
    const init = { method: 'POST', headers: WITH_LOGIN, body: question }
    expect((await fetch(`${backEnd.url}/questions`, init)).status).toBe(202)
  }

  async function listen(cursor?: string): Promise<Reader> {
    const resume = cursor === undefined ? {} : { 'Last-Event-ID': cursor }
    const headers = { ...WITH_LOGIN, ...resume }
    const reader = readEvents(await fetch(`${backEnd.url}/events`, { headers }))
    await eventually(() => expect(reader.events[0]?.event).toBe('hub:ready'))
    return reader
  }
})

async function showsLast(tab: Page, text: string): Promise<void> {
  await eventually(async () => expect(await tab.locator('li').last().textContent()).toBe(text))
}
