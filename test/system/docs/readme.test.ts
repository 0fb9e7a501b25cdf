/** The README: its commands do what it shows, and its code compiles. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import {
  type Process,
  ROOT,
  type Server,
  startProcess,
  startServer,
} from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { blocksIn } from './document.ts'
import { compile, openKitchen } from './sandbox.ts'

const README = readFileSync(`${ROOT}/README.md`, 'utf8')
const PACKAGE = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8'))
const CODE = blocksIn(README).map(({ code }) => code)
const KEY = 'a-key-for-the-readme-0123456789'

/** The block that begins so. */
function block(start: string): string {
  const code = CODE.find((one) => one.startsWith(start))
  if (code === undefined) throw new Error(`The README has no block that begins with ${start}.`)
  return code
}

/** Its commands, as they would be typed for a hub elsewhere. */
function commands(start: string, { host }: URL): string[] {
  return block(start)
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').replaceAll('localhost:3020', host))
    .map((line) => line.replace(/^npx hono-sse/, `"${process.execPath}" dist/cli.js`))
    .filter((line) => line !== '')
}

/** Runs a command to its end. */
function shell(command: string, environment: Readonly<Record<string, string>> = {}): string {
  const env = { PATH: process.env.PATH, ...environment }
  const options = { cwd: ROOT, env, encoding: 'utf8', timeout: 20_000 } as const
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], options)
  expect({ command, status, stderr }).toMatchObject({ command, status: 0 })
  return stdout
}

/** Text whose ids are those of one epoch. */
function ofOneEpoch(text: string): string {
  return text.replace(/\b[a-z0-9]{12}-(\d+)/g, 'epoch-$1').trim()
}

const started: Process[] = []
afterAll(async () => {
  for (const one of started) await one.kill()
})

async function serverWith(environment: Readonly<Record<string, string>>): Promise<Server> {
  const server = await startServer(COMMANDS.node, { CLOCK_SECONDS: '0', ...environment })
  started.push(server)
  return server
}

function goOn(command: string, environment: Readonly<Record<string, string>> = {}): Process {
  const one = startProcess({ file: 'sh', args: ['-c', command] }, environment)
  started.push(one)
  return one
}

test('the command that starts it is a script of the package', () => {
  expect(block('npm ci')).toBe('npm ci && npm start\n')
  expect(PACKAGE.scripts).toMatchObject({ start: 'node dist/node.js', prestart: 'npm run build' })
  for (const [, name] of README.matchAll(/`(?:npm ci && )?npm run ([\w:]+)`/g)) {
    expect(PACKAGE.scripts).toHaveProperty([name ?? ''])
  }
})

test('what is typed into two terminals shows what stands there', async () => {
  const { url } = await serverWith({})
  const [listen = '', ...publishing] = commands('curl -N', new URL(url))
  const first = goOn(listen)
  await eventually(() => expect(first.lines.join('\n')).toContain('hub:ready'))
  const receipts = publishing.map((command) => ofOneEpoch(shell(command)))
  await eventually(() => expect(first.lines).toContain('data: hi'))
  expect(ofOneEpoch(first.lines.join('\n'))).toBe(ofOneEpoch(block('retry: 2000')))
  const [, receipt = ''] = /what became of it: `([^`]*)`/.exec(README) ?? []
  expect(receipts[0]).toBe(ofOneEpoch(receipt))
})

describe('the command', () => {
  let server: Server
  beforeAll(async () => {
    server = await serverWith({ PUBLISH_KEY: KEY })
  })

  test('listens, publishes and gets tickets as it says', async () => {
    const [, listen = '', publish = '', ticket = ''] = commands('npx hono-sse', new URL(server.url))
    const listener = goOn(listen, { PUBLISH_KEY: KEY })
    await eventually(() => expect(listener.stderr).toContain('listening as alice'))
    expect(shell(publish, { PUBLISH_KEY: KEY })).toMatch(/"connections":1/)
    await eventually(() => expect(listener.lines.join()).toContain('"data":"hello"'))
    expect(shell(ticket, { PUBLISH_KEY: KEY }).trim()).toMatch(/^\S{40,}$/)
  })

  test('serves at the port of its flag', async () => {
    const [serve = ''] = commands('npx hono-sse', new URL(server.url))
    expect(serve).toMatch(/ --port 3020$/)
    const one = goOn(serve.replace('3020', '0'), {})
    await eventually(() => expect(one.lines.join()).toContain('"listening"'))
  })
})

describe('its code', () => {
  const kitchen = openKitchen(undefined, {
    'page.ts': block('const events = new EventSource'),
    'library.ts': block('import { createApp'),
  })

  test('compiles', () => compile(kitchen))
})
