/** The cookies of tickets: behind a proxy that strips a prefix, and few enough to fit in a request. */
import { decodeJwt } from 'jose'
import { expect, test } from 'vitest'
import {
  type AuthHarness,
  cookieOf,
  createAuthHarness,
  journalIn,
  KEY,
  statusOf,
  withCookie,
} from '../../support/auth-harness.ts'
import { manualClock } from '../../support/clock.ts'

/** Bytes of a line of a request that nginx and others accept. https://nginx.org/r/large_client_header_buffers */
const LINE_BYTES = 8_192

test('a cookie has no path, so that a browser uses the path that it sees', async () => {
  const set = createAuthHarness()
  const opened = await set.request(`/sse?ticket=${await set.ticket({ client: 'alice' })}`)
  expect(opened.headers.get('Set-Cookie')).not.toMatch(/path/i)
})

test('a browser with grants for a hundred topics keeps the latest 16 cookies', async () => {
  const set = createAuthHarness()
  const jar = new Map<string, string>()
  const paths: string[] = []
  for (let n = 0; n < 100; n++) {
    paths.push(await openWith(jar, set, `topic-${n}`))
    await set.clock.advance(1_000)
    expect(jar.size).toBeLessThanOrEqual(16)
  }
  const line = [...jar].map((pair) => pair.join('=')).join('; ')
  expect(line.length).toBeLessThan(LINE_BYTES / 2)
  const statuses = []
  for (const path of paths.slice(-17)) {
    statuses.push(await statusOf(set.request(path, undefined, withCookie(line))))
  }
  expect(statuses).toEqual([401, ...Array<number>(16).fill(200)])
})

test('hubs on two ports of one host, to which a browser sends the same cookies, don’t replace each other’s', async () => {
  const jar = new Map<string, string>()
  const sets = ['one', 'two'].map((name) => {
    return createAuthHarness({ config: { PUBLISH_KEY: [`${name}-0123456789abcdef`, KEY] } })
  })
  const paths: string[] = []
  for (const set of sets) paths.push(await openWith(jar, set, 'news'))
  expect(jar.size).toBe(2)
  const cookies = withCookie([...jar].map((pair) => pair.join('=')).join('; '))
  for (const [n, set] of sets.entries()) {
    expect(await statusOf(set.request(paths[n] ?? '', undefined, cookies))).toBe(200)
  }
})

test('a cookie is accepted as long as the key that signed it is', async () => {
  const clock = manualClock()
  const journal = () => journalIn('shared')
  const [old, next] = ['old-key-0123456789abcdef', 'new-key-0123456789abcdef']
  const withKeys = (...keys: string[]) => {
    return createAuthHarness({ clock, journal: journal(), config: { PUBLISH_KEY: keys } })
  }
  const before = withKeys(old, KEY)
  const jar = new Map<string, string>()
  const path = await openWith(jar, before, 'news')
  const cookies = withCookie([...jar].map((pair) => pair.join('=')).join('; '))
  await clock.advance(60_000)
  expect(await statusOf(withKeys(next, old).request(path, undefined, cookies))).toBe(200)
  expect(await statusOf(withKeys(next).request(path, undefined, cookies))).toBe(401)
})

test('a cookie of an earlier version, which was named like its grant, opens its stream', async () => {
  const clock = manualClock()
  const set = createAuthHarness({ clock })
  const jar = new Map<string, string>()
  const path = await openWith(jar, set, 'news')
  await clock.advance(60_000)
  const [value = ''] = jar.values()
  const { grant } = decodeJwt<{ grant: string }>(value)
  expect(grant).toMatch(/^hono-sse-[0-9a-f]{32}$/)
  expect(await statusOf(set.request(path, undefined, withCookie(`${grant}=${value}`)))).toBe(200)
  expect(await statusOf(set.request(path, undefined, withCookie(`other=${value}`)))).toBe(401)
})

test('cookies of other sites stay, and forged ones are dropped first', async () => {
  const set = createAuthHarness()
  const jar = new Map([['session', '1']])
  for (let n = 0; n < 15; n++) await openWith(jar, set, `topic-${n}`)
  for (let n = 0; n < 40; n++) jar.set(`hono-sse-${String(n).padStart(32, '0')}`, 'forged')
  const names = [...jar.keys()].slice(0, 16)
  await openWith(jar, set, 'last')
  expect([...jar.keys()].slice(0, -1)).toEqual(names)
})

test('a grant whose ticket would not fit in a request line is answered 413', async () => {
  const set = createAuthHarness()
  const topics = Array.from({ length: 50 }, (_, n) => `${n}`.padStart(128, '話題'))
  const response = await set.postJson('/tickets', KEY, { client: 'alice', topics })
  expect(response.status).toBe(413)
  expect(await response.json()).toMatchObject({ detail: expect.stringContaining('topics') })
})

test('the largest grant that is issued leaves room in the request line', async () => {
  const set = createAuthHarness()
  const lengths: number[] = []
  for (let length = 40; length <= 128; length += 4) {
    const topics = Array.from({ length: 50 }, (_, n) => `${n}`.padStart(length, 'topic'))
    const response = await set.postJson('/tickets', KEY, { client: 'alice', topics })
    if (response.status !== 200) continue
    const { ticket } = (await response.json()) as { ticket: string }
    lengths.push(ticket.length)
    expect(await statusOf(set.request(`/sse?ticket=${ticket}`))).toBe(200)
  }
  expect(Math.max(...lengths)).toBeGreaterThan(LINE_BYTES / 2)
  expect(Math.max(...lengths)).toBeLessThan(LINE_BYTES - 1_024)
})

/** Opens a stream with a new ticket, as a browser with this jar. Returns its path. */
async function openWith(
  jar: Map<string, string>,
  set: AuthHarness,
  topic: string,
): Promise<string> {
  const path = `/sse?ticket=${await set.ticket({ client: 'alice', topics: [topic] })}`
  const cookies = [...jar].map((pair) => pair.join('='))
  const opened = await set.request(path, undefined, withCookie(...cookies))
  expect(opened.status).toBe(200)
  cookieOf(opened)
  for (const text of opened.headers.getSetCookie()) {
    const [, name = '', value = '', attributes = ''] = /^([^=]+)=([^;]*)(.*)$/.exec(text) ?? []
    if (attributes.includes('Max-Age=0')) jar.delete(name)
    else jar.set(name, value)
  }
  await opened.body?.cancel()
  return path
}
