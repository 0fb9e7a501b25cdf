/** `hono-sse listen` prints events, reconnects automatically, and exits when reconnecting is useless. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CLI, KEY, type RunningCommand, run, start, startFile } from '../support/cli.ts'
import { publish } from '../support/client.ts'
import { eventually } from '../support/eventually.ts'
import { type Server, startServer } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'
import { type ServerBehindProxy, startServerBehindProxy } from '../system/clients/server.ts'

const QUIET = { CLOCK_SECONDS: '0', RETRY_MS: '100' }
const SECRET = 'a-secret-of-the-tests-with-32-bytes'

async function listening(url: string, client: string, ...args: string[]): Promise<RunningCommand> {
  const listener = start(['listen', url, '--client', client, ...args])
  await listener.prints(`listening as ${client}`)
  return listener
}

async function left(listener: RunningCommand): Promise<void> {
  listener.signal('SIGINT')
  expect((await listener.ended).exit).toBe('SIGINT')
}

describe('without keys', () => {
  let server: ServerBehindProxy
  beforeAll(async () => {
    server = await startServerBehindProxy()
  })
  afterAll(() => server.close())

  test('events for the client, its topics and everyone go to stdout, and nothing else does', async () => {
    const listener = await listening(server.url, 'alice', '--topic', 'news', '--topic', 'sport')
    await run(['publish', server.url, 'mine', '--client', 'alice'])
    await run(['publish', server.url, 'not mine', '--client', 'bob'])
    await run(['publish', server.url, 'goal', '--topic', 'sport', '--event', 'score'])
    await run(['publish', server.url, 'any', '--client', 'alice', '--event', 'constructor'])
    await run(['publish', server.url, '{"to":"all"}', '--broadcast', '--json', '--ephemeral'])
    await listener.prints('"all"')
    expect(listener.stdout).toBe('mine\nscore: goal\nconstructor: any\n{"to":"all"}\n')
    expect(listener.stderr).toBe('listening as alice (topics: news, sport)\n')
    await left(listener)
    expect(listener.stderr).toBe('listening as alice (topics: news, sport)\n')
  })

  test('a key in the environment does no harm', async () => {
    const args = ['listen', server.url, '--client', 'keyed']
    const listener = start(args, { environment: { PUBLISH_KEY: KEY } })
    await listener.prints('listening as keyed')
    await left(listener)
  })

  test('--json prints each event as one line', async () => {
    const listener = await listening(server.url, 'json', '--json')
    const { id } = await publish(server.url, '/clients/json', 'one\ntwo\u001b[2J')
    await run([
      'publish',
      server.url,
      '[1]',
      '--client',
      'json',
      '--json',
      '--event',
      'list',
      '--ephemeral',
    ])
    await listener.prints('[1]')
    expect(
      listener.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { id, event: 'message', data: 'one\ntwo\u001b[2J' },
      { id: null, event: 'list', data: '[1]' },
    ])
    await left(listener)
  })

  test('control characters in data don’t reach the terminal', async () => {
    const listener = await listening(server.url, 'tty')
    await publish(server.url, '/clients/tty', 'red \u001b[31m\u009b2J\u0007\tend')
    await listener.prints('end')
    expect(listener.stdout).toBe('red \ufffd[31m\ufffd2J\ufffd\tend\n')
    await left(listener)
  })

  test('it resumes without loss or duplicates when the connection is cut', async () => {
    const listener = await listening(server.proxyUrl, 'train')
    await publish(server.url, '/clients/train', 'before')
    await listener.prints('before')
    server.reset()
    await publish(server.url, '/clients/train', 'in the tunnel')
    await listener.prints('in the tunnel')
    await publish(server.url, '/clients/train', 'behind it')
    await listener.prints('behind it')
    expect(listener.stdout).toBe('before\nin the tunnel\nbehind it\n')
    expect(listener.stderr).toMatch(/^connection lost.*: reconnecting$/m)
    expect(listener.stderr).toContain('listening as train: resumed, nothing was missed')
    await left(listener)
  })

  test('it resumes from the given event id', async () => {
    await publish(server.url, '/clients/late', 'kept')
    const listener = await listening(server.url, 'late', '--last-event-id', 'earliest')
    await listener.prints('kept')
    await left(listener)
  })

  test('a blocked client receives a goodbye, and exits with 77', async () => {
    const listener = await listening(server.url, 'mallory')
    await fetch(`${server.url}/clients/mallory?block=60`, { method: 'DELETE' })
    const { stdout, stderr, exit } = await listener.ended
    expect(stderr).toContain('the hub ended the stream (disconnected)')
    expect(stderr).toContain('hono-sse: This client is temporarily blocked: try again later.')
    expect({ stdout, exit }).toEqual({ stdout: '', exit: 77 })
  })

  test('a query that is refused exits with 1, and prints the reason', async () => {
    const { stdout, stderr, exit } = await run(['listen', server.url, '--client', ''])
    expect(stderr).toMatch(/^hono-sse: 400: .*\n {2}query\.id must/)
    expect({ stdout, exit }).toEqual({ stdout: '', exit: 1 })
  })

  test('a response that is not a stream exits with 1', async () => {
    const { stderr, exit } = await run(['listen', `${server.url}/realtime`])
    expect(stderr).toMatch(/^hono-sse: 404: /)
    expect(exit).toBe(1)
  })

  test('it ends without a message when the reader of its output ends', async () => {
    const line = `"$0" ${CLI} listen ${server.url} --client pipe | head -n 1; echo "ended with \${PIPESTATUS[0]}"`
    const pipe = startFile('bash', ['-c', line, process.execPath], {})
    await pipe.prints('listening as pipe')
    await publish(server.url, '/clients/pipe', 'first')
    await pipe.prints('first')
    await eventually(async () => {
      await publish(server.url, '/clients/pipe', 'more')
      expect(pipe.stdout).toContain('ended')
    })
    expect(pipe.stdout).toBe('first\nended with 0\n')
    expect(pipe.stderr).toBe('listening as pipe\n')
  })
})

test('a restarted hub is reported as a gap, and later events are printed', async () => {
  const first = await startServer(COMMANDS.node, QUIET)
  const listener = await listening(first.url, 'alice')
  await publish(first.url, '/clients/alice', 'in the first life')
  await listener.prints('in the first life')
  await first.kill()
  await listener.prints('connection lost')
  const second = await startServer(COMMANDS.node, { ...QUIET, PORT: new URL(first.url).port })
  await listener.prints(/listening as alice: resumed with a gap\ngap: events after \S+ may be lost/)
  await publish(second.url, '/clients/alice', 'in the second life')
  await listener.prints('in the second life')
  expect(listener.stdout).toBe('in the first life\nin the second life\n')
  await left(listener)
  await second.kill()
})

test('a hub that is unreachable exits with 69, and the reason is printed', async () => {
  const gone = await startServer(COMMANDS.node, QUIET)
  await gone.kill()
  const { stdout, stderr, exit } = await run(['listen', gone.url])
  expect(stderr).toMatch(/^hono-sse: http:\/\/127\.0\.0\.1:\d+ can’t be reached: .*ECONNREFUSED/)
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 69 })
})

test('a hub that is silent for two heartbeats is dead, and listening continues on another connection', async () => {
  let streams = 0
  const hub = createServer((_, response) => {
    streams += 1
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    const ready = { client: 'alice', connection: 'c-1', topics: [], resume: 'fresh' }
    const data = JSON.stringify({ ...ready, heartbeatMs: 500 })
    response.write(`retry: 100\nid: e-${streams}\nevent: hub:ready\ndata: ${data}\n\n`)
  })
  await once(hub.listen(0, '127.0.0.1'), 'listening')
  const { port } = hub.address() as AddressInfo
  const listener = await listening(`127.0.0.1:${port}`, 'alice')
  await eventually(() => expect(streams).toBeGreaterThan(1))
  await left(listener)
  expect(listener.stderr).toMatch(
    /^connection lost \(The connection was silent.*\): reconnecting$/m,
  )
  hub.closeAllConnections()
  hub.close()
})

test('a response that is no stream exits with 1', async () => {
  const other = createServer((_, response) => response.end('<p>hello</p>'))
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as AddressInfo
  const { stderr, exit } = await run(['listen', `127.0.0.1:${port}`])
  other.close()
  expect(stderr).toMatch(/is not a stream/)
  expect(exit).toBe(1)
})

describe('with keys and tokens', () => {
  let server: Server
  beforeAll(async () => {
    server = await startServer(COMMANDS.node, {
      ...QUIET,
      PUBLISH_KEY: `${KEY},another-key-of-16`,
      JWT_SECRET: SECRET,
    })
  })
  afterAll(() => server.kill())

  const withKey = { environment: { PUBLISH_KEY: `${KEY},another-key-of-16` } }
  const sendAway = (client: string) =>
    fetch(`${server.url}/clients/${client}`, {
      method: 'DELETE',
      headers: { Authorization: `Bearer ${KEY}` },
    })

  async function hearsAndComesBack(listener: RunningCommand, client: string): Promise<void> {
    await listener.prints(`listening as ${client} (topics: news)`)
    await run(['publish', server.url, 'one', '--topic', 'news'], withKey)
    await listener.prints('one')
    await sendAway(client)
    await run(['publish', server.url, 'two', '--topic', 'news'], withKey)
    await listener.prints('two')
    expect(listener.stdout).toBe('one\ntwo\n')
    expect(listener.stderr).toContain('resumed, nothing was missed')
    await left(listener)
  }

  const wanted = ['--client', 'alice', '--topic', 'news']

  test('the key of the environment opens a stream, and opens it again', async () => {
    await hearsAndComesBack(start(['listen', server.url, ...wanted], withKey), 'alice')
  })

  test('a ticket opens a stream, its cookie opens it again, and no other client can use it', async () => {
    const ticket = await run(['ticket', server.url, '--client', 'bob', '--topic', 'news'], withKey)
    expect(ticket).toMatchObject({ stderr: '', exit: 0 })
    const flags = ['listen', server.url, '--ticket', ticket.stdout.trim()]
    await hearsAndComesBack(start(flags, withKey), 'bob')
    const used = await run(['ticket', server.url, '--client', 'bob'], withKey)
    const opened = await fetch(`${server.url}/sse?ticket=${used.stdout.trim()}`, {
      headers: { 'User-Agent': 'a browser' },
    })
    const { stderr, exit } = await run(['listen', server.url, '--ticket', used.stdout.trim()])
    await opened.body?.cancel()
    expect(stderr).toMatch(/^hono-sse: 401: The ticket is used up/)
    expect(exit).toBe(77)
  })

  test('a token opens a stream, and opens it again', async () => {
    const token = await new SignJWT({ topics: ['news'] })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject('carol')
      .setExpirationTime('1h')
      .sign(new TextEncoder().encode(SECRET))
    const listener = start(['listen', server.url, '--topic', 'news'], {
      environment: { HUB_TOKEN: token },
    })
    await hearsAndComesBack(listener, 'carol')
  })

  test.each([
    ['nothing', [], /^hono-sse: 401: /],
    ['a wrong key', ['--key', 'a-wrong-key-of-16-characters'], /^hono-sse: 401: /],
    ['a wrong ticket', ['--ticket', 'none'], /^hono-sse: 401: /],
    ['a wrong token', ['--token', 'none'], /^hono-sse: 401: /],
  ])('%s exits with 77, and the reason is printed', async (_, flags, words) => {
    const { stdout, stderr, exit } = await run(['listen', server.url, ...wanted, ...flags])
    expect(stderr).toMatch(words)
    expect({ stdout, exit }).toEqual({ stdout: '', exit: 77 })
  })
})
