/** Apps on Bun that leave its `idleTimeout` alone: quiet streams stay open, or a warning says what to write. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { listen, publish } from '../../support/client.ts'
import { hasData } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { ROOT, startServer } from '../../support/process.ts'
import { openRaw } from '../../support/raw-stream.ts'

const folder = mkdtempSync(join(ROOT, 'node_modules/.idle-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Starts an app with a stream of Bun's own at `/bare`. */
async function serve(fetch: string) {
  const file = join(folder, `${fetch.length}.js`)
  writeFileSync(
    file,
    `import { createApp, createHub, createStreamResponse } from ${JSON.stringify(join(ROOT, 'dist/index.js'))}
    import { Hono } from 'hono'
    const hub = createHub({ heartbeatMs: 60_000 })
    const app = new Hono().route('/', createApp({ hub, access: 'anyone' }))
    app.get('/bare', () => new Response(new ReadableStream({ start: (c) => c.enqueue(':\\n') })))
    const { port } = Bun.serve({ fetch: ${fetch}, port: 0, hostname: '127.0.0.1', idleTimeout: 1 })
    console.log(JSON.stringify({ message: 'listening', url: 'http://127.0.0.1:' + port }))`,
  )
  return await startServer({ file: join(ROOT, 'node_modules/.bin/bun'), args: ['run', file] }, {})
}

test('a quiet stream outlives the idle timeout of the server', async () => {
  const server = await serve('app.fetch')
  const listener = await listen(server.url, 'id=patient')
  const bare = await openRaw(server.url, '/bare')
  await until('Bun cuts a quiet stream of its own', () => bare.closed)
  await publish(server.url, '/clients/patient', 'still here')
  await listener.next(hasData('still here'))
  expect(server.stderr).not.toContain('hono-sse:')
  await listener.close()
  await server.kill()
})

test('a server that is hidden from the app is reported once, with the line to write', async () => {
  const server = await serve('(request) => app.fetch(request)')
  for (const id of ['alice', 'bob']) await (await listen(server.url, `id=${id}`)).close()
  await until('it warns', () => server.stderr.includes('idleTimeout: 0 })'))
  expect(server.stderr.match(/hono-sse:/g)).toHaveLength(1)
  await server.kill()
})

test('a handler that leaves the server out is asked for it, once for all kinds of streams', async () => {
  const server = await serve(
    `(request) => request.url.includes('alice')
      ? createStreamResponse(request, { hub, client: 'alice' })
      : app.fetch(request)`,
  )
  for (const id of ['alice', 'bob']) await (await listen(server.url, `id=${id}`)).close()
  await until('it warns', () =>
    server.stderr.includes('createStreamResponse(request, { …, server })'),
  )
  expect(server.stderr.match(/hono-sse:/g)).toHaveLength(1)
  await server.kill()
})
