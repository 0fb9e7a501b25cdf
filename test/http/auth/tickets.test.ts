/** The lifetime of a ticket: issued, used once, continued by its cookie, and over at its end. */
import { describe, expect, test } from 'vitest'
import { readyOf, served } from '../../support/app-harness.ts'
import {
  type AuthHarness,
  cookieOf,
  createAuthHarness,
  KEY,
  statusOf,
  withCookie,
} from '../../support/auth-harness.ts'
import { readEvents } from '../../support/reader.ts'

const GRANT_SECONDS = 600

/** A request of another browser. */
const OTHER = { headers: { 'User-Agent': 'other' } }

test('a ticket opens one stream, and its cookie reopens it until the grant ends', async () => {
  const set = createAuthHarness()
  const { request, clock, hub } = set
  const path = `/sse?ticket=${await issue(set)}`
  const opened = await request(path)
  expect(opened.status).toBe(200)
  const cookie = cookieOf(opened)
  const reader = readEvents(opened)
  expect((await hub.connections({ client: 'alice' })).rows).toMatchObject([{ topics: ['news'] }])
  expect(await statusOf(request(path, undefined, OTHER))).toBe(401)
  for (let minute = 1; minute < 10; minute++) {
    await clock.advance(60_000)
    expect(await statusOf(request(path, undefined, withCookie('other=1', cookie)))).toBe(200)
  }
  expect(readyOf(reader)).toMatchObject({ client: 'alice' })
  await clock.advance(60_000)
  expect(await statusOf(request(path, undefined, withCookie(cookie)))).toBe(401)
  expect(await statusOf(request(path))).toBe(401)
})

test('the response states the seconds within which a ticket must be used, and must not be cached', async () => {
  const { postJson } = createAuthHarness()
  const response = await postJson('/tickets', KEY, { client: 'alice' })
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  expect(await response.json()).toEqual({ ticket: expect.any(String), expiresInSeconds: 30 })
})

test('the stream ends with the grant, with a goodbye that says so', async () => {
  const set = createAuthHarness()
  const reader = await set.listen(`/sse?ticket=${await issue(set)}`)
  await set.clock.advance(GRANT_SECONDS * 1_000 - 1_000)
  expect(reader.ended).toBe(false)
  await set.clock.advance(2_000)
  const bye = await reader.next(({ event }) => event === 'hub:bye')
  expect(JSON.parse(bye.data)).toEqual({ reason: 'expired' })
  await reader.end()
})

test('the cookie carries the end of the first grant, however often it is used', async () => {
  const set = createAuthHarness()
  const path = `/sse?ticket=${await issue(set)}`
  const opened = await set.request(path)
  const cookie = cookieOf(opened)
  await opened.body?.cancel()
  await set.clock.advance(500_000)
  const reader = await set.listen(path, undefined, withCookie(cookie))
  await set.clock.advance(101_000)
  const bye = await reader.next(({ event }) => event === 'hub:bye')
  expect(JSON.parse(bye.data)).toEqual({ reason: 'expired' })
})

describe('its cookie', () => {
  test.each([
    ['http://hub.example/sse', false],
    ['https://hub.example/sse', true],
  ])('for %s is hidden from scripts and other sites', async (url, secure) => {
    const set = createAuthHarness()
    const response = await set.request(`${url}?ticket=${await issue(set)}`)
    const attributes = (response.headers.get('Set-Cookie') ?? '').split('; ').slice(1)
    const expected = [`Max-Age=${GRANT_SECONDS}`, 'HttpOnly', 'SameSite=Lax']
    expect(attributes.sort()).toEqual([...expected, ...(secure ? ['Secure'] : [])].sort())
    await response.body?.cancel()
  })
})

test('a ticket that is not used within 30 seconds opens nothing', async () => {
  const set = createAuthHarness()
  const [early, late] = [await issue(set), await issue(set)]
  await set.clock.advance(29_999)
  expect(await statusOf(set.request(`/sse?ticket=${early}`))).toBe(200)
  await set.clock.advance(1)
  expect(await statusOf(set.request(`/sse?ticket=${late}`))).toBe(401)
})

test('when a ticket is used several times at once, exactly one request succeeds', async () => {
  const set = createAuthHarness()
  const path = `/sse?ticket=${await issue(set)}`
  const requests = Array.from({ length: 50 }, async (_, n) =>
    served(await set.app.request(path, { headers: { 'User-Agent': `browser-${n}` } })),
  )
  const responses = await Promise.all(requests)
  const statuses = responses.map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(statuses.filter((status) => status === 401)).toHaveLength(49)
  const cookies = responses.filter(({ headers }) => headers.has('Set-Cookie'))
  expect(cookies).toHaveLength(1)
  await set.clock.runPending()
  expect(set.hub.stats().connections).toBe(1)
})

test('HEAD and OPTIONS do not use up a ticket, and HEAD sees whether it is valid', async () => {
  const set = createAuthHarness()
  const path = `/sse?ticket=${await issue(set)}`
  for (const method of ['HEAD', 'HEAD', 'OPTIONS', 'POST']) {
    const response = await set.request(path, undefined, { method })
    expect(response.headers.has('Set-Cookie')).toBe(false)
  }
  expect(set.hub.stats().connections).toBe(0)
  expect(await statusOf(set.request(path))).toBe(200)
  await set.clock.advance(30_000)
  expect(await statusOf(set.request(path, undefined, { method: 'HEAD' }))).toBe(401)
})

test('a ticket is for its client and topics, or fewer of them', async () => {
  const set = createAuthHarness()
  const statusFor = async (query: string) =>
    statusOf(set.request(`/sse?${query}&ticket=${await issue(set, ['news', 'sport'])}`))
  expect(await statusFor('id=alice')).toBe(200)
  expect(await statusFor('topic=news')).toBe(200)
  expect(await statusFor('id=bob')).toBe(403)
  expect(await statusFor('topic=news&topic=other')).toBe(403)
  expect(await statusFor('topic=news/*')).toBe(403)
})

test('the cookie is for its client and topics, too', async () => {
  const set = createAuthHarness()
  const path = `/sse?ticket=${await issue(set)}`
  const opened = await set.request(path)
  const init = withCookie(cookieOf(opened))
  expect(await statusOf(set.request(`${path}&id=bob`, undefined, init))).toBe(403)
  expect(await statusOf(set.request(`${path}&topic=other`, undefined, init))).toBe(403)
  expect(await statusOf(set.request(`${path}&topic=news`, undefined, init))).toBe(200)
  await opened.body?.cancel()
})

test('a stream that was refused with 403 sets no cookie and leaves the ticket valid', async () => {
  const set = createAuthHarness()
  const ticket = await issue(set)
  const refused = await set.request(`/sse?id=bob&ticket=${ticket}`)
  expect(refused.status).toBe(403)
  expect(refused.headers.has('Set-Cookie')).toBe(false)
  expect(await statusOf(set.request(`/sse?id=alice&ticket=${ticket}`))).toBe(200)
})

test('two tabs with different grants both reconnect', async () => {
  const set = createAuthHarness()
  const tabs = await Promise.all(
    [['news'], ['sport'], []].map(async (topics) => {
      const path = `/sse?ticket=${await issue(set, topics)}`
      return { path, cookie: cookieOf(await set.request(path)), topics }
    }),
  )
  expect(new Set(tabs.map(({ cookie }) => cookie.split('=')[0])).size).toBe(3)
  const init = withCookie(...tabs.map(({ cookie }) => cookie))
  for (const { path, topics } of tabs) {
    const reader = await set.listen(path, undefined, init)
    expect(JSON.parse(reader.events[0]?.data ?? '')).toMatchObject({ client: 'alice', topics })
  }
})

test('a cursor survives a reconnect by cookie', async () => {
  const set = createAuthHarness()
  const path = `/sse?ticket=${await issue(set)}`
  const opened = await set.request(path)
  const cookie = cookieOf(opened)
  await opened.body?.cancel()
  const sent = await set.postJson('/clients/alice', KEY, { data: 'first' })
  const { id } = (await sent.json()) as { id: string }
  await set.postJson('/clients/alice', KEY, { data: 'missed' })
  const headers = { Cookie: cookie, 'Last-Event-ID': id }
  const reader = await set.listen(path, undefined, { headers })
  expect(JSON.parse(reader.events[0]?.data ?? '')).toMatchObject({ resume: 'complete' })
  expect((await reader.next()).data).toBe('missed')
})

describe('the permission to request tickets', () => {
  test.each([
    [['everyone', 'client:*', 'topic:*'], 403],
    [['client:alice'], 403],
    [[], 403],
    [undefined, 403],
    ['*', 200],
  ])('a token that publishes to %j gets %d', async (publish, expected) => {
    const { postJson, token } = createAuthHarness()
    const credential = await token({ sub: 'server', publish })
    expect(await statusOf(postJson('/tickets', credential, { client: 'alice' }))).toBe(expected)
  })
})

describe('what a ticket may grant', () => {
  test.each([0, -1, 1.5, 86_401, 1e9, '60', null, Number.NaN])(
    'grantSeconds %j is 400',
    async (grantSeconds) => {
      const { postJson } = createAuthHarness()
      const response = await postJson('/tickets', KEY, { client: 'alice', grantSeconds })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({ issues: [{ path: 'json.grantSeconds' }] })
    },
  )

  test.each([1, 3_600, 86_400])('grantSeconds %j is granted', async (grantSeconds) => {
    const set = createAuthHarness()
    const ticket = await set.ticket({ client: 'alice', grantSeconds })
    const response = await set.request(`/sse?ticket=${ticket}`)
    expect(response.headers.get('Set-Cookie')).toContain(`Max-Age=${grantSeconds};`)
    await response.body?.cancel()
  })

  test.each<[unknown]>([
    [{}],
    [{ client: '' }],
    [{ client: 'a\r\nb' }],
    [{ client: ['alice'] }],
    [{ client: 'alice', topics: 'news' }],
    [{ client: 'alice', topics: ['a\nb'] }],
    [{ client: 'alice', topics: Array(51).fill('t') }],
    [{ client: 'alice', id: 'bob' }],
    [[]],
    [null],
  ])('%j is 400', async (body) => {
    const { postJson } = createAuthHarness()
    expect(await statusOf(postJson('/tickets', KEY, body))).toBe(400)
  })
})

function issue({ ticket }: AuthHarness, topics = ['news']): Promise<string> {
  return ticket({ client: 'alice', topics, grantSeconds: GRANT_SECONDS })
}
