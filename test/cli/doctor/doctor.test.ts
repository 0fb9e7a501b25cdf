/** The doctor without a proxy: what it prints, what it requires, and how it exits. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { KEY, run } from '../../support/cli.ts'
import { freePort } from '../../support/free-port.ts'
import { startHub } from '../../support/hub-server.ts'
import type { Server } from '../../support/process.ts'

const SECRET = 'a-secret-of-the-tests-with-32-bytes'
const CHECKS =
  'reach http-version hub compression stream buffering last-event-id body-size cookie cors idle'

function checksIn(stdout: string): string[] {
  return stdout.match(/^(ok|warning|fault|skipped) +\S+/gm)?.map(words) ?? []
}

function words(text: string): string {
  return text.replace(/ +/, ' ')
}

describe('at a hub with a key', () => {
  let hub: Server
  beforeAll(async () => {
    hub = await startHub({ PUBLISH_KEY: KEY, JWT_SECRET: SECRET, HEARTBEAT_SECONDS: '1' })
  })
  afterAll(() => hub.kill())

  test('each check has a line, and each warning the lines that mend it', async () => {
    const { stdout, stderr, exit } = await run(['doctor', hub.url], {
      environment: { PUBLISH_KEY: KEY },
    })
    expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
    const checks = checksIn(stdout)
    expect(checks.map((line) => line.split(' ')[1]).join(' ')).toBe(CHECKS)
    expect(checks.filter((line) => !line.startsWith('ok'))).toEqual([
      'warning http-version',
      'skipped cors',
    ])
    expect(stdout).toMatch(/^ {9}nginx {7}listen 443 ssl http2;/m)
    expect(stdout).not.toContain(KEY)
  })

  test('a hub that compresses streams is no fault', async () => {
    const compressing = await startHub({
      PUBLISH_KEY: KEY,
      HEARTBEAT_SECONDS: '1',
      COMPRESS_MIN_BYTES: '1000',
    })
    onTestFinished(() => compressing.kill())
    const { stdout, exit } = await run(['doctor', compressing.url], {
      environment: { PUBLISH_KEY: KEY },
    })
    expect(exit).toBe(0)
    expect(stdout).toMatch(/^ok +compression +the hub compresses streams \(gzip\)/m)
    expect(checksIn(stdout).filter((line) => !line.startsWith('ok'))).toEqual([
      'warning http-version',
      'skipped cors',
    ])
  })

  test('a token that may not publish still checks the rest', async () => {
    const token = await new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('carol')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET))
    const { stdout, exit } = await run(['doctor', hub.url], { environment: { HUB_TOKEN: token } })
    expect(exit).toBe(0)
    expect(checksIn(stdout).filter((line) => !line.startsWith('ok'))).toEqual([
      'warning http-version',
      'skipped buffering',
      'skipped body-size',
      'skipped cookie',
      'skipped cors',
    ])
  })

  test.each([
    ['no credential', []],
    ['a wrong key', ['--key', 'a-wrong-key-of-16-characters']],
  ])('%s is reported, and exits with 77', async (_, flags) => {
    const { stdout, exit } = await run(['doctor', hub.url, '--json', ...flags])
    const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as object
    expect(last).toEqual({
      check: 'stream',
      outcome: 'fault',
      seen: expect.stringMatching(/^401: /),
    })
    expect(exit).toBe(77)
  })
})

test('a hub that anyone may use, whose clock never lets a stream idle, is examined without a key', async () => {
  const hub = await startHub({ CLOCK_SECONDS: '0.2', HEARTBEAT_SECONDS: '1' })
  const { stdout, exit } = await run(['doctor', hub.url])
  await hub.kill()
  expect(exit).toBe(0)
  expect(checksIn(stdout).filter((line) => !line.startsWith('ok'))).toEqual([
    'warning http-version',
    'skipped cookie',
    'skipped cors',
    'skipped idle',
  ])
})

test('a name without an address is reported without advice for proxies', async () => {
  const { stdout, exit } = await run(['doctor', 'no-such-hub.invalid', '--json'])
  expect(JSON.parse(stdout)).toEqual({
    check: 'reach',
    outcome: 'fault',
    seen: expect.stringMatching(/^no-such-hub\.invalid has no address: .*Check its spelling/),
  })
  expect(exit).toBe(69)
})

test('a port that nobody listens on exits with 69', async () => {
  const { stdout, exit } = await run(['doctor', `127.0.0.1:${await freePort()}`])
  expect(stdout).toMatch(/^fault +reach +.*ECONNREFUSED/)
  expect(exit).toBe(69)
})

test('a server that speaks no TLS is reported', async () => {
  const server = createServer((_, response) => response.end())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const { stdout, exit } = await run(['doctor', `https://127.0.0.1:${port}`])
  server.close()
  expect(stdout).toMatch(/^fault +certificate +the TLS handshake fails: /m)
  expect(exit).toBe(69)
})

test.each([
  ['a page', (): [number, object] => [200, { 'Content-Type': 'text/html' }], 'stream', 1],
  ['a redirect', (): [number, object] => [301, { Location: 'https://hub.example/' }], 'hub', 1],
  ['a login of a proxy', (): [number, object] => [401, { 'WWW-Authenticate': 'Basic' }], 'hub', 1],
  ['an error of a proxy', (): [number, object] => [502, {}], 'hub', 69],
  ['an unknown status', (): [number, object] => [999, {}], 'hub', 69],
])('%s instead of a hub is reported', async (_, answer, check, code) => {
  const other = createServer((_, response) => {
    const [status, headers] = answer()
    response.writeHead(status, headers as Record<string, string>).end('<p>\u001b[2J</p>')
  })
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as AddressInfo
  const { stdout, exit } = await run(['doctor', `127.0.0.1:${port}`])
  other.close()
  expect(checksIn(stdout).at(-1)).toBe(`fault ${check}`)
  expect(stdout).not.toContain('\u001b')
  // A status whose reason is not known is not followed by a colon.
  expect(stdout).not.toMatch(/: *$/m)
  expect(exit).toBe(code)
})

test.each([
  ['accepts connections and says nothing', (_: ServerResponse) => {}, 'hub', 69],
  ['never ends its response', (response: ServerResponse) => response.write('o'), 'hub', 69],
  [
    'opens streams and sends nothing on them',
    (response: ServerResponse) =>
      response.req.url?.startsWith('/sse')
        ? response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
        : response.end('ok'),
    'buffering',
    1,
  ],
])('a server that %s is reported in time', async (_, answer, check, code) => {
  const dead = createServer((_, response) => answer(response))
  await once(dead.listen(0, '127.0.0.1'), 'listening')
  const { port } = dead.address() as AddressInfo
  const { stdout, exit } = await run(['doctor', `127.0.0.1:${port}`, '--timeout', '1'])
  dead.closeAllConnections()
  dead.close()
  expect(checksIn(stdout).at(-1)).toBe(`fault ${check}`)
  expect(exit).toBe(code)
})
