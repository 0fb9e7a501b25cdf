/**
 * Writes pictures of the dashboard with events flowing: `npm run page:picture`, after `npm run build`. Without
 * arguments it writes docs/page.webp; with a folder, every size and colour into it.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Browser, chromium } from 'playwright-core'

const SIZES = { wide: { width: 1280, height: 800 }, narrow: { width: 360, height: 740 } }

/** Milliseconds for which events flow before a picture is taken: charts need something to show. */
const FLOW_MS = 24_000

const [folder] = process.argv.slice(2)
const hub = spawn('node', ['dist/node.js'], {
  env: { ...process.env, PORT: '0', CLOCK_SECONDS: '0', LOG_FORMAT: 'json' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
try {
  const url = await urlOf()
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium-headless-shell'
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  const stop = flow(url)
  if (folder) mkdirSync(folder, { recursive: true })
  const shots = folder
    ? (['wide', 'narrow'] as const).flatMap((size) => [
        shoot(browser, url, size, 'light', `${folder}/light-${size}.png`),
        shoot(browser, url, size, 'dark', `${folder}/dark-${size}.png`),
      ])
    : [shoot(browser, url, 'wide', 'light', 'docs/page.webp')]
  await Promise.all(shots)
  stop()
  await browser.close()
} finally {
  hub.kill()
}

async function urlOf(): Promise<string> {
  for await (const line of createInterface(hub.stdout)) {
    const found = /https?:\/\/[^"\s]+/.exec(line)?.[0] ?? /"port":(\d+)/.exec(line)?.[1]
    if (found) return found.startsWith('http') ? found : `http://localhost:${found}`
  }
  throw new Error('The hub has not started.')
}

async function shoot(
  browser: Browser,
  url: string,
  size: keyof typeof SIZES,
  colorScheme: 'light' | 'dark',
  path: string,
): Promise<void> {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme, locale: 'en-GB' })
  const page = await context.newPage()
  await page.goto(`${url}/#client=alice&topics=news,orders`)
  for (let pings = 0; pings < 6; pings++) {
    await page.waitForTimeout(FLOW_MS / 6)
    await page.locator('#round-trip button').click()
  }
  await page.locator('#clients summary', { hasText: 'bob' }).click()
  await page.locator('#feed li.event summary', { hasText: 'order' }).nth(1).click()
  await page.waitForTimeout(1_000)
  await page.locator('#feed').evaluate('document.querySelector("#feed").scrollTop = 0')
  if (folder) {
    await page.screenshot({ path })
    await page.screenshot({ path: path.replace('.png', '-full.png'), fullPage: true })
  } else {
    // Half as large as PNG.
    const devtools = await context.newCDPSession(page)
    const options = { format: 'webp', quality: 90 } as const
    const { data } = await devtools.send('Page.captureScreenshot', options)
    writeFileSync(path, Buffer.from(data, 'base64'))
  }
  await context.close()
}

/** Connects some clients, and publishes as an app would. */
function flow(url: string): () => void {
  const end = new AbortController()
  for (const id of ['bob', 'bob', 'carol', 'dave-laptop', 'dave-phone', 'erin']) {
    fetch(`${url}/sse?id=${id}&topic=news`, { signal: end.signal })
      .then((response) => response.text())
      .catch(() => {})
  }
  let n = 0
  const timer = setInterval(() => {
    n += 1
    const order = {
      order: 4_100 + n,
      total: 12.5 * (n % 7) + 20,
      paid: n % 3 > 0,
      items: [
        { sku: 'A-7', count: 2 },
        { sku: 'C-1', count: 1 },
      ],
    }
    if (n % 2) void post('/topics/orders', { event: 'order', data: order })
    else if (n % 3)
      void post('/broadcast', {
        event: 'presence',
        data: { online: 120 + (n % 9) },
        ephemeral: true,
      })
    else void post('/topics/news', { data: 'The train to Vienna now leaves from platform 4.' })
    if (n % 8 === 0) void post('/clients/alice', { event: 'inbox', data: { unread: n / 8 } })
  }, 450)
  return () => {
    clearInterval(timer)
    end.abort()
  }

  async function post(path: string, body: object): Promise<void> {
    const headers = { 'Content-Type': 'application/json' }
    await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) }).catch(() => {})
  }
}
