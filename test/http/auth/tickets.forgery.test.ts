/** Only what the hub signed for this purpose opens a stream. */
import { SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { createSigner } from '../../../src/http/auth/signer.ts'
import {
  type AuthHarness,
  cookieOf,
  createAuthHarness,
  journalIn,
  KEY,
  SECRET,
  statusOf,
  withCookie,
} from '../../support/auth-harness.ts'

const OTHER_KEY = 'another-key-0123456789'

test('a ticket that another key signed is refused', async () => {
  const other = createAuthHarness({ config: { PUBLISH_KEY: [OTHER_KEY] } })
  const response = await other.postJson('/tickets', OTHER_KEY, { client: 'alice' })
  const { ticket } = (await response.json()) as { ticket: string }
  expect(await statusOf(createAuthHarness().request(`/sse?ticket=${ticket}`))).toBe(401)
})

test('a ticket and a cookie of a rotated key are valid until the key is removed', async () => {
  const old = createAuthHarness({ journal: journalIn('shared') })
  const path = `/sse?ticket=${await old.ticket({ client: 'alice' })}`
  const rotated = createAuthHarness({
    journal: journalIn('shared'),
    config: { PUBLISH_KEY: [OTHER_KEY, KEY] },
  })
  const opened = await rotated.request(path)
  expect(opened.status).toBe(200)
  const cookie = withCookie(cookieOf(opened))
  expect(await statusOf(rotated.request(path, undefined, cookie))).toBe(200)
  const gone = createAuthHarness({ config: { PUBLISH_KEY: [OTHER_KEY] } })
  expect(await statusOf(gone.request(path, undefined, cookie))).toBe(401)
})

test('two instances with the same key accept each other’s cookies', async () => {
  const [one, two] = [createAuthHarness(), createAuthHarness()]
  const path = `/sse?ticket=${await one.ticket({ client: 'alice' })}`
  const cookie = cookieOf(await one.request(path))
  expect(await statusOf(two.request(path, undefined, withCookie(cookie)))).toBe(200)
})

describe('a forged ticket', () => {
  test.each(['', 'x', 'a.b.c', '..', KEY, SECRET, '\r\n', 'null', '{}', 'é'.repeat(99)])(
    '%j is 401',
    async (ticket) => {
      const { request, errors, hub } = createAuthHarness()
      const response = await request(`/sse?ticket=${encodeURIComponent(ticket)}`)
      expect(response.status).toBe(401)
      if (ticket.length > 2) expect(await response.text()).not.toContain(ticket)
      expect(errors).toEqual([])
      expect(hub.stats().connections).toBe(0)
    },
  )

  test('with another client, or with one character changed, is 401', async () => {
    const set = createAuthHarness()
    const ticket = await set.ticket({ client: 'alice' })
    const [header, payload = '', signature] = ticket.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const forged = Buffer.from(JSON.stringify({ ...claims, client: 'bob' })).toString('base64url')
    const flipped = (payload[5] === 'A' ? 'B' : 'A') + payload.slice(6)
    const forgeries = [
      `${header}.${forged}.${signature}`,
      `${header}.${payload.slice(0, 5)}${flipped}.${signature}`,
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`,
    ]
    for (const one of forgeries) expect(await statusOf(set.request(`/sse?ticket=${one}`))).toBe(401)
    expect(await statusOf(set.request(`/sse?ticket=${ticket}`))).toBe(200)
  })

  test.each([KEY, SECRET])('that was signed with %s itself is 401', async (secret) => {
    const set = createAuthHarness()
    const claims = { id: 'x', client: 'alice', topics: [], grantSeconds: 60 }
    const note = { ...claims, expiresAt: set.clock.now() + 30_000 }
    const jwt = new SignJWT(note).setProtectedHeader({ alg: 'HS256' })
    const ticket = await jwt.sign(new TextEncoder().encode(secret))
    expect(await statusOf(set.request(`/sse?ticket=${ticket}`))).toBe(401)
  })

  test('beside a valid token is 401', async () => {
    const { request, token } = createAuthHarness()
    expect(await statusOf(request('/sse?ticket=x', await token({ sub: 'alice' })))).toBe(401)
  })
})

describe('a forged cookie', () => {
  test('with a later end or no signature is 401', async () => {
    const set = createAuthHarness()
    const { path, name, value } = await used(set)
    const [header, payload = '', signature] = value.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const later = { ...claims, expiresAt: claims.expiresAt + 1e9 }
    const forged = Buffer.from(JSON.stringify(later)).toString('base64url')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const values = [`${header}.${forged}.${signature}`, `${none}.${payload}.`, '', 'x', 'a.b.c']
    for (const one of values) {
      const init = withCookie(`${name}=${one}`)
      expect(await statusOf(set.request(path, undefined, init))).toBe(401)
    }
  })

  test('of another ticket does not fit, under its own name or another', async () => {
    const set = createAuthHarness()
    const alice = await used(set, 'alice')
    const bob = await used(set, 'bob')
    const news = await used(set, 'alice', ['news'])
    for (const other of [bob, news]) {
      for (const name of [alice.name, other.name]) {
        const init = withCookie(`${name}=${other.value}`)
        expect(await statusOf(set.request(alice.path, undefined, init))).toBe(401)
      }
    }
  })

  test('that was signed with the key of tickets is 401', async () => {
    const set = createAuthHarness()
    const { path, name, value } = await used(set)
    const claims = JSON.parse(Buffer.from(value.split('.')[1] ?? '', 'base64url').toString())
    const wrong = await createSigner([KEY], 'ticket').sign(claims)
    const right = await createSigner([KEY], 'grant').sign(claims)
    const request = (note: string) => set.request(path, undefined, withCookie(`${name}=${note}`))
    expect(await statusOf(request(wrong))).toBe(401)
    expect(await statusOf(request(right))).toBe(200)
  })

  test('without its ticket opens nothing', async () => {
    const set = createAuthHarness()
    const { name, value } = await used(set)
    const init = withCookie(`${name}=${value}`)
    expect(await statusOf(set.request('/sse', undefined, init))).toBe(401)
    expect(await statusOf(set.request('/sse?id=alice', undefined, init))).toBe(401)
    expect(await statusOf(set.request('/clients', undefined, init))).toBe(401)
  })
})

test('ticket, cookie and token can’t replace each other', async () => {
  const set = createAuthHarness()
  const { path, name, value } = await used(set)
  const fresh = await set.ticket({ client: 'alice' })
  const token = await set.token({ sub: 'alice', publish: '*', topics: '*' })
  for (const credential of [fresh, value]) {
    expect(await statusOf(set.request('/sse', credential))).toBe(401)
    expect(await statusOf(set.postJson('/broadcast', credential, { data: 1 }))).toBe(401)
    expect(await statusOf(set.request('/clients', credential))).toBe(401)
    expect(await statusOf(set.postJson('/tickets', credential, { client: 'alice' }))).toBe(401)
  }
  for (const ticket of [value, token]) {
    expect(await statusOf(set.request(`/sse?ticket=${ticket}`))).toBe(401)
  }
  for (const note of [fresh, token]) {
    expect(await statusOf(set.request(path, undefined, withCookie(`${name}=${note}`)))).toBe(401)
  }
})

test('a secret that signs both tokens and tickets keeps them apart', async () => {
  const set = createAuthHarness({ config: { PUBLISH_KEY: [] } })
  const back = await set.token({ publish: '*' })
  const response = await set.postJson('/tickets', back, { client: 'alice' })
  const { ticket } = (await response.json()) as { ticket: string }
  expect(await statusOf(set.request('/sse', ticket))).toBe(401)
  expect(await statusOf(set.request(`/sse?ticket=${back}`))).toBe(401)
  expect(await statusOf(set.request(`/sse?ticket=${ticket}`))).toBe(200)
})

/** A ticket that was used and repeated: its URL and its cookie. */
async function used(set: AuthHarness, client = 'alice', topics: string[] = []) {
  const path = `/sse?ticket=${await set.ticket({ client, topics })}`
  const opened = await set.request(path)
  const [name = '', value = ''] = cookieOf(opened).split(/=(.*)/s)
  await opened.body?.cancel()
  expect(await statusOf(set.request(path))).toBe(200)
  return { path, name, value }
}
