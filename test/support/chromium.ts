/** Starts Chromium for a test file, and says so if it is missing. */
import { existsSync } from 'node:fs'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
} from 'playwright-core'
import { vi } from 'vitest'

// Browsers are slow on a machine that is busy with something else.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 })

/** Without the windows of a browser, the shell opens a page in a quarter of the time. */
const PATHS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']

const CHROMIUM =
  process.env.CHROMIUM || (PATHS.find((path) => existsSync(path)) ?? '/usr/bin/chromium')

/** Whether tests may skip the browser: never where all tests must run. */
export const CHROMIUM_IS_MISSING: boolean = !existsSync(CHROMIUM) && !process.env.CI

if (CHROMIUM_IS_MISSING) console.warn(`${CHROMIUM} is not installed: what needs it is skipped.`)

/** Where the tests run; the name says so if they do not. */
export const IN_CHROMIUM: string = CHROMIUM_IS_MISSING
  ? 'in Chromium (skipped: it is not installed)'
  : 'in Chromium'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--renderer-process-limit=32',
]

let browser: Promise<Browser> | undefined
let cachingBrowser: Promise<Browser> | undefined

/** Opens an empty window, as one person would have, whose tabs share cookies and connections. */
export async function openContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  browser ??= chromium.launch({ executablePath: CHROMIUM, args: FLAGS })
  return await (await browser).newContext(options)
}

/** The whole Chromium, if it is installed: the headless shell has no back/forward cache. */
const CACHING_CHROMIUM = [CHROMIUM, '/usr/bin/chromium'].find(
  (path) => existsSync(path) && !path.includes('headless-shell'),
)

/** Whether pages can go into the back/forward cache. Tests that need it don't exist elsewhere. */
export const HAS_PAGE_CACHE: boolean = CACHING_CHROMIUM !== undefined

/** Opens an empty window whose pages go into the back/forward cache. */
export async function openCachingContext(): Promise<BrowserContext> {
  cachingBrowser ??= chromium.launch({
    executablePath: CACHING_CHROMIUM ?? '',
    args: [...FLAGS, '--headless=new'],
    ignoreDefaultArgs: ['--headless', '--headless=old', '--disable-back-forward-cache'],
  })
  return await (await cachingBrowser).newContext()
}

/** Ends the browsers. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close()
  await (await cachingBrowser)?.close()
  browser = undefined
  cachingBrowser = undefined
}
