/** `hono-sse publish --batch` publishes lines as they come, prints their results, and exits with what became of them. */
import { once } from 'node:events'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { KEY, run, start } from '../support/cli.ts'
import { type Listener, listen } from '../support/client.ts'
import { hasData, publishedData } from '../support/events.ts'
import { freePort } from '../support/free-port.ts'
import { type Server, startServer } from '../support/process.ts'
import { COMMANDS } from '../support/runtimes.ts'

let server: Server
let listener: Listener
beforeAll(async () => {
  server = await startServer(COMMANDS.node, { CLOCK_SECONDS: '0', MAX_EVENT_BYTES: '1000' })
  listener = await listen(server.url, 'id=alice&topic=news')
})
afterAll(async () => {
  await listener.close()
  await server.kill()
})

const RESULT = /^\{"id":"[^"]+","connections":1\}$/

test('a file of any length is published, and each result is printed', async () => {
  const file = join(await mkdtemp(join(tmpdir(), 'batch-')), 'events.ndjson')
  const lines = Array.from({ length: 5_000 }, (_, n) => `{"to":{"client":"alice"},"data":${n}}\n`)
  await writeFile(file, lines.join(''))
  const { stdout, stderr, exit } = await run(['publish', server.url, file, '--batch'])
  expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
  const results = stdout.trim().split('\n')
  expect(results.filter((line) => RESULT.test(line))).toHaveLength(5_000)
  await listener.next(hasData('4999'))
})

test('lines on stdin are published as they come', async () => {
  const command = start(['publish', server.url, '-', '--batch', '--topic', 'news'], {
    keepOpen: true,
  })
  for (const data of ['one', 'two']) {
    command.type(`{"data":"${data}"}\n`)
    await listener.next(hasData(data))
    await command.prints(new RegExp(`(.*connections.*\n){${data === 'one' ? 1 : 2}}`))
  }
  expect(publishedData(listener).slice(-2)).toEqual(['one', 'two'])
  command.signal('SIGINT')
  await command.ended
})

test('the exit code says that a line was refused, and the others are published', async () => {
  const stdin = '{"data":1}\nno JSON\n\n{"data":"last"}'
  const { stdout, stderr, exit } = await run(
    ['publish', server.url, '-', '--batch', '--broadcast'],
    {
      stdin,
    },
  )
  const results = stdout.trim().split('\n')
  expect(results).toHaveLength(3)
  expect(JSON.parse(results[1] ?? '')).toMatchObject({ line: 2, status: 400 })
  expect({ stderr, exit }).toEqual({ stderr: 'hono-sse: 1 of 3 results are problems.\n', exit: 1 })
  await listener.next(hasData('last'))
})

test.each([
  [['-', '--batch'], { stdin: '' }, 1, /^hono-sse: 400: The body has no lines/],
  [['-', '--batch', '--event', 'x'], { stdin: '' }, 2, /--batch can’t be combined/],
  [['-', '--batch', '--event-key', 'x'], { stdin: '' }, 2, /--batch can’t be combined/],
  [['-', '--batch', '--replace'], { stdin: '' }, 2, /--batch can’t be combined/],
  [['-', '--batch', '--retain'], { stdin: '' }, 2, /--batch can’t be combined/],
  [['-', '--batch', '--idempotency-key', 'x'], { stdin: '' }, 2, /--batch can’t be combined/],
  [['/no/such/file', '--batch'], {}, 2, /^hono-sse: The file can’t be read: ENOENT/],
])('a batch that can’t be published says why: %j', async (args, options, code, reason) => {
  const { stdout, stderr, exit } = await run(['publish', server.url, ...args], options)
  expect(stderr).toMatch(reason)
  expect({ stdout, exit }).toEqual({ stdout: '', exit: code })
})

test('without the permission, nothing is published', async () => {
  const secured = await startServer(COMMANDS.node, { PUBLISH_KEY: KEY })
  onTestFinished(secured.kill)
  const args = ['publish', secured.url, '-', '--batch']
  const stdin = '{"to":"everyone","data":1}\n'
  expect((await run(args, { stdin })).exit).toBe(77)
  // Also while its input stays open.
  const open = start(args, { keepOpen: true })
  open.type(stdin)
  expect((await open.ended).exit).toBe(77)
  const environment = { PUBLISH_KEY: KEY }
  expect(await run(args, { stdin, environment })).toMatchObject({ exit: 0, stderr: '' })
})

test('a hub that is not there, that dies, or that says nothing has an exit code of its own', async () => {
  const stdin = '{"data":1}\n{"data":2}\n'
  const batchTo = (port: number, ...more: string[]) =>
    run(['publish', `localhost:${port}`, '-', '--batch', '--broadcast', ...more], { stdin })
  expect((await batchTo(await freePort())).exit).toBe(69)
  const dying = createServer((_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
    response.write('{"connections":0}\n', () => response.destroy())
  }).listen(0, '127.0.0.1')
  await once(dying, 'listening')
  onTestFinished(() => void dying.close())
  const died = await batchTo((dying.address() as AddressInfo).port)
  expect(died).toMatchObject({ exit: 75, stdout: '{"connections":0}\n' })
  expect(died.stderr).toContain('after 1 results may have been stored')
  const silent = createServer(() => {}).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => {
    silent.closeAllConnections()
    silent.close()
  })
  const { exit, stderr } = await batchTo((silent.address() as AddressInfo).port, '--timeout', '0.3')
  expect(exit).toBe(75)
  expect(stderr).toContain('did not respond within 0.3 s')
})

test.each([
  ['one that may be stored', [{ status: 400 }, { connections: 0 }, { status: 503 }], 75],
  ['the same, before the other', [{ status: 503 }, { connections: 0 }, { status: 400 }], 75],
  ['the first, where nothing is stored', [{ status: 403 }, { status: 501 }], 77],
  ['none for want of space', [{ status: 503, code: 'at-capacity' }, { status: 400 }], 69],
])('of several problems, the exit code is that of %s', async (_, results, code) => {
  const hub = createServer((request, response) => {
    response.writeHead(200, { 'Content-Type': 'application/x-ndjson' })
    response.end(results.map((result) => `${JSON.stringify(result)}\n`).join(''))
    request.resume()
  }).listen(0, '127.0.0.1')
  await once(hub, 'listening')
  onTestFinished(() => void hub.close())
  const args = ['publish', `localhost:${(hub.address() as AddressInfo).port}`, '-', '--batch']
  expect((await run(args, { stdin: '{"to":"everyone","data":1}\n' })).exit).toBe(code)
})
