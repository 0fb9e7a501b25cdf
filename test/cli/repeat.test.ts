/** `hono-sse publish` tries again until the hub confirms, with one key for all attempts, and stores its event once. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { tooManyNames } from '../../src/journal/once.ts'
import { run } from '../support/cli.ts'
import { type Server, startServer } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'

/** What a proxy does with a request: `lose` publishes the event, and drops the answer; `hang` never answers; else it answers itself. */
type Fault = 'lose' | 'pass' | 'hang' | number | Answer

/** A status, and the seconds of `Retry-After` or a problem. */
type Answer = readonly [status: number, more: number | object]

/** What a hub answers that does not know the field. */
const OLDER: Answer = [
  400,
  {
    detail: 'json Unrecognized key: "idempotencyKey".',
    issues: [{ path: 'json', message: 'Unrecognized key: "idempotencyKey"' }],
  },
]

let hub: Server
beforeAll(async () => {
  hub = await startServer(COMMANDS.node, { CLOCK_SECONDS: '0' })
})
afterAll(() => hub.kill())

/** A proxy to a hub. Once its faults are used up, it passes requests on. */
async function openProxy(to: string, ...faults: readonly Fault[]) {
  const keys: unknown[] = []
  const times: number[] = []
  const left = [...faults]
  const server = createServer(async (incoming, outgoing) => {
    times.push(performance.now())
    const body = await text(incoming)
    keys.push(JSON.parse(body).idempotencyKey)
    const fault = left.shift() ?? 'pass'
    if (typeof fault === 'number') refuse(outgoing, [fault, {}])
    else if (typeof fault === 'object') refuse(outgoing, fault)
    else if (fault !== 'hang') await forward(to, incoming, body, outgoing, fault)
  })
  onTestFinished(() => server.closeAllConnections())
  onTestFinished(() => void server.close())
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { url: `127.0.0.1:${(server.address() as AddressInfo).port}`, keys, times }
}

function refuse(outgoing: ServerResponse, [status, more]: Answer): void {
  if (typeof more === 'number') outgoing.setHeader('Retry-After', more)
  outgoing.writeHead(status).end(typeof more === 'number' ? '' : JSON.stringify(more))
}

async function forward(
  to: string,
  incoming: IncomingMessage,
  body: string,
  outgoing: ServerResponse,
  fault: Fault,
) {
  const { url = '', headers } = incoming
  const type = { 'Content-Type': headers['content-type'] ?? '' }
  const answer = await fetch(to + url, { method: 'POST', headers: type, body })
  const result = await answer.text()
  if (fault === 'lose') outgoing.destroy()
  else outgoing.writeHead(answer.status).end(result)
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
    ['the hub hangs once', ['hang']],
  ])('%s', async (client, faults) => {
    const { url, keys } = await openProxy(hub.url, ...faults)
    const before = await stored()
    const { stdout, stderr, exit } = await run(['publish', url, 'hello', '--client', client])
    expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
    expect(stdout).toMatch(/^\{"id":"[^"]+","connections":0\}\n$/)
    expect(await stored()).toBe(before + 1)
    expect(keys).toHaveLength(faults.length + 1)
    expect(new Set(keys).size).toBe(1)
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/)
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
  expect(keys.slice(2)).toEqual(['a"b\\c', 'a"b\\c'])
  const other = await run(['publish', url, 'other', '--broadcast', ...own])
  expect(other.stderr).toMatch(/422: This idempotency key was used for another event/)
  expect(other.exit).toBe(1)
})

test('after the timeout, the command says that the event may have been stored', async () => {
  const { url, keys } = await openProxy(hub.url, ...Array<Fault>(100).fill(503))
  const publish = ['publish', url, 'hello', '--broadcast', '--timeout', '2']
  const { stdout, stderr, exit } = await run(publish)
  expect(keys.length).toBeLessThan(10)
  expect(stderr).toMatch(/503: .*The event may have been stored anyway\.\n$/)
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 75 })
})

test('no attempt is made that would be cut short', async () => {
  const { url, times } = await openProxy(hub.url, [503, 1], 'pass')
  const { stderr, exit } = await run(['publish', url, 'hello', '--broadcast', '--timeout', '1.4'])
  expect(stderr).toMatch(/^hono-sse: 503: /)
  expect([exit, times.length]).toEqual([75, 1])
})

test('the command goes on until the timeout', { timeout: 60_000 }, async () => {
  const { url, keys } = await openProxy(hub.url, 503, 503, 503, 503, 503)
  const { exit } = await run(['publish', url, 'hello', '--broadcast', '--timeout', '60'])
  expect(exit).toBe(0)
  expect(keys).toHaveLength(6)
})

test('the command waits for as long as Retry-After says, unless that is longer than the timeout', async () => {
  const { url, times } = await openProxy(hub.url, [503, 1], 'pass', [503, 11])
  expect((await run(['publish', url, 'hello', '--broadcast'])).exit).toBe(0)
  const [first = 0, second = 0] = times
  expect(second - first).toBeGreaterThan(990)
  expect((await run(['publish', url, 'hello', '--broadcast'])).exit).toBe(75)
  expect(times).toHaveLength(3)
})

test.each([401, 403, 422])(
  'a later %i does not hide that the event may have been stored',
  async (status) => {
    const { url, keys } = await openProxy(hub.url, 503, [status, { detail: 'No more' }])
    const { stderr, exit } = await run(['publish', url, 'hello', '--broadcast'])
    expect(stderr).toBe(
      `hono-sse: 503: Service Unavailable. The event may have been stored anyway. The last attempt failed: ${status}: No more\n`,
    )
    expect(exit).toBe(75)
    expect(keys).toHaveLength(2)
  },
)

test.each([
  ['its code', { code: 'at-capacity', detail: 'The table is full.' }],
  ['what an older hub says', { detail: tooManyNames().message }],
])('what the hub has not published, by %s, is reported as not stored', async (_, full) => {
  const { url, keys } = await openProxy(hub.url, [503, full], 'lose', [503, full], 422)
  const { stderr, exit } = await run(['publish', url, 'hello', '--broadcast'])
  expect(stderr).toBe(`hono-sse: 503: ${full.detail}\n`)
  expect(exit).toBe(69)
  expect(keys).toHaveLength(1)
  expect((await run(['publish', url, 'hello', '--broadcast'])).exit).toBe(75)
  expect(keys).toHaveLength(4)
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

test('a hub without idempotency keys receives the event without one, unless one is given', async () => {
  const off = await startServer(COMMANDS.node, { CLOCK_SECONDS: '0', IDEMPOTENCY_SECONDS: '0' })
  onTestFinished(() => off.kill())
  const publish = ['publish', off.url, 'hello', '--broadcast']
  const { stdout, stderr, exit } = await run(publish)
  expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
  expect(stdout).toMatch(/^\{"id":/)
  const refused = await run([...publish, '--idempotency-key', 'a'])
  expect(refused.stderr).toMatch(/501: Idempotency keys are turned off/)
  expect(refused.exit).toBe(1)
})

test('a hub that does not know keys receives the event without one, and once', async () => {
  const { url, keys } = await openProxy(hub.url, OLDER, 'lose', OLDER)
  const before = await stored()
  const { stderr, exit } = await run(['publish', url, 'hello', '--broadcast'])
  expect(stderr).toMatch(/did not respond: .*The event may have been stored anyway\.\n$/)
  expect(exit).toBe(75)
  expect(keys).toEqual([expect.any(String), undefined])
  const own = ['--idempotency-key', 'a']
  const refused = await run(['publish', url, 'hello', '--broadcast', ...own])
  expect(refused.stderr).toMatch(/400: json Unrecognized key: "idempotencyKey"/)
  expect(refused.exit).toBe(1)
  expect(await stored()).toBe(before + 1)
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
