/** A key may publish and operate; without the exact key, nothing is allowed. */
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../../src/server/config.ts'
import { afterHold } from '../../support/app-harness.ts'
import { createAuthHarness, KEY, statusOf } from '../../support/auth-harness.ts'

const ROUTES = [
  ['POST', '/broadcast'],
  ['POST', '/clients/alice'],
  ['POST', '/topics/news'],
  ['POST', '/ping/alice'],
  ['GET', '/clients'],
  ['GET', '/clients/alice'],
  ['GET', '/topics/news'],
  ['DELETE', '/clients/alice'],
  ['POST', '/tickets'],
  ['GET', '/sse'],
  ['GET', '/sse?id=alice'],
] as const

const EVENT = JSON.stringify({ data: 1 })
const GRANT = JSON.stringify({ client: 'alice' })

describe.each(ROUTES)('%s %s', (method, path) => {
  const init = {
    method,
    headers: { 'Content-Type': 'application/json' },
    ...(method === 'POST' && { body: path === '/tickets' ? GRANT : EVENT }),
  }

  test('without a credential is 401, and names the scheme', async () => {
    const { request, hub, errors } = createAuthHarness()
    const response = await request(path, undefined, init)
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toBe('Bearer realm="hono-sse"')
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ status: 401, detail: expect.stringMatching(/./) })
    expect(hub.stats()).toMatchObject({ connections: 0, published: 0 })
    expect(errors).toEqual([])
  })

  test.each([
    ['a prefix of the key', KEY.slice(0, -1)],
    ['the key and a letter', `${KEY}x`],
    ['the key in capitals', KEY.toUpperCase()],
    ['two keys with a comma', `${KEY},${KEY}`],
    ['an empty key', ''],
    ['another word', 'undefined'],
  ])('with %s is 401', async (_, credential) => {
    const { request, hub } = createAuthHarness()
    const response = await request(path, credential, init)
    expect(response.status).toBe(401)
    const error = credential === '' ? '' : ', error="invalid_token"'
    expect(response.headers.get('WWW-Authenticate')).toBe(`Bearer realm="hono-sse"${error}`)
    expect(hub.stats()).toMatchObject({ connections: 0, published: 0 })
  })

  test.each([`Basic ${btoa(`:${KEY}`)}`, KEY, `Bearer${KEY}`, `Token ${KEY}`, `Bearer ${KEY} x`])(
    'with "Authorization: %s" is 401',
    async (Authorization) => {
      const { request } = createAuthHarness()
      const headers = { ...init.headers, Authorization }
      expect(await statusOf(request(path, undefined, { ...init, headers }))).toBe(401)
    },
  )

  test('with a credential in the query is 400, and the response does not repeat it', async () => {
    const { request, hub } = createAuthHarness()
    const names = ['key', 'token', 'access_token', 'KEY', 'api_key', 'publish_key', 'jwt', 'auth']
    for (const name of names) {
      const query = `${path.includes('?') ? '&' : '?'}${name}=${KEY}`
      const response = await request(path + query, KEY, init)
      expect(response.status).toBe(400)
      expect(await response.text()).not.toContain(KEY)
    }
    expect(hub.stats()).toMatchObject({ connections: 0, published: 0 })
  })
})

test('the key may do everything but listen, because it names no client', async () => {
  const { request } = createAuthHarness()
  for (const [method, path] of ROUTES) {
    const headers = { 'Content-Type': 'application/json' }
    const init = {
      method,
      headers,
      ...(method === 'POST' && { body: path === '/tickets' ? GRANT : EVENT }),
    }
    const expected = path.startsWith('/sse') ? 403 : 200
    expect([path, await statusOf(request(path, KEY, init))]).toEqual([path, expected])
  }
})

test('the scheme is case-insensitive', async () => {
  const { request } = createAuthHarness()
  for (const scheme of ['bearer', 'BEARER', 'Bearer  ']) {
    const init = { headers: { Authorization: `${scheme} ${KEY}` } }
    expect(await statusOf(request('/clients', undefined, init))).toBe(200)
  }
})

test('healthz and readyz require no credential and reveal nothing', async () => {
  const { request } = createAuthHarness()
  expect(await (await request('/healthz')).text()).toBe('ok')
  expect(await (await request('/readyz')).text()).toBe('ready')
})

test('each of several keys works, and a removed one does not', async () => {
  const [old, young] = ['the-key-of-last-year', 'the-key-of-this-year']
  const both = createAuthHarness({ config: { PUBLISH_KEY: [young, old] } })
  expect(await statusOf(both.request('/clients', old))).toBe(200)
  expect(await statusOf(both.request('/clients', young))).toBe(200)
  const one = createAuthHarness({ config: { PUBLISH_KEY: [young] } })
  expect(await statusOf(one.request('/clients', old))).toBe(401)
})

test('without tokens set up, a token is refused like a wrong key', async () => {
  const { request, token } = createAuthHarness({ config: { JWT_SECRET: undefined } })
  expect(await statusOf(request('/sse', await token({ sub: 'alice' })))).toBe(401)
})

test('with tokens alone no key works, not even the empty one', async () => {
  const { request, token } = createAuthHarness({ config: { PUBLISH_KEY: [] } })
  expect(await statusOf(request('/clients', KEY))).toBe(401)
  expect(await statusOf(request('/clients', ''))).toBe(401)
  expect(await statusOf(request('/clients', await token({ sub: 'alice', publish: '*' })))).toBe(403)
})

test('every key that the configuration accepts works', async () => {
  const printable = Array.from({ length: 94 }, (_, n) => String.fromCharCode(0x21 + n))
  for (const char of printable.filter((char) => char !== ',')) {
    const key = `0123456789abcde${char}`
    const taken = keysOf(key)
    if (!taken) continue
    const { request } = createAuthHarness({ config: { PUBLISH_KEY: taken } })
    expect([char, await statusOf(request('/clients', key))]).toEqual([char, 200])
  }
})

test('a key that is too short, or not printable, is refused without being repeated', () => {
  for (const key of ['short', 'x'.repeat(15), 'with a space in it', 'ünicode-ünicode-ü']) {
    expect(keysOf(key)).toBeUndefined()
    expect(() => readConfig({ PUBLISH_KEY: key })).toThrow(/PUBLISH_KEY must be/)
    expect(() => readConfig({ PUBLISH_KEY: key })).not.toThrow(key)
  }
})

function keysOf(text: string): readonly string[] | undefined {
  try {
    return readConfig({ PUBLISH_KEY: text }).PUBLISH_KEY
  } catch {
    return undefined
  }
}

test('a credential without the permission is 403, with the error code of RFC 6750', async () => {
  const { postJson, token } = createAuthHarness()
  const response = await postJson('/broadcast', await token({ sub: 'alice' }), { data: 1 })
  expect(response.status).toBe(403)
  const challenge = 'Bearer realm="hono-sse", error="insufficient_scope"'
  expect(response.headers.get('WWW-Authenticate')).toBe(challenge)
})

test('HEAD of a stream requires the same credential as GET', async () => {
  const { request, hub, token, clock } = createAuthHarness()
  const head = { method: 'HEAD' }
  expect(await statusOf(request('/sse', undefined, head))).toBe(401)
  expect(await statusOf(request('/sse?id=bob', await token({ sub: 'alice' }), head))).toBe(403)
  expect(await statusOf(request('/sse', await token({ sub: 'alice' }), head))).toBe(200)
  await hub.disconnect('alice', 60_000)
  const blocked = await afterHold(request('/sse', await token({ sub: 'alice' })), clock)
  expect(blocked.status).toBe(204)
  expect(blocked.headers.get('Cache-Control')).toBe('no-store')
  expect(await statusOf(request('/sse', await token({ sub: 'alice' }), head))).toBe(204)
  expect(hub.stats().connections).toBe(0)
})
