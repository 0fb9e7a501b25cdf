/** `hono-sse publish` tries again until the hub confirms, with one key for all attempts, and stores its event once. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { run } from '../support/cli.ts'
import { type Server, startServer } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'

/** What a proxy does with a request: `lose` publishes the event, and drops the answer; `hang` never answers. */
type Fault = 'lose' | 'pass' | 'hang' | number

let hub: Server
beforeAll(async () => {
  hub = await startServer(COMMANDS.node, { CLOCK_SECONDS: '0' })
})
afterAll(() => hub.kill())

/** A proxy to a hub. Once its faults are used up, it passes requests on. */
async function openProxy(to: string, ...faults: readonly Fault[]) {
  const keys: unknown[] = []
  const left = [...faults]
  const server = createServer((incoming, outgoing) => {
    keys.push(incoming.headers['idempotency-key'])
    const fault = left.shift() ?? 'pass'
    if (typeof fault === 'number') incoming.resume().once('end', () => refuse(outgoing, fault))
    else if (fault !== 'hang') forward(to, incoming, outgoing, fault)
  })
  onTestFinished(() => server.closeAllConnections())
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, keys }
}

function refuse(outgoing: ServerResponse, status: number): void {
  outgoing.writeHead(status).end()
}

function forward(to: string, incoming: IncomingMessage, outgoing: ServerResponse, fault: Fault) {
  const { method = '', url = '', headers } = incoming
  const host = new URL(to).host
  const upstream = request(to + url, { method, headers: { ...headers, host } }, (answer) => {
    answer.resume()
    if (fault === 'lose') outgoing.destroy()
    else answer.pipe(outgoing.writeHead(answer.statusCode ?? 0, answer.headers))
  })
  upstream.on('error', () => outgoing.destroy())
  incoming.pipe(upstream)
}

async function stored(): Promise<number> {
  const metrics = await (await fetch(`${hub.url}/metrics`)).text()
  return Number(/^hono_sse_journal_events (\d+)/m.exec(metrics)?.[1])
}

describe('an event is stored once, and the command succeeds, when', () => {
  test.each<[string, readonly Fault[]]>([
    ['an answer is lost', ['lose']],
    ['two answers are lost', ['lose', 'lose']],
    ['a proxy has lost the hub, and then an answer is lost', [502, 'lose']],
    ['the hub is unavailable', [503]],
  ])('%s', async (client, faults) => {
    const { url, keys } = await openProxy(hub.url, ...faults)
    const before = await stored()
    const { stdout, stderr, exit } = await run(['publish', url, 'hello', '--client', client])
    expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
    expect(stdout).toMatch(/^\{"id":"[^"]+","connections":0\}\n$/)
    expect(await stored()).toBe(before + 1)
    expect(keys).toHaveLength(faults.length + 1)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^"[0-9a-f-]{36}"$/)
  })
})

test('each run has a key of its own, unless one is given', async () => {
  const { url, keys } = await openProxy(hub.url)
  const publish = (...flags: string[]) => run(['publish', url, 'hello', '--broadcast', ...flags])
  const [first, second] = [await publish(), await publish()]
  expect(first.stdout).not.toBe(second.stdout)
  const own = ['--idempotency-key', 'a"b\\c']
  const [third, fourth] = [await publish(...own), await publish(...own)]
  expect(fourth).toEqual(third)
  expect(third.exit).toBe(0)
  expect(keys.slice(2)).toEqual([String.raw`"a\"b\\c"`, String.raw`"a\"b\\c"`])
  const other = await run(['publish', url, 'other', '--broadcast', ...own])
  expect(other.stderr).toMatch(/422: This idempotency key was used for another event/)
  expect(other.exit).toBe(1)
})

test('after five attempts, the command says that the event may have been stored', async () => {
  const { url, keys } = await openProxy(hub.url, 503, 503, 503, 503, 503, 503)
  const { stdout, stderr, exit } = await run(['publish', url, 'hello', '--broadcast'])
  expect(keys).toHaveLength(5)
  expect(stderr).toMatch(/503: .*The event may have been stored anyway\.\n$/)
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 75 })
})

test('a timeout bounds all attempts together', async () => {
  const { url, keys } = await openProxy(hub.url, 'hang')
  const { exit } = await run(['publish', url, 'hello', '--broadcast', '--timeout', '0.3'])
  expect(exit).toBe(75)
  // A second attempt would succeed.
  expect(keys.length).toBeLessThanOrEqual(1)
})

test('what the hub refuses, and an ephemeral event, are sent once and without a second attempt', async () => {
  const { url, keys } = await openProxy(hub.url, 413, 503, 'pass')
  expect((await run(['publish', url, 'hello', '--broadcast'])).exit).toBe(1)
  const ephemeral = ['publish', url, 'hello', '--broadcast', '--ephemeral']
  expect((await run(ephemeral)).exit).toBe(69)
  expect(keys).toEqual([expect.any(String), undefined])
})

test('a hub without idempotency keys receives the event without one', async () => {
  const off = await startServer(COMMANDS.node, { CLOCK_SECONDS: '0', IDEMPOTENCY_SECONDS: '0' })
  onTestFinished(() => off.kill())
  const { stdout, stderr, exit } = await run(['publish', off.url, 'hello', '--broadcast'])
  expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
  expect(stdout).toMatch(/^\{"id":/)
})

test.each([
  ['a b', /--idempotency-key must have 1 to 255 visible ASCII characters/],
  ['', /--idempotency-key must have 1 to 255 visible ASCII characters/],
])('the key %j is wrong usage', async (key, words) => {
  const flags = ['--broadcast', '--idempotency-key', key]
  const { stderr, exit } = await run(['publish', hub.url, 'hello', ...flags])
  expect(stderr).toMatch(words)
  expect(exit).toBe(2)
})

test('an ephemeral event with a key is wrong usage', async () => {
  const flags = ['--broadcast', '--ephemeral', '--idempotency-key', 'a']
  const { exit } = await run(['publish', hub.url, 'hello', ...flags])
  expect(exit).toBe(2)
})
