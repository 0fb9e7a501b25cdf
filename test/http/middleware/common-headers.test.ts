/** Every response of a server has the id of its request, and what limits browsers. */
import { Hono, type MiddlewareHandler } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { serveNode } from '../../../src/adapters/node/server.ts'
import { createApp } from '../../../src/http/app.ts'
import { commonHeaders } from '../../../src/http/middleware/common-headers.ts'
import { createHub } from '../../../src/hub/hub.ts'

type Ask = (path: string, headers?: Record<string, string>) => Promise<Response>

const FIXED = {
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function start() {
  const hub = createHub()
  const middleware = [commonHeaders as MiddlewareHandler]
  const app = new Hono().route('/', createApp({ hub, access: 'anyone', middleware }))
  return { hub, app }
}

async function onServer(): Promise<Ask> {
  const { hub, app } = start()
  const server = await serveNode({ fetch: app.fetch, port: 0 })
  onTestFinished(async () => {
    await hub.close()
    server.abort()
    await server.stop()
  })
  return (path, headers = {}) => fetch(`http://127.0.0.1:${server.port}${path}`, { headers })
}

async function withoutServer(): Promise<Ask> {
  const { app } = start()
  return async (path, headers = {}) => await app.request(path, { headers })
}

describe.each([
  ['on this package’s own server', onServer],
  ['elsewhere', withoutServer],
])('%s', (_, open) => {
  test.each([
    ['a response', '/healthz', 200],
    ['an error', '/clients?limit=none', 400],
    ['a refusal of the URL', '/healthz?token=x', 400],
    ['a stream', '/sse?id=alice', 200],
  ])('%s has them once', async (_, path, status) => {
    const ask = await open()
    const response = await ask(path)
    expect(response.status).toBe(status)
    expect(Object.fromEntries(response.headers)).toMatchObject(FIXED)
    expect(response.headers.get('X-Request-Id')).toMatch(UUID)
    await response.body?.cancel()
  })

  test('the id of a request is the client’s own, if a log and a header can carry it', async () => {
    const ask = await open()
    const idOf = async (id: string) =>
      (await ask('/healthz', { 'X-Request-Id': id })).headers.get('X-Request-Id')
    expect(await idOf('my-id_1=')).toBe('my-id_1=')
    expect(await idOf('a b')).toMatch(UUID)
    expect(await idOf('x'.repeat(256))).toMatch(UUID)
  })

  test('the description says so', async () => {
    const ask = await open()
    const { components } = (await (await ask('/openapi.json')).json()) as {
      components: { headers: object }
    }
    expect(components.headers).toHaveProperty('X-Request-Id')
  })
})
