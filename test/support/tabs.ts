/** A real browser, and what a person sees in its tabs. */
import type {
  BrowserContext,
  BrowserContextOptions,
  Locator,
  Page,
  ViewportSize,
} from 'playwright-core'
import { expect } from 'vitest'
import { openContext } from './chromium.ts'
import { eventually } from './eventually.ts'

/** Tabs that share cookies and connections, as those of one person do. */
export interface Window {
  /** Opens the page as one that has left, or joined if a client is named, and waits until it is live. */
  open(url: string, client?: string, topics?: string): Promise<Page>
  /** Errors that its tabs reported. */
  readonly errors: readonly string[]
  close(): Promise<void>
}

/** Opens an empty window. */
export async function openWindow(options: BrowserContextOptions = {}): Promise<Window> {
  const context = await openContext({ viewport: WIDE, ...options })
  const errors: string[] = []
  context.on('console', (message) => {
    const isComplaint = message.type() === 'error' || message.type() === 'warning'
    // An error status that the page must handle is not an error of the page.
    const isStatus = message.text().startsWith('Failed to load resource')
    if (isComplaint && !isStatus) errors.push(message.text())
  })
  context.on('weberror', ({ error }) => errors.push(error().message))
  return { open: (...page) => openTab(context, ...page), errors, close: () => context.close() }
}

/** The size of a tab, unless a test says otherwise. */
export const WIDE: ViewportSize = { width: 1280, height: 900 }

async function openTab(context: BrowserContext, url: string, client?: string, topics = '') {
  const page = await context.newPage()
  const hash = client === undefined ? '#left' : `#${new URLSearchParams({ client, topics })}`
  await page.goto(url.startsWith('http') ? `${url}/${hash}` : url)
  if (client !== undefined) await showsState(page, 'Live')
  return page
}

/** Waits until the page says that its stream is in this state. */
export async function showsState(page: Page, label: string): Promise<void> {
  await page.locator('#label', { hasText: new RegExp(`^${label}$`) }).waitFor()
}

/** Waits until the page suggests a client to join as, which it does as soon as the hub has accepted its key. */
export async function suggestsClient(page: Page): Promise<void> {
  const client = page.getByLabel('Client id')
  await eventually(async () => expect(await client.inputValue()).not.toBe(''))
}

/** Waits until the page shows an event with this data. */
export async function showsEvent(page: Page, data: string): Promise<void> {
  await page.locator('#feed .data').getByText(data, { exact: true }).first().waitFor()
}

/** The data of what was published, as the page shows it, oldest first. */
export async function dataOn(page: Page): Promise<string[]> {
  const rows = await page.locator('#feed li:not(.own) .data').allTextContents()
  return rows.reverse()
}

/** Resolves when the text of an element is as expected. */
export async function showsText(
  page: Page,
  selector: string,
  text: string | RegExp,
): Promise<void> {
  await eventually(async () => {
    const found = (await page.locator(selector).textContent()) ?? ''
    if (typeof text === 'string' ? found === text : text.test(found)) return
    throw new Error(`${selector} reads ${JSON.stringify(found)}, not ${text}.`)
  })
}

/** Opens the row of a client in the list of clients, and returns it. */
export async function openClient(page: Page, client: string): Promise<Locator> {
  const row = await listsClient(page, client)
  await row.locator('summary').click()
  await row.getByRole('button', { name: `Disconnect ${client}` }).waitFor()
  return row
}

/** Waits until a client is listed, and returns its row. */
export async function listsClient(page: Page, client: string): Promise<Locator> {
  const row = page.locator('#clients li').filter({ has: page.getByText(client, { exact: true }) })
  await row.waitFor()
  return row
}
