/** On a terminal, a server talks to a person; elsewhere its standard output is JSON lines. */
import { createServer, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startFile } from '../support/cli.ts'
import { eventually } from '../support/eventually.ts'
import { startProcess } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'
import { CTRL_C, onTerminal, plain } from '../support/terminal.ts'

const RUNTIMES = ['node', 'bun', 'deno'] as const
const KEY = 'a-key-for-the-terminal-0123456789'

/** Starts a server on a terminal. */
function open(runtime: (typeof RUNTIMES)[number], environment: Record<string, string>) {
  const { file, args } = onTerminal(COMMANDS[runtime])
  return startFile(file, args, { environment: { PORT: '0', ...environment }, keepOpen: true })
}

let taken: Server
let port = ''
beforeAll(async () => {
  taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const address = taken.address()
  port = String(typeof address === 'object' ? address?.port : '')
})
afterAll(() => taken.close())

describe.each(RUNTIMES)('%s on a terminal', (runtime) => {
  test('shows the page, the mode, the journal and two commands to try, and ends at Ctrl-C', async () => {
    const server = open(runtime, {})
    await server.prints('curl -d')
    const text = plain(server.stdout)
    const [, url = ''] = /page {5}(http:\/\/127\.0\.0\.1:\d+)\n/.exec(text) ?? []
    expect(text).toContain('mode     loopback')
    expect(text).toContain('journal  memory')
    expect(text).toContain(
      `\n  curl -N '${url}/sse?id=alice'\n  curl -d data=hi ${url}/clients/alice\n`,
    )
    expect(text).not.toContain('{"')
    expect(await (await fetch(`${url}/healthz`)).text()).toBe('ok')
    server.type(CTRL_C)
    const { exit, stdout } = await server.ended
    expect(plain(stdout)).toContain('info     stopping signal=SIGINT\ninfo     stopped\n')
    expect(exit).toBe(0)
  })

  test('does not show the banner in red, as an error', async () => {
    const server = open(runtime, { NO_COLOR: '', TERM: 'xterm-256color' })
    await server.prints('curl -d')
    server.type(CTRL_C)
    const { stdout } = await server.ended
    expect(stdout.split('hono-sse ')[0]).not.toContain('\x1b[31m')
  })

  test('says in one line that its port is in use, and what to set', async () => {
    const { exit, stdout } = await open(runtime, { PORT: port }).ended
    expect(plain(stdout).trimEnd()).toBe(
      `fatal    can’t listen because the port is in use: set PORT to another one, or stop the program that uses it host=127.0.0.1 port=${port}`,
    )
    expect(exit).toBe(1)
  })
})

describe.each(RUNTIMES)('%s without a terminal', (runtime) => {
  test('writes JSON lines and no banner, and names a taken port in one line', async () => {
    const server = startProcess(COMMANDS[runtime], { PORT: port })
    expect(await server.exit).toBe(1)
    expect(server.stderr).toBe('')
    expect(server.lines.map((line) => JSON.parse(line))).toEqual([
      {
        '@timestamp': expect.any(String),
        level: 'FATAL',
        logger: 'hono-sse',
        message: expect.stringContaining('the port is in use: set PORT'),
        host: '127.0.0.1',
        port: Number(port),
      },
    ])
    const listening = startProcess(COMMANDS[runtime], {})
    await eventually(() => expect(listening.lines.join()).toContain('"listening"'))
    expect(listening.stderr).toBe('')
    await listening.kill()
  })
})

test('with a key, the banner shows commands that send it, and never the key', async () => {
  const server = open('node', { PUBLISH_KEY: KEY, PAGE: 'off' })
  await server.prints('hono-sse publish')
  const text = plain(server.stdout)
  expect(text).toContain('mode     keys')
  expect(text).toContain('with the same PUBLISH_KEY')
  expect(text).toMatch(/url {6}http/)
  expect(text).not.toContain(KEY)
  server.type(CTRL_C)
  await server.ended
})

test.each([
  ['HOST', '192.0.2.1', 'HOST is not an address of this machine: set it to one'],
  ['HOST', 'nowhere.invalid', 'HOST is not an address of this machine: set it to one'],
])('%s=%s is named as what to set', async (name, value, message) => {
  const server = startProcess(COMMANDS.node, { [name]: value, PUBLISH_KEY: KEY })
  expect(await server.exit).toBe(1)
  expect(server.lines.at(-1)).toContain(message)
})
