/** Guessing keys is limited per address, before a guess is compared, and locks out nobody whose key was accepted there. */
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { createAccess } from '../../../src/http/auth/access.ts'
import { type SharedAttempt, shareAttempts } from '../../../src/http/auth/attempts.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { type AuthHarness, createAuthHarness, KEY } from '../../support/auth-harness.ts'

const METRICS_KEY = 'a-metrics-key-0123456789'

function setUp(config: Record<string, unknown> = {}) {
  let address: string | undefined = '192.0.2.1'
  const harness = createAuthHarness({
    peer: () => address,
    config: { METRICS_KEY: [METRICS_KEY], ATTEMPTS_PER_MINUTE: 5, ...config },
  })
  const from = (other: string | undefined) => {
    address = other
  }
  return { ...harness, from }
}

const post = { method: 'POST' }

async function ping({ request }: Pick<AuthHarness, 'request'>, key?: string): Promise<number> {
  return (await request('/ping/alice', key, post)).status
}

async function guess(harness: Pick<AuthHarness, 'request'>, times: number): Promise<number[]> {
  const statuses = []
  for (let n = 0; n < times; n++) statuses.push(await ping(harness, `a-wrong-key-${n}-0123456789`))
  return statuses
}

describe('beyond the limit', () => {
  test('a guess receives 429 with the seconds to wait, and the right key is no exception', async () => {
    const harness = setUp()
    expect(await guess(harness, 7)).toEqual([401, 401, 401, 401, 401, 429, 429])
    const right = await harness.request('/ping/alice', KEY, post)
    expect(right.status).toBe(429)
    expect(right.headers.get('Retry-After')).toBe('60')
    expect(right.headers.get('WWW-Authenticate')).toBeNull()
    expect(await right.json()).toMatchObject({ detail: expect.stringContaining('invalid keys') })
    expect(harness.hub.stats().published).toBe(0)
  })

  test.each([
    ['GET', '/clients'],
    ['GET', '/metrics'],
    ['DELETE', '/clients/alice'],
    ['POST', '/tickets'],
    ['POST', '/broadcast'],
  ])('%s %s is refused as well', async (method, path) => {
    const harness = setUp()
    await guess(harness, 5)
    expect((await harness.request(path, KEY, { method })).status).toBe(429)
  })

  test('a key that its address has used before is accepted', async () => {
    const harness = setUp()
    expect(await ping(harness, KEY)).toBe(200)
    await guess(harness, 9)
    expect(await ping(harness, KEY)).toBe(200)
  })

  test('whoever has another key there can’t guess without a limit', async () => {
    const harness = setUp()
    expect((await harness.request('/metrics', METRICS_KEY)).status).toBe(200)
    await guess(harness, 5)
    expect((await harness.request('/metrics', METRICS_KEY)).status).toBe(200)
    expect(await ping(harness, KEY)).toBe(429)
  })

  test('other addresses are not affected, but those of the same IPv6 network are', async () => {
    const harness = setUp()
    harness.from('2001:db8::1')
    await guess(harness, 5)
    harness.from('2001:db8::2')
    expect(await ping(harness, KEY)).toBe(429)
    harness.from('2001:db8:0:1::1')
    expect(await ping(harness, KEY)).toBe(200)
  })

  test('tokens and tickets are accepted: nobody can guess a signature', async () => {
    const harness = setUp()
    const ticket = await harness.ticket({ client: 'alice' })
    await guess(harness, 9)
    expect(await ping(harness, await harness.token({ publish: '*' }))).toBe(200)
    expect(
      (await harness.request(`/sse?ticket=${ticket}`, undefined, { method: 'HEAD' })).status,
    ).toBe(200)
    expect((await harness.request('/ping/alice', undefined, post)).status).toBe(401)
  })

  test('it ends with the minute', async () => {
    const harness = setUp()
    await guess(harness, 6)
    await harness.clock.advance(60_000)
    expect(await ping(harness, KEY)).toBe(200)
    expect(await guess(harness, 6)).toEqual([401, 401, 401, 401, 401, 429])
  })
})

test('valid requests, missing credentials and invalid tokens do not count', async () => {
  const harness = setUp()
  const expired = await harness.token({ publish: '*', exp: -3_600 })
  for (let n = 0; n < 10; n++) {
    expect(await ping(harness, expired)).toBe(401)
    expect(await ping(harness)).toBe(401)
    expect(await ping(harness, METRICS_KEY)).toBe(403)
  }
  harness.from('192.0.2.2')
  expect(await ping(harness, KEY)).toBe(200)
})

test('a key in the form of a token is protected as well', async () => {
  const key = 'a-key.with.two-dots'
  const harness = setUp({ PUBLISH_KEY: [key] })
  for (let n = 0; n < 5; n++) await ping(harness, `a-key.with.two-dots${n}`)
  expect(await ping(harness, key)).toBe(429)
})

test('requests without an address count together', async () => {
  const harness = setUp()
  harness.from(undefined)
  await guess(harness, 5)
  expect(await ping(harness, KEY)).toBe(429)
})

test('0 turns the limit off', async () => {
  const harness = setUp({ ATTEMPTS_PER_MINUTE: 0 })
  expect(new Set(await guess(harness, 100))).toEqual(new Set([401]))
})

test('in the library it is off without addressOf, and by default 60', async () => {
  const hub = createHub()
  const statuses = async (options: object) => {
    const app = createApp({ hub, access: createAccess({ hub, keys: [KEY], ...options }) })
    const request = (path: string, key?: string, init: RequestInit = {}) =>
      Promise.resolve(app.request(path, { ...init, headers: { Authorization: `Bearer ${key}` } }))
    return (await guess({ request }, 62)).slice(-3)
  }
  expect(await statuses({})).toEqual([401, 401, 401])
  expect(await statuses({ attempts: { addressOf: () => '192.0.2.1' } })).toEqual([401, 429, 429])
})

test.each<[object, RegExp]>([
  [{}, /attempts.addressOf/],
  [{ addressOf: 'x' }, /addressOf of attempts/],
  [{ addressOf: () => '', perminute: 5 }, /perminute/],
  [{ addressOf: () => '', perMinute: -1 }, /perMinute/],
  [{ addressOf: () => '', perMinute: Number.NaN }, /perMinute/],
])('%o is rejected', (attempts, message) => {
  const hub = createHub()
  expect(() => createAccess({ hub, keys: [KEY], attempts: attempts as never })).toThrow(message)
})

test('processes that serve the same port count together, and know the keys that an address has used', async () => {
  const addressOf = () => '192.0.2.1'
  const listeners: ((attempt: SharedAttempt) => void)[] = []
  const [one, other] = [0, 1].map((index) => {
    const hub = createHub()
    shareAttempts(hub, {
      send: (attempt) => listeners[1 - index]?.(attempt),
      onReceived: (listener) => {
        listeners[index] = listener
      },
    })
    return createApp({
      hub,
      access: createAccess({ hub, keys: [KEY], attempts: { addressOf, perMinute: 4 } }),
    })
  })
  const ping = async (app: typeof one, key: string) => {
    const headers = { Authorization: `Bearer ${key}` }
    return (await app?.request('/ping/alice', { ...post, headers }))?.status
  }
  expect(await ping(one, KEY)).toBe(200)
  for (const app of [one, other, one, other])
    expect(await ping(app, 'a-wrong-key-0123456789')).toBe(401)
  for (const app of [one, other]) {
    expect(await ping(app, 'a-wrong-key-0123456789')).toBe(429)
    expect(await ping(app, KEY)).toBe(200)
  }
})
