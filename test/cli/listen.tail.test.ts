/** `hono-sse tail` follows several topics, and says which one an event comes from. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { KEY, run, start } from '../support/cli.ts'
import { startHub } from '../support/hub-server.ts'
import type { Server } from '../support/process.ts'

const withKey = { environment: { PUBLISH_KEY: KEY } }

let hub: Server
beforeAll(async () => {
  hub = await startHub({ PUBLISH_KEY: KEY })
})
afterAll(() => hub.kill())

test('each event comes with its topic, or with * if it is for everyone', async () => {
  const [text, json] = [[], ['--json']].map((flags) =>
    start(['tail', hub.url, 'news', 'sport', 'orders/*', ...flags], withKey),
  )
  for (const listener of [text, json])
    await listener?.prints(/listening as tail-.*news, sport, orders\/\*/)
  await run(['publish', hub.url, 'hello', '--topic', 'news'], withKey)
  await run(['publish', hub.url, 'elsewhere', '--topic', 'other'], withKey)
  await run(['publish', hub.url, '1:0', '--topic', 'sport', '--event', 'goal'], withKey)
  await run(['publish', hub.url, 'paid', '--topic', 'orders/1'], withKey)
  await run(['publish', hub.url, 'end', '--broadcast', '--ephemeral'], withKey)
  for (const listener of [text, json]) await listener?.prints('end')
  expect(text?.stdout).toBe('news  hello\nsport  goal: 1:0\norders/1  paid\n*  end\n')
  const lines = json?.stdout.trimEnd().split('\n') ?? []
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { event: 'message', data: 'hello', topic: 'news' },
    { event: 'goal', data: '1:0', topic: 'sport' },
    { data: 'paid', topic: 'orders/1' },
    { id: null, data: 'end' },
  ])
  for (const listener of [text, json]) listener?.signal('SIGINT')
  await text?.ended
  await json?.ended
})
