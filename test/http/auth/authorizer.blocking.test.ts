/** A blocked client can do nothing until its block expires, and everything afterwards. */

import type { Context } from 'hono'
import { expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { afterHold } from '../../support/app-harness.ts'
import {
  type AuthHarness,
  cookieOf,
  createAuthHarness,
  KEY,
  statusOf,
  withCookie,
} from '../../support/auth-harness.ts'

const BLOCK_MS = 60_000

test('a blocked client’s streams end, its reconnects get 204, and after the block everything works again', async () => {
  const set = createAuthHarness()
  const { request, clock } = set
  const path = `/sse?ticket=${await set.ticket({ client: 'alice' })}`
  const opened = await request(path)
  const cookie = withCookie(cookieOf(opened))
  const token = await set.token({ sub: 'alice', publish: '*' })
  const reader = await set.listen('/sse', token)
  expect(await block(set)).toEqual({ disconnected: 2, blockedSeconds: 60 })
  expect((await reader.next()).data).toBe('{"reason":"disconnected"}')
  await reader.end()
  expect(await opened.text()).toContain('"reason":"disconnected"')

  expect(await statusOf(afterHold(request(path, undefined, cookie), clock))).toBe(204)
  expect(await statusOf(afterHold(request('/sse', token), clock))).toBe(204)
  expect(await statusOf(set.postJson('/broadcast', token, { data: 1 }))).toBe(403)
  expect(set.hub.stats()).toMatchObject({ connections: 0, published: 0 })

  await clock.advance(BLOCK_MS)
  expect(await statusOf(request(path, undefined, cookie))).toBe(200)
  expect(await statusOf(request('/sse', token))).toBe(200)
  expect(await statusOf(set.postJson('/broadcast', token, { data: 1 }))).toBe(200)
})

test('the unused ticket of a blocked client opens nothing meanwhile', async () => {
  const set = createAuthHarness()
  const ticket = await set.ticket({ client: 'alice' })
  await block(set, 10)
  const refused = await afterHold(set.request(`/sse?ticket=${ticket}`), set.clock)
  expect(refused.status).toBe(204)
  expect(await refused.text()).toBe('')
  expect(set.hub.stats().connections).toBe(0)
})

test('no ticket is issued for a blocked client', async () => {
  const set = createAuthHarness()
  await block(set)
  expect(await statusOf(set.postJson('/tickets', KEY, { client: 'alice' }))).toBe(403)
  expect(await statusOf(set.postJson('/tickets', KEY, { client: 'bob' }))).toBe(200)
  await set.clock.advance(BLOCK_MS)
  expect(await statusOf(set.postJson('/tickets', KEY, { client: 'alice' }))).toBe(200)
})

test('the token of a blocked client requests no tickets, not even for other clients', async () => {
  const set = createAuthHarness()
  const token = await set.token({ sub: 'alice', publish: '*' })
  await block(set)
  expect(await statusOf(set.postJson('/tickets', token, { client: 'bob' }))).toBe(403)
})

test('the login of a blocked client operates nothing, and other logins do', async () => {
  const hub = createHub()
  const login = (client: string | undefined) => ({ client, operate: true, metrics: true })
  const access = (c: Context) => login(c.req.header('X-User'))
  const app = createApp({ hub, access })
  await hub.disconnect('alice', BLOCK_MS)
  for (const path of ['/clients', '/clients/bob', '/topics', '/metrics']) {
    const statusFor = async (headers: Record<string, string>) =>
      (await app.request(path, { headers })).status
    expect(await statusFor({ 'X-User': 'alice' })).toBe(403)
    expect([await statusFor({ 'X-User': 'bob' }), await statusFor({})]).toEqual([200, 200])
  }
})

test('other clients are not affected', async () => {
  const set = createAuthHarness()
  await block(set)
  expect(await statusOf(set.request('/sse', await set.token({ sub: 'bob' })))).toBe(200)
  expect(await statusOf(set.request('/sse', await set.token({ sub: 'Alice' })))).toBe(200)
})

test('a client that is disconnected without a block may reconnect at once', async () => {
  const set = createAuthHarness()
  const token = await set.token({ sub: 'alice' })
  const reader = await set.listen('/sse', token)
  await set.request('/clients/alice', KEY, { method: 'DELETE' })
  await reader.end()
  expect(await statusOf(set.request('/sse', token))).toBe(200)
})

test.each(['-1', '1.5', '86401', 'forever', '', '1e3', '0x10'])(
  'block=%s is answered 400',
  async (block) => {
    const { request } = createAuthHarness()
    const init = { method: 'DELETE' }
    expect(await statusOf(request(`/clients/alice?block=${block}`, KEY, init))).toBe(400)
  },
)

async function block({ request }: AuthHarness, seconds = 60): Promise<unknown> {
  const response = await request(`/clients/alice?block=${seconds}`, KEY, { method: 'DELETE' })
  expect(response.status).toBe(200)
  return await response.json()
}
