/** The README: its commands do what it shows, and its code runs. */
import { beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { readEvents } from '../../support/reader.ts'
import { blocksIn, textOf } from './document.ts'
import { compile, openSandbox, startRecipeHub } from './sandbox.ts'
import { CURL_IS_MISSING, commandsIn, shell, startInBackground, WITH_CURL } from './shell.ts'

const README = textOf('README.md')
const CODE = blocksIn(README).map(({ code }) => code)

/** The block that begins like this. */
function block(start: string): string {
  const code = CODE.find((one) => one.startsWith(start))
  if (code === undefined) throw new Error(`The README has no block that begins with ${start}.`)
  return code
}

/** Text whose ids are those of one epoch. */
function ofOneEpoch(text: string): string {
  // The retry is spread at random.
  return text
    .replace(/\b[a-z0-9]{12}-(\d+)/g, 'epoch-$1')
    .replace(/^retry: \d+/m, 'retry: 0')
    .trim()
}

test('the README can be read in two minutes', () => {
  expect(README.trimEnd().split('\n').length).toBeLessThanOrEqual(150)
})

test('the commands that start and test the hub are scripts of the package, each on one line', () => {
  const { scripts } = JSON.parse(textOf('package.json'))
  expect(block('npm ci')).toBe('npm ci && npm start\n')
  expect(README).toMatch(/^.*`npm ci && npm test`/m)
  expect(scripts).toMatchObject({
    start: 'node dist/node.js',
    prestart: expect.stringContaining('npm run build'),
  })
  expect(scripts).toMatchObject({ test: 'vitest run', pretest: 'npm run build' })
})

describe.skipIf(CURL_IS_MISSING)(`two terminals ${WITH_CURL}`, () => {
  test('show what the README shows', async () => {
    const { url } = await startRecipeHub({ RETRY_MS: '2000' })
    const [listen = '', publish = ''] = commandsIn(block('curl -N'), url)
    const first = startInBackground(listen)
    await eventually(() => expect(first.lines.join('\n')).toContain('hub:ready'))
    const result = ofOneEpoch(shell(publish))
    await eventually(() => expect(first.lines).toContain('data: hi'))
    expect(ofOneEpoch(first.lines.join('\n'))).toBe(ofOneEpoch(block('retry: 2000')))
    const [, shown = ''] = /queued for: `([^`]*)`/.exec(README) ?? []
    expect(result).toBe(ofOneEpoch(shown))
  })
})

describe('its code', () => {
  const sandbox = openSandbox(undefined, {
    'page.ts': block('const events = new EventSource'),
    'app.ts': block('import { Hono }').replace('port: 3000', 'port: Number(process.env.PORT)'),
  })
  beforeAll(() => compile(sandbox))

  test('the Hono app pushes a message to a user in every tab', async () => {
    const port = await freePort()
    sandbox.start({ PORT: `${port}` }, process.execPath, 'app.js')
    const url = `http://127.0.0.1:${port}`
    const first = await eventually(() => fetch(`${url}/events/alice`))
    const tabs = [readEvents(first), readEvents(await fetch(`${url}/events/alice`))]
    for (const tab of tabs) await tab.next(({ event }) => event === 'hub:ready')
    const posted = await fetch(`${url}/messages/alice`, { method: 'POST', body: 'hello' })
    expect(await posted.json()).toMatchObject({ connections: 2 })
    for (const tab of tabs) {
      expect(await tab.next(({ event }) => event !== 'hub:ready')).toMatchObject({ data: 'hello' })
      await tab.close()
    }
  })
})
