/** The components for React of the recipe and of the page on clients, bundled, in a page of StrictMode. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  CHROMIUM_IS_MISSING,
  closeBrowser,
  IN_CHROMIUM,
  openContext,
} from '../../support/chromium.ts'
import { eventually } from '../../support/eventually.ts'
import { ROOT, type Server } from '../../support/process.ts'
import { blocksIn, textOf } from './document.ts'
import { compile, openSandbox, publishWithKey, startRecipeHub } from './sandbox.ts'

afterAll(closeBrowser)

/** Shows the feed of one client, of another, or of nobody. */
const MAIN = `
import { StrictMode, useState } from 'react'
import { createRoot } from 'react-dom/client'
import { Inbox } from './inbox.tsx'
import { Page } from './page.tsx'

const reload = () => {}

function Main() {
  const [client, setClient] = useState('nobody')
  return (
    <>
      {['alice', 'bob', 'nobody'].map((name) => (
        <button key={name} onClick={() => setClient(name)}>{name}</button>
      ))}
      {client !== 'nobody' && <Page url={location.hash.slice(1) + '/sse'} client={client} />}
    </>
  )
}

const content = location.pathname === '/inbox' ? <Inbox client="carol" reload={reload} /> : <Main />
createRoot(document.body).render(<StrictMode>{content}</StrictMode>)
`
const PAGE = '<!doctype html><body></body><script type="module" src="bundle.js"></script>'

describe.skipIf(CHROMIUM_IS_MISSING)(`a feed in React ${IN_CHROMIUM}`, () => {
  const [inbox] = blocksIn(textOf('docs/clients.md')).filter(({ language }) => language === 'tsx')
  const sandbox = openSandbox('react', { 'main.tsx': MAIN, 'inbox.tsx': inbox?.code ?? '' })
  const pages = createServer((request, response) => {
    const isScript = request.url === '/bundle.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? readFileSync(join(sandbox.folder, 'bundle.js')) : PAGE)
  })
  let hub: Server
  let origin: string

  beforeAll(async () => {
    await compile(sandbox)
    // StrictMode runs effects twice in development only.
    const development = ['--define', 'process.env.NODE_ENV="development"']
    const bun = join(ROOT, 'node_modules/.bin/bun')
    await sandbox.run(bun, 'build', 'main.js', '--outfile', 'bundle.js', ...development)
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}`
    hub = await startRecipeHub({ CORS_ORIGINS: origin })
  })
  afterAll(() => {
    pages.closeAllConnections()
    pages.close()
  })

  test('a component shows its events, once each, and has no stream but its own', async () => {
    const window = await openContext()
    const complaints: string[] = []
    window.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    const page = await window.newPage()
    await page.goto(`${origin}/#${hub.url}`)

    await page.getByRole('button', { name: 'alice' }).click()
    await connected({ alice: 1 })
    await publishWithKey(hub.url, '/clients/alice', { data: 'one' })
    await shows(page, ['one'])
    await fetch(`${hub.url}/clients/alice`, { method: 'DELETE' })
    await publishWithKey(hub.url, '/clients/alice', { data: 'two' })
    await shows(page, ['one', 'two'])

    await page.getByRole('button', { name: 'bob' }).click()
    await connected({ bob: 1 })
    await shows(page, [])
    await publishWithKey(hub.url, '/clients/alice', { data: 'for nobody' })
    await publishWithKey(hub.url, '/clients/bob', { data: 'three' })
    await shows(page, ['three'])

    await page.getByRole('button', { name: 'nobody' }).click()
    await connected({})
    expect(complaints).toEqual([])
  })

  test('the component of the page on clients shows what is unread', async () => {
    const window = await openContext()
    await window.route('**/inbox', (route) =>
      route.fulfill({ contentType: 'text/html', body: PAGE }),
    )
    await window.route('**/bundle.js', (route) =>
      route.fulfill({ path: join(sandbox.folder, 'bundle.js') }),
    )
    const page = await window.newPage()
    await page.goto(`${hub.url}/inbox`)
    await page.getByText('0 unread').waitFor()
    await publishWithKey(hub.url, '/clients/carol', { event: 'inbox', data: { unread: 3 } })
    await page.getByText('3 unread').waitFor()
    await connected({ carol: 1 })
    await page.close()
    await connected({})
  })

  function connected(expected: Record<string, number>): Promise<void> {
    return eventually(async () => {
      const { clients } = (await (await fetch(`${hub.url}/clients`)).json()) as {
        clients: { client: string; connections: number }[]
      }
      const counts = clients.map(({ client, connections }) => [client, connections])
      expect(Object.fromEntries(counts)).toEqual(expected)
    })
  }
})

async function shows(page: Page, texts: string[]): Promise<void> {
  await eventually(async () => expect(await page.locator('li').allTextContents()).toEqual(texts))
}
