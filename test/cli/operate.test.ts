/** `hono-sse clients` lists who is connected, and `disconnect` ends their connections. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KEY, run } from '../support/cli.ts'
import { listen } from '../support/client.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'

let hub: Server
beforeAll(async () => {
  hub = await startHub({ PUBLISH_KEY: KEY })
})
afterAll(() => hub.kill())

const environment = { PUBLISH_KEY: KEY }

async function connected(client: string, ...topics: string[]) {
  const ticket = await run(
    ['ticket', hub.url, '--client', client, ...topics.flatMap((name) => ['--topic', name])],
    { environment },
  )
  const query = new URLSearchParams({ ticket: ticket.stdout.trim() })
  for (const name of topics) query.append('topic', name)
  return await listen(hub.url, String(query))
}

test('clients are listed, and those of a client or topic with each connection', async () => {
  const listeners = [await connected('alice', 'news'), await connected('carol c', 'sport')]
  const all = await run(['clients', hub.url], { environment })
  const [head, ...rows] = all.stdout.trimEnd().split('\n')
  expect(head).toMatch(/^CLIENT +CONNECTIONS +SINCE +QUEUED BYTES$/)
  expect(rows[0]).toMatch(/^alice +1 +20\S+Z +0$/)
  expect(rows).toHaveLength(2)
  expect(all).toMatchObject({ stderr: '2 of 2 clients\n', exit: 0 })

  const limited = await run(['clients', hub.url, '--limit', '1'], { environment })
  expect(limited.stderr).toBe('1 of 2 clients\n')
  const one = await run(['clients', hub.url, '--client', 'alice'], { environment })
  expect(one.stdout).toMatch(/^alice +c-\d+ +20\S+Z +0 +\S+ +127\.0\.0\.1 +news$/m)
  const topic = await run(['clients', hub.url, '--topic', 'sport', '--json'], { environment })
  expect(JSON.parse(topic.stdout)).toMatchObject({ topic: 'sport', total: 1 })
  const none = await run(['clients', hub.url, '--topic', 'none'], { environment })
  expect(none).toEqual({ stdout: '', stderr: '0 of 0 connections\n', exit: 0 })
  for (const listener of listeners) await listener.close()
})

test('disconnect ends the connections of a client, and can refuse it for a while', async () => {
  const listener = await connected('bob')
  const { stdout, stderr, exit } = await run(['disconnect', hub.url, 'bob', '--block', '60'], {
    environment,
  })
  expect(JSON.parse(stdout)).toEqual({ disconnected: 1, blockedSeconds: 60 })
  expect({ stderr, exit }).toEqual({ stderr: '', exit: 0 })
  await listener.next(({ event }) => event === 'hub:bye')
  await listener.close()
})

test.each([
  [['clients'], [], 77],
  [['disconnect'], ['alice'], 77],
])('%j without a key is refused', async ([command = ''], rest, code) => {
  const { stdout, stderr, exit } = await run([command, hub.url, ...rest])
  expect(stderr).toMatch(/^hono-sse: 401: /)
  expect({ stdout, exit }).toEqual({ stdout: '', exit: code })
})

test('a wrong number is refused by the hub, which names it', async () => {
  const { stderr, exit } = await run(['clients', hub.url, '--limit', 'many'], { environment })
  expect(stderr).toMatch(/^hono-sse: 400: .*\n {2}query\.limit /)
  expect(exit).toBe(1)
})

test('a response that is not a list is refused', async () => {
  const other = createServer((_, response) => response.end('{"clients":"none"}'))
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as AddressInfo
  const { stdout, stderr, exit } = await run(['clients', `127.0.0.1:${port}`])
  other.close()
  expect(stderr).toBe('hono-sse: The response is not a list: this is not a hub.\n')
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 1 })
})

test('a page in place of a result is refused', async () => {
  const other = createServer((_, response) => response.end('<h1>Sign in</h1>'))
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as AddressInfo
  const { stdout, stderr, exit } = await run(['disconnect', `127.0.0.1:${port}`, 'alice'])
  other.close()
  expect(stderr).toBe('hono-sse: The response is not a result: this is not a hub.\n')
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 1 })
})
