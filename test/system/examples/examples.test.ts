/** The examples start with two commands, and do in Chromium what their pages promise. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CHROMIUM_IS_MISSING,
  closeBrowser,
  IN_CHROMIUM,
  openContext,
} from '../../support/chromium.ts'
import { eventually } from '../../support/eventually.ts'
import { manifest, PACK_MS } from '../package/tarball.ts'
import {
  codeOf,
  EXAMPLES,
  type InstalledExamples,
  installExamples,
  manifestOf,
  names,
} from './example.ts'

let examples: InstalledExamples
beforeAll(async () => {
  examples = await installExamples()
}, PACK_MS)
afterAll(async () => {
  await closeBrowser()
  await examples.remove()
})

describe.each(names)('%s', (name) => {
  test('is short, and its page says how to start it', () => {
    const lines = codeOf(name).flatMap((code) => code.split('\n'))
    const code = lines.filter((line) => !/^\s*(\/\/.*|\/\*\*.*\*\/)?$/.test(line))
    expect(code.length).toBeLessThanOrEqual(150)
    const readme = readFileSync(join(EXAMPLES, name, 'README.md'), 'utf8')
    expect(readme).toContain('npm install\nnpm start\n')
    expect(readme.trim().split('\n').length).toBeLessThanOrEqual(20)
  })

  test('requires the versions that the package is tested with', () => {
    const { dependencies, peerDependencies } = manifest
    const tested = { ...dependencies, ...peerDependencies, 'hono-sse': `^${manifest.version}` }
    expect(tested).toMatchObject(manifestOf(name).dependencies ?? {})
  })

  test('has no mistake in its types', () => examples.check(name))
})

describe.skipIf(CHROMIUM_IS_MISSING)(IN_CHROMIUM, () => {
  test('notifications reach all tabs of a user, and so does what was read', async () => {
    const { url } = await examples.start('notifications')
    const [alice, bob] = [await openContext(), await openContext()]
    const streams = countStreams(alice)
    const first = await alice.newPage()
    await first.goto(url)
    await logIn(first, 'alice', 'queen')
    await first.getByText('This name or password is wrong.').waitFor()
    await logIn(first, 'alice', 'wonderland')
    await first.getByText('No messages yet').or(first.getByText('online: alice')).waitFor()
    const second = await alice.newPage()
    await second.goto(url)
    const other = await bob.newPage()
    await other.goto(url)
    await logIn(other, 'bob', 'builder')
    for (const tab of [first, second]) await tab.getByText('online: alice, bob').waitFor()

    for (const text of ['Lunch?', 'Or <b>dinner</b>?']) {
      await other.getByLabel('To').selectOption('alice')
      await other.getByLabel('Message').fill(text)
      await other.getByRole('button', { name: 'Send' }).click()
      await eventually(async () => expect(await other.getByLabel('Message').inputValue()).toBe(''))
    }
    const items = ['bob Or <b>dinner</b>?', 'bob Lunch?']
    for (const tab of [first, second]) await shows(tab, 'li', items)
    for (const tab of [first, second]) await shows(tab, '#unread', ['2'])
    await second.reload()
    await shows(second, 'li.unread', items)
    await second.getByRole('button', { name: 'Mark all as read' }).click()
    for (const tab of [first, second]) await shows(tab, 'li.unread', [])
    for (const tab of [first, second]) await shows(tab, '#unread', [''])
    await shows(other, 'li', [])
    expect(streams()).toBe(1)

    // The other tab holds the stream.
    await second.getByRole('button', { name: 'Log out' }).click()
    for (const tab of [first, second]) await tab.getByRole('heading', { name: 'Log in' }).waitFor()
    const strangers = [{ user: 'carol' }, { user: 'alice', password: '' }]
    for (const body of strangers.map((fields) => new URLSearchParams(fields))) {
      const answer = await fetch(`${url}/login`, { method: 'POST', body, redirect: 'manual' })
      expect(answer.headers.get('Set-Cookie')).toBeNull()
    }
  })

  test('an answer is the same in all tabs, and goes on after a reload', async () => {
    const { url } = await examples.start('llm-answer')
    const context = await openContext()
    const streams = countStreams(context)
    const first = await context.newPage()
    await first.goto(url)
    const second = await context.newPage()
    await second.goto(url)
    // The answer repeats the question, so a long one leaves time for what happens meanwhile.
    const [why, how] = [words('Why?', 40), words('How?', 90)]
    await ask(first, why)
    for (const tab of [first, second]) await tab.getByText('You asked: “Why?').waitFor()
    await second.reload()
    await second.locator('article.writing').getByText('You asked: “Why?').waitFor()
    for (const tab of [first, second]) await tab.locator('article.done').waitFor()
    const [text = ''] = await first.locator('article p').allTextContents()
    expect(text.startsWith(`You asked: “${why}” A stream ends `)).toBe(true)
    expect(text.endsWith(' through a tunnel. ')).toBe(true)
    await shows(second, 'article p', [text])

    await ask(second, how)
    await first.getByText('You asked: “How?').waitFor()
    await first.getByRole('button', { name: 'Stop' }).click()
    for (const tab of [first, second]) await tab.locator('article.stopped').waitFor()
    const texts = await first.locator('article p').allTextContents()
    const late = await context.newPage()
    await late.goto(url)
    for (const tab of [second, late]) await shows(tab, 'article p', texts)
    expect(streams()).toBe(1)

    const stranger = await (await openContext()).newPage()
    await stranger.goto(url)
    expect(await (await stranger.request.get(`${url}/chats`)).json()).toEqual({})
  })

  test('a dashboard shows the same figures in all tabs, and a late one the whole chart', async () => {
    const { url } = await examples.start('dashboard')
    const context = await openContext()
    const first = await context.newPage()
    await first.goto(url)
    for (let n = 0; n < 30; n += 1) await first.getByRole('button').click()
    await eventually(async () => expect(await ordersIn(first)).toBeGreaterThanOrEqual(30))
    await eventually(async () => expect(await pointsIn(first)).toBeGreaterThanOrEqual(4))
    await shows(first, '#viewers', ['1'])
    const second = await context.newPage()
    await second.goto(url)
    const other = await (await openContext()).newPage()
    await other.goto(url)
    for (const tab of [second, other]) {
      await tab.locator('#status.live').waitFor()
      await eventually(async () => {
        const all = await pointsIn(first)
        expect(await pointsIn(tab)).toBeGreaterThanOrEqual(all)
      })
      await eventually(async () => expect(await ordersIn(tab)).toBeGreaterThanOrEqual(30))
    }
    for (const tab of [first, second, other]) await shows(tab, '#viewers', ['2'])
    await other.close()
    for (const tab of [first, second]) await shows(tab, '#viewers', ['1'])
  })
})

function words(word: string, count: number): string {
  return Array(count).fill(word).join(' ')
}

async function ask(page: Page, question: string): Promise<void> {
  await page.locator('#status', { hasText: /^$/ }).waitFor({ state: 'attached' })
  await page.getByLabel('Question').fill(question)
  await page.getByRole('button', { name: 'Ask' }).click()
}

async function ordersIn(page: Page): Promise<number> {
  return Number(await page.locator('#orders').textContent())
}

/** How many samples the chart shows. */
async function pointsIn(page: Page): Promise<number> {
  const points = await page.locator('#line').getAttribute('points')
  return points ? points.split(' ').length : 0
}

async function logIn(page: Page, user: string, password: string): Promise<void> {
  await page.getByLabel('Name').fill(user)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

/** Counts the streams that the tabs of a window open. */
function countStreams(context: BrowserContext): () => number {
  let count = 0
  context.on('request', (request) => {
    if (/\/(sse|events)(\?|$)/.test(request.url())) count += 1
  })
  return () => count
}

async function shows(page: Page, selector: string, texts: string[]): Promise<void> {
  await eventually(async () =>
    expect(await page.locator(selector).allTextContents()).toEqual(texts),
  )
}
