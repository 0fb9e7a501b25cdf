/** A process that loads this package after another server of Hono has started serves streams as usual. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const SCRIPT = `
  import { serve } from '@hono/node-server'
  serve({ fetch: () => new Response('other'), port: 0, hostname: '127.0.0.1' })
  const { serveNode } = await import('./dist/adapters/node/server.js')
  const { createApp, createHub } = await import('./dist/index.js')
  const hub = createHub()
  const server = await serveNode({ fetch: createApp({ hub, access: 'anyone' }).fetch, port: 0 })
  const response = await fetch('http://127.0.0.1:' + server.port + '/sse?id=alice')
  await hub.publish('everyone', { data: 'hello' })
  await hub.disconnect('alice')
  console.log(await response.text())
  process.exit()
`

test('a stream opens on this package’s own server', async () => {
  const args = ['--input-type=module', '-e', SCRIPT]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  expect(stdout).toMatch(/event: hub:ready[\s\S]*data: hello[\s\S]*event: hub:bye/)
})
