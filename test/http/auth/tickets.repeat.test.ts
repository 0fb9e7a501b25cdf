/** A ticket whose response was lost: the browser that sent it may send it once more, and nobody else. */
import { expect, test } from 'vitest'
import { type AuthHarness, createAuthHarness, statusOf } from '../../support/auth-harness.ts'

const WITHIN_MS = 10_000

const SAME = { headers: { 'User-Agent': 'a browser' } }

test('a browser whose response was lost opens its stream with the same ticket, and gets the cookie', async () => {
  const set = createAuthHarness()
  const path = await used(set)
  await set.clock.advance(WITHIN_MS - 1)
  const again = await set.request(path, undefined, SAME)
  expect(again.status).toBe(200)
  expect(again.headers.get('Set-Cookie')).toContain('Max-Age=3600')
  await again.body?.cancel()
  expect(await statusOf(set.request(path, undefined, SAME))).toBe(401)
})

test('a ticket can be repeated when it has just expired', async () => {
  const set = createAuthHarness()
  const path = `/sse?ticket=${await set.ticket({ client: 'alice' })}`
  await set.clock.advance(29_000)
  expect(await statusOf(set.request(path, undefined, SAME))).toBe(200)
  await set.clock.advance(5_000)
  expect(await statusOf(set.request(path, undefined, SAME))).toBe(200)
  await set.clock.advance(5_000)
  expect(await statusOf(set.request(path, undefined, SAME))).toBe(401)
})

test('a ticket can’t be repeated after ten seconds', async () => {
  const set = createAuthHarness()
  const path = await used(set)
  await set.clock.advance(WITHIN_MS)
  expect(await statusOf(set.request(path, undefined, SAME))).toBe(401)
})

test('a ticket can’t be repeated after the end of the grant', async () => {
  const set = createAuthHarness()
  const path = `/sse?ticket=${await set.ticket({ client: 'alice', grantSeconds: 1 })}`
  expect(await statusOf(set.request(path))).toBe(200)
  await set.clock.advance(1_000)
  expect(await statusOf(set.request(path))).toBe(401)
})

test.each(['another address', 'another browser'])(
  'a ticket can’t be repeated from %s',
  async (sender) => {
    let peer = '192.0.2.1'
    const set = createAuthHarness({ peer: () => peer })
    const path = await used(set)
    if (sender === 'another address') peer = '192.0.2.2'
    const headers = { 'User-Agent': sender === 'another browser' ? 'other' : 'a browser' }
    for (let tries = 0; tries < 5; tries++) {
      expect(await statusOf(set.request(path, undefined, { headers }))).toBe(401)
    }
  },
)

test('when 50 other browsers and the right one repeat a ticket at once, only the right one succeeds', async () => {
  const set = createAuthHarness()
  const path = await used(set)
  const senders = Array.from({ length: 50 }, (_, n) => `stranger-${n % 10}`)
  const responses = await Promise.all(
    senders.map((agent) => set.app.request(path, { headers: { 'User-Agent': agent } })),
  )
  expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([401]))
})

test('without a remote address a ticket is accepted once', async () => {
  const set = createAuthHarness({ peer: () => undefined })
  const path = await used(set)
  expect(await statusOf(set.request(path, undefined, SAME))).toBe(401)
})

/** The path of a ticket that was used. */
async function used(set: AuthHarness): Promise<string> {
  const path = `/sse?ticket=${await set.ticket({ client: 'alice' })}`
  expect(await statusOf(set.request(path, undefined, SAME))).toBe(200)
  return path
}
