/** `hono-sse publish` sends one event unchanged, prints the result, and says why it was refused. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { generate } from 'selfsigned'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { CLI, KEY, run, startFile } from '../support/cli.ts'
import { type Listener, listen } from '../support/client.ts'
import { hasData } from '../support/events.ts'
import { eventually } from '../support/eventually.ts'
import { type Server, startServer } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'

let server: Server
let listener: Listener
beforeAll(async () => {
  server = await startServer(COMMANDS.node, { CLOCK_SECONDS: '0', MAX_EVENT_BYTES: '1000' })
  listener = await listen(server.url, 'id=alice%2Fbob&topic=news')
})
afterAll(async () => {
  await listener.close()
  await server.kill()
})

const RECEIPT = /^\{"id":"[^"]+","connections":1\}\n$/

describe.each([[['--client', 'alice/bob']], [['--topic', 'news']], [['--broadcast']]])(
  'to %j',
  (address) => {
    test('delivers the event, and prints the result', async () => {
      const data = `hello ${address.join(' ')}`
      const { stdout, stderr, exit } = await run(['publish', server.url, data, ...address])
      expect(stdout).toMatch(RECEIPT)
      expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
      await listener.next(hasData(data))
    })
  },
)

test.each([
  ['a line break at the end is dropped', 'from a pipe\n', 'from a pipe'],
  ['other line breaks are kept', 'ü😀\n\n', 'ü😀\n'],
])('data is read from stdin: %s', async (_, stdin, data) => {
  const { exit } = await run(['publish', server.url, '-', '--broadcast'], { stdin })
  expect(exit).toBe(0)
  await listener.next(hasData(data))
})

test('data on stdin must be UTF-8', async () => {
  const stdin = Uint8Array.of(0xff, 0xfe)
  const { stdout, stderr, exit } = await run(['publish', server.url, '-', '--broadcast'], { stdin })
  expect(stderr).toBe('hono-sse: The input from stdin is not UTF-8.\n')
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 2 })
})

test('input that no hub would accept is not read to its end', async () => {
  const command = [process.execPath, CLI, 'publish', server.url, '-', '--broadcast']
  const args = ['-c', 'exec "$@" < /dev/zero', 'bash', ...command]
  const { stdout, stderr, exit } = await startFile('bash', args, {}).ended
  expect(stderr).toBe('hono-sse: The input from stdin has more than 268435456 bytes.\n')
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 2 })
})

test('a response that never ends is read up to a bound', async () => {
  const endless = createServer((_, response) => {
    const write = () => {
      while (!response.destroyed && response.write('x'.repeat(65_536)));
    }
    response.writeHead(200).on('drain', write)
    write()
  }).listen(0, '127.0.0.1')
  await once(endless, 'listening')
  const { port } = endless.address() as AddressInfo
  const { stdout, exit } = await run(['publish', `localhost:${port}`, 'hello', '--broadcast'])
  endless.close()
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 1 })
})

test.each(['<h1>Sign in</h1>', '{"ok":true}'])(
  'a response that is not a result is refused: %s',
  async (page) => {
    const other = createServer((_, response) => response.end(page)).listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { stdout, stderr, exit } = await run(['publish', `127.0.0.1:${port}`, 'x', '--broadcast'])
    other.close()
    expect(stderr).toBe('hono-sse: The response is not a result: this is not a hub.\n')
    expect({ stdout, exit }).toEqual({ stdout: '', exit: 1 })
  },
)

test('messages that can’t be written change nothing else', async () => {
  const withoutMessages = (...args: string[]) =>
    startFile('bash', ['-c', 'exec "$@" 2> /dev/full', 'bash', process.execPath, CLI, ...args], {})
  expect((await withoutMessages('publish', server.url, 'x').ended).exit).toBe(2)
  const cursor = ['--last-event-id', 'another-1']
  const listening = withoutMessages('listen', server.url, '--client', 'mute', ...cursor)
  await eventually(async () => {
    await run(['publish', server.url, 'hello', '--client', 'mute'])
    expect(listening.stdout).toContain('hello')
  })
  listening.signal('SIGTERM')
  expect((await listening.ended).exit).toBe('SIGTERM')
})

test.each(['publish', 'listen'])(
  '%s ends with an error when its output can’t be written',
  async (name) => {
    const args = name === 'publish' ? 'exec "$@" hello' : 'exec "$@" --json'
    const command = [process.execPath, CLI, name, server.url, '--client', 'full']
    const started = startFile('bash', ['-c', `${args} > /dev/full`, 'bash', ...command], {})
    if (name === 'listen') {
      await started.prints('listening as full')
      await run(['publish', server.url, 'hello', '--client', 'full'])
    }
    const { stderr, exit } = await started.ended
    expect(stderr).toContain('hono-sse: The output can’t be written (ENOSPC).\n')
    expect(exit).toBe(74)
  },
)

test('an event may have a name, and be ephemeral JSON', async () => {
  const flags = ['--event', 'inbox', '--json', '--ephemeral', '--broadcast']
  const { stdout } = await run(['publish', `${server.url}/sse`, '{ "unread": 3 }', ...flags])
  expect(stdout).toBe('{"connections":1}\n')
  const { id, data } = await listener.next(({ event }) => event === 'inbox')
  expect({ id, data }).toEqual({ id: undefined, data: '{"unread":3}' })
})

test('an event may replace others with its key, and be retained', async () => {
  const flags = ['--topic', 'prices', '--event-key', 'ACME']
  await run(['publish', server.url, '1', ...flags, '--replace'])
  await run(['publish', server.url, '2', ...flags, '--retain'])
  const response = await fetch(`${server.url}/topics/prices/retained`)
  expect(await response.json()).toMatchObject({ retained: [{ key: 'ACME', data: '2' }] })
})

test('data that looks like a flag follows --', async () => {
  await run(['publish', '--broadcast', server.url, '--', '--client'])
  await listener.next(hasData('--client'))
})

test.each([
  ['a reserved event name', ['x', '--event', 'hub:x'], /400: .*\n {2}json\.event /],
  ['a client id that is too long', ['x', '--client', 'a'.repeat(129)], /400: .*\n {2}param\.id /],
  ['too much data', ['x'.repeat(1_001)], /413: The data of an event is limited to 1000 bytes/],
])('%s exits with 1, and the reason is printed', async (_, args, words) => {
  const address = args.includes('--client') ? [] : ['--broadcast']
  const { stdout, stderr, exit } = await run(['publish', server.url, ...args, ...address])
  expect(stderr).toMatch(words)
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 1 })
})

test('a hub that is unreachable exits with 69', async () => {
  const gone = await startServer(COMMANDS.node, {})
  await gone.kill()
  const { stderr, exit } = await run(['publish', gone.url, 'hello', '--broadcast'])
  expect(stderr).toMatch(/can’t be reached: .*ECONNREFUSED/)
  expect(exit).toBe(69)
})

test('a port that is never connected to exits with 69', async () => {
  const { stderr, exit } = await run(['publish', 'localhost:6000', 'hello', '--broadcast'])
  expect(stderr).toBe('hono-sse: http://localhost:6000 can’t be reached: bad port\n')
  expect(exit).toBe(69)
})

test('a server without TLS at an https URL exits with 69', async () => {
  const url = server.url.replace('http:', 'https:')
  const { stderr, exit } = await run(['publish', url, 'hello', '--broadcast'])
  expect(stderr).toMatch(/^hono-sse: \S+ can’t be reached: .*wrong version number.*\n$/)
  expect(exit).toBe(69)
})

test('a certificate that can’t be verified, as its issuer is missing, exits with 69', async () => {
  const issuer = await generate([{ name: 'commonName', value: 'An issuer' }])
  const ca = { key: issuer.private, cert: issuer.cert }
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }], {
    ca,
  })
  const secure = createTlsServer({ key, cert }).listen(0, '127.0.0.1')
  onTestFinished(() => void secure.close())
  await once(secure, 'listening')
  const { port } = secure.address() as AddressInfo
  const { stderr, exit } = await run(['publish', `https://localhost:${port}`, 'x', '--broadcast'])
  expect(stderr).toMatch(/can’t be reached: unable to verify the first certificate\n$/)
  expect(exit).toBe(69)
})

test.each([
  [
    'a connection that is lost after the request',
    undefined,
    /did not respond: .*may have been stored/,
  ],
  [
    'a proxy that can’t reach the hub',
    504,
    /504: Gateway Timeout\. The event may have been stored/,
  ],
  ['a hub whose journal fails', 503, /503: .*may have been stored/],
])(
  '%s exits with 75, and the message says that the event may be stored',
  async (_, status, words) => {
    const proxy = createServer((request, response) => {
      request.resume().once('end', () => {
        if (status === undefined) request.socket.destroy()
        else response.writeHead(status).end()
      })
    })
    await once(proxy.listen(0, '127.0.0.1'), 'listening')
    const { port } = proxy.address() as AddressInfo
    const { stderr, exit } = await run(['publish', `127.0.0.1:${port}`, 'hello', '--broadcast'])
    proxy.close()
    expect(stderr).toMatch(words)
    expect(exit).toBe(75)
  },
)

/** A server that accepts requests and never responds. */
async function silentHub(): Promise<string> {
  const server = createServer(() => {})
  onTestFinished(() => server.closeAllConnections())
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.each([
  ['an event', ['publish', 'hello', '--broadcast'], 75, ' The event may have been stored anyway.'],
  ['an ephemeral event', ['publish', 'hello', '--broadcast', '--ephemeral'], 69, ''],
  ['a ticket', ['ticket', '--client', 'alice'], 69, ''],
])('a hub that does not respond in time exits: %s', async (_, [name = '', ...args], code, note) => {
  const hub = await silentHub()
  const { stderr, exit } = await run([name, hub, ...args, '--timeout', '0.3'])
  expect(stderr).toBe(`hono-sse: http://${hub} did not respond within 0.3 s.${note}\n`)
  expect(exit).toBe(code)
})

test.each(['0', '-1', 'soon', '', '86401'])('a timeout of %j is wrong usage', async (seconds) => {
  const args = ['publish', server.url, 'hello', '--broadcast', `--timeout=${seconds}`]
  const { stderr, exit } = await run(args)
  expect(stderr).toContain('--timeout')
  expect(exit).toBe(2)
})

test.each(['1e400', '[{"a":-1e999}]'])(
  '%s, which would become null, exits with 2',
  async (data) => {
    const { stderr, exit } = await run(['publish', server.url, data, '--json', '--broadcast'])
    expect(stderr).toMatch(/too large/)
    expect(exit).toBe(2)
  },
)

test('a wrong or missing key exits with 77, and no message contains the key', async () => {
  const closed = await startServer(COMMANDS.node, { PUBLISH_KEY: KEY })
  const wrong = 'a-wrong-key-of-16-characters'
  for (const flags of [[], ['--key', wrong], ['--token', wrong]]) {
    const { stderr, exit } = await run(['publish', closed.url, 'hello', '--broadcast', ...flags])
    expect(stderr).toMatch(/^hono-sse: 401: /)
    expect(stderr).not.toContain(wrong)
    expect(exit).toBe(77)
  }
  await closed.kill()
})
