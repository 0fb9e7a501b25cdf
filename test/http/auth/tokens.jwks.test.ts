/** The issuer's keys are fetched once, again for an unknown one, and kept while the issuer is unreachable. */
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { createAccess } from '../../../src/http/auth/access.ts'
import { released } from '../../support/app-harness.ts'
import { type AuthHarness, createAuthHarness, KEY, statusOf } from '../../support/auth-harness.ts'
import {
  createKeyPair,
  type Issuer,
  type KeyPair,
  startIssuer,
} from '../../support/token-issuer.ts'

const FAILURE = new Error('from onError')

const COOLDOWN_MS = 30_000
const CACHE_MS = 600_000

let old: KeyPair
let young: KeyPair
let issuer: Issuer
let set: AuthHarness

beforeEach(async () => {
  // The library that fetches the keys reads the machine's clock.
  vi.useFakeTimers({ toFake: ['Date'] })
  old = await createKeyPair('old')
  young = await createKeyPair('young')
  issuer = await startIssuer(old.jwk)
  set = createAuthHarness({ config: { JWT_SECRET: undefined, JWKS_URL: issuer.url } })
  vi.setSystemTime(set.clock.now())
})

afterEach(async () => {
  vi.useRealTimers()
  await issuer.close()
})

test('an endless key set is read up to a bound, and counts as a failure of the issuer', async () => {
  issuer.respondWith('endless')
  expect(await publish(await tokenOf(old))).toBe(503)
  // What the sockets hold comes on top of the bound.
  expect(issuer.endlessBytes).toBeLessThan(20_000_000)
})

test('many tokens need one fetch', async () => {
  const tokens = await Promise.all([1, 2, 3, 4, 5].map(() => tokenOf(old)))
  const statuses = await Promise.all(tokens.map((token) => publish(token)))
  expect(statuses).toEqual([200, 200, 200, 200, 200])
  await turn(CACHE_MS / 2)
  expect(await publish(await tokenOf(old))).toBe(200)
  expect(issuer.requests).toBe(1)
})

test('the keys are fetched again after ten minutes, so that withdrawn keys expire', async () => {
  expect(await publish(await tokenOf(old))).toBe(200)
  issuer.keys.splice(0, 1, young.jwk)
  await turn(CACHE_MS + 1)
  expect(await publish(await tokenOf(old))).toBe(401)
  expect(issuer.requests).toBe(2)
})

test('an unknown kid causes another fetch, and then its token is accepted', async () => {
  expect(await publish(await tokenOf(old))).toBe(200)
  issuer.keys.push(young.jwk)
  await turn(COOLDOWN_MS + 1)
  expect(await publish(await tokenOf(young))).toBe(200)
  expect(await publish(await tokenOf(old))).toBe(200)
  expect(issuer.requests).toBe(2)
})

test('many unknown kids cause one fetch in 30 seconds', async () => {
  expect(await publish(await tokenOf(old))).toBe(200)
  for (let n = 0; n < 20; n++) {
    expect(await publish(await tokenOf(young, { kid: `made-up-${n}` }))).toBe(401)
  }
  expect(issuer.requests).toBe(1)
  await turn(COOLDOWN_MS + 1)
  for (let n = 0; n < 20; n++) {
    expect(await publish(await tokenOf(young, { kid: `made-up-${n}` }))).toBe(401)
  }
  expect(issuer.requests).toBe(2)
})

test.each(['error', 'nonsense', 'redirect'] as const)(
  'the previous keys stay valid when the issuer answers with an %s',
  async (how) => {
    expect(await publish(await tokenOf(old))).toBe(200)
    issuer.respondWith(how)
    await turn(CACHE_MS + 1)
    expect(await publish(await tokenOf(old))).toBe(200)
    expect(await publish(await tokenOf(young))).toBe(401)
    for (let n = 0; n < 5; n++) expect(await publish(await tokenOf(old))).toBe(200)
    expect(issuer.requests).toBe(2)
  },
)

test('the previous keys stay valid while the issuer is unreachable', async () => {
  expect(await publish(await tokenOf(old))).toBe(200)
  await issuer.close()
  await turn(CACHE_MS + 1)
  expect(await publish(await tokenOf(old))).toBe(200)
  await turn(100 * CACHE_MS)
  expect(await publish(await tokenOf(old))).toBe(200)
})

test('without any keys a publish is 503, and the response reveals nothing about the token', async () => {
  issuer.respondWith('error')
  const response = await set.postJson('/broadcast', await tokenOf(old), { data: 1 })
  expect(response.status).toBe(503)
  expect(await response.json()).toMatchObject({
    status: 503,
    detail: expect.stringContaining('issuer'),
  })
  expect(set.errors).toEqual([])
})

test('without any keys a stream is 200 with a goodbye, so that its client reconnects', async () => {
  issuer.respondWith('error')
  const response = await set.request('/sse', await tokenOf(old))
  expect(response.status).toBe(200)
  const text = await (await released(response, set.clock)).text()
  expect(text).toMatch(/^retry: \d+\nevent: hub:bye\ndata: \{.*\}\n\n$/)
  expect(set.hub.stats().connections).toBe(0)
})

test('an unreachable issuer is retried after 30 seconds, not for each token', async () => {
  issuer.respondWith('error')
  for (let n = 0; n < 20; n++) expect(await publish(await tokenOf(old))).toBe(503)
  expect(issuer.requests).toBe(1)
  issuer.respondWith('keys')
  expect(await publish(await tokenOf(old))).toBe(503)
  await turn(COOLDOWN_MS)
  expect(await publish(await tokenOf(old))).toBe(200)
  expect(issuer.requests).toBe(2)
})

test.each([
  [
    'throws',
    () => {
      throw FAILURE
    },
  ],
  ['rejects', () => Promise.reject(FAILURE)],
])('an onError that %s is logged, and the failure stays temporary', async (_, onError) => {
  const logged = vi.spyOn(console, 'error').mockReturnValue()
  onTestFinished(() => logged.mockRestore())
  issuer.respondWith('error')
  const { hub, clock } = set
  const access = createAccess({ hub, clock, jwt: { jwksUrl: issuer.url, onError } })
  const headers = { Authorization: `Bearer ${await tokenOf(old)}` }
  const response = await createApp({ hub, access }).request('/sse', { headers })
  expect(response.status).toBe(200)
  expect(await (await released(response, clock)).text()).toContain('event: hub:bye')
  expect(logged.mock.calls).toEqual([[FAILURE]])
})

test.each([-3_600_000, 3_600_000])(
  'wall time that jumps by %d ms neither ends that pause nor prolongs it',
  async (jumpMs) => {
    issuer.respondWith('error')
    expect(await publish(await tokenOf(old))).toBe(503)
    issuer.respondWith('keys')
    set.clock.moveWallTime(jumpMs)
    await turn(COOLDOWN_MS - 1)
    expect(await publish(await tokenOf(old))).toBe(503)
    expect(issuer.requests).toBe(1)
    await turn(1)
    expect(await publish(await tokenOf(old))).toBe(200)
  },
)

test('the key of the hub works without the issuer', async () => {
  issuer.respondWith('error')
  expect(await publish(KEY)).toBe(200)
  expect(issuer.requests).toBe(0)
})

test('tickets can’t be signed with the keys of an issuer', async () => {
  const alone = createAuthHarness({
    config: { PUBLISH_KEY: [], JWT_SECRET: undefined, JWKS_URL: issuer.url },
    clock: set.clock,
  })
  const grant = { client: 'alice' }
  expect(await statusOf(alone.postJson('/tickets', await tokenOf(old), grant))).toBe(403)
  expect(await statusOf(alone.request('/sse?ticket=any'))).toBe(401)
  expect(await statusOf(alone.request('/sse', await tokenOf(old)))).toBe(200)
})

async function turn(ms: number): Promise<void> {
  await set.clock.advance(ms)
  vi.setSystemTime(set.clock.now())
}

function tokenOf(pair: KeyPair, header = {}): Promise<string> {
  const exp = set.clock.now() / 1_000 + 3_600
  return pair.sign({ sub: 'alice', publish: '*', exp }, header)
}

function publish(credential: string): Promise<number> {
  return statusOf(set.postJson('/broadcast', credential, { data: 1 }))
}
