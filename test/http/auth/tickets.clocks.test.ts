/** The times of a ticket: its grant ends with the token that issued it, and clocks that differ don't make it valid twice. */
import { expect, test } from 'vitest'
import {
  type AuthHarness,
  cookieOf,
  createAuthHarness,
  statusOf,
  withCookie,
} from '../../support/auth-harness.ts'
import { readEvents } from '../../support/reader.ts'

/** A request of another browser. */
const OTHER = { headers: { 'User-Agent': 'other' } }

/** The path of a stream with a ticket that a token has issued. @param exp - when the token expires, in seconds */
async function issuedByToken(set: AuthHarness, exp: number): Promise<string> {
  const token = await set.token({ sub: 'server', publish: '*', exp })
  const response = await set.postJson('/tickets', token, { client: 'alice' })
  const { ticket } = (await response.json()) as { ticket: string }
  return `/sse?ticket=${ticket}`
}

test('a grant ends with the token that issued its ticket, however late that is redeemed', async () => {
  const set = createAuthHarness()
  const path = await issuedByToken(set, 60)
  await set.clock.advance(29_000)
  const opened = await set.request(path)
  expect(opened.headers.get('Set-Cookie')).toContain('Max-Age=31;')
  const cookie = withCookie(cookieOf(opened))
  const reader = readEvents(opened)
  await set.clock.advance(30_000)
  expect(await statusOf(set.request(path, undefined, cookie))).toBe(200)
  await set.clock.advance(1_000)
  expect(await statusOf(set.request(path, undefined, cookie))).toBe(401)
  await set.clock.advance(1_000)
  const { data } = await reader.next(({ event }) => event === 'hub:bye')
  expect(JSON.parse(data)).toEqual({ reason: 'expired' })
})

test('a ticket expires with the token that issued it', async () => {
  const set = createAuthHarness()
  const path = await issuedByToken(set, 10)
  await set.clock.advance(10_000)
  expect(await statusOf(set.request(path, undefined, { method: 'HEAD' }))).toBe(401)
  expect(await statusOf(set.request(path))).toBe(401)
})

test('a ticket that has expired with its token can’t be repeated', async () => {
  const set = createAuthHarness()
  const path = await issuedByToken(set, 10)
  await set.clock.advance(9_000)
  expect(await statusOf(set.request(path))).toBe(200)
  await set.clock.advance(1_000)
  expect(await statusOf(set.request(path))).toBe(401)
})

test('a used ticket opens nothing more while the clock is set back by up to 30 seconds', async () => {
  const set = createAuthHarness()
  const path = `/sse?ticket=${await set.ticket({ client: 'alice' })}`
  expect(await statusOf(set.request(path))).toBe(200)
  set.clock.moveWallTime(-30_000)
  for (let seconds = 0; seconds <= 70; seconds += 10) {
    expect(await statusOf(set.request(path, undefined, OTHER))).toBe(401)
    await set.clock.advance(10_000)
  }
})
