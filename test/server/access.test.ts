/** A hub without a configured key answers 503 to every request to listen, publish or operate. */
import { expect, test } from 'vitest'
import { accessModeOf, CONFIGURE_WORKER } from '../../src/server/access.ts'
import { defaults } from '../../src/server/config.ts'
import { createAuthHarness, KEY, SECRET } from '../support/auth-harness.ts'

test.each([
  ['POST', '/broadcast'],
  ['POST', '/clients/alice'],
  ['POST', '/topics/news'],
  ['POST', '/ping/alice'],
  ['POST', '/tickets'],
  ['GET', '/clients'],
  ['GET', '/clients/alice'],
  ['GET', '/topics/news'],
  ['DELETE', '/clients/alice'],
  ['GET', '/sse'],
  ['GET', '/sse?id=alice'],
  ['GET', '/sse?ticket=x'],
])('%s %s is 503 and says what to set, whatever the key', async (method, path) => {
  const { request, hub } = createAuthHarness({ accessMode: 'refused' })
  for (const credential of [undefined, KEY]) {
    const response = await request(path, credential, { method })
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({ detail: CONFIGURE_WORKER })
  }
  expect(hub.stats()).toMatchObject({ connections: 0, published: 0 })
})

test('it names the places for a key: of local work, and of a deployment', () => {
  expect(CONFIGURE_WORKER).toContain('.dev.vars')
  expect(CONFIGURE_WORKER).toContain('npx wrangler secret put PUBLISH_KEY')
})

test('healthz answers anyway', async () => {
  expect((await createAuthHarness({ accessMode: 'refused' }).request('/healthz')).status).toBe(200)
})

test('with a key, a secret or an issuer the hub checks permissions, wherever it listens', () => {
  const issuer = 'https://issuer.example/keys'
  for (const set of [{ PUBLISH_KEY: [KEY] }, { JWT_SECRET: SECRET }, { JWKS_URL: issuer }]) {
    expect(accessModeOf({ ...defaults, ...set }, 'network')).toBe('permissions')
    expect(accessModeOf({ ...defaults, ...set }, 'loopback')).toBe('permissions')
  }
})

test('without any of them the hub is open to this machine only, or to no client', () => {
  expect(accessModeOf(defaults, 'loopback')).toBe('loopback')
  expect(accessModeOf(defaults, 'network')).toBe('refused')
  expect(accessModeOf({ ...defaults, ALLOW_ANONYMOUS: true }, 'network')).toBe('anonymous')
})
