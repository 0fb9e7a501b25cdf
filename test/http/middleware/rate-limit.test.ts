/** A client over its rate limit is asked to wait, and no other client is affected. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createLimits, ipBucket } from '../../../src/http/middleware/rate-limit.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { defaults } from '../../../src/server/config.ts'
import { released } from '../../support/app-harness.ts'
import { type AuthHarness, createAuthHarness, KEY, statusOf } from '../../support/auth-harness.ts'
import { type ManualClock, manualClock } from '../../support/clock.ts'

let clock: ManualClock

// The library that counts takes Retry-After from the machine's clock.
beforeEach(() => {
  clock = manualClock()
  vi.useFakeTimers({ toFake: ['Date'], now: clock.now() })
})
afterEach(() => void vi.useRealTimers())

test('there is no limit by default', async () => {
  expect(defaults).toMatchObject({ STREAMS_PER_MINUTE: 0, PUBLISHES_PER_MINUTE: 0, TRUST_PROXY: 0 })
  const { request } = createAuthHarness({ clock, accessMode: 'anonymous' })
  for (let n = 0; n < 200; n++) {
    const response = await request('/ping/alice', undefined, { method: 'POST' })
    expect(response.status).toBe(200)
    expect(response.headers.has('RateLimit')).toBe(false)
  }
})

describe('publishing', () => {
  const config = { PUBLISHES_PER_MINUTE: 3 }

  test('too often is 429 with Retry-After, until the minute is over', async () => {
    const { postJson, hub } = createAuthHarness({ clock, config })
    for (let n = 0; n < 3; n++) expect(await statusOf(publish(postJson))).toBe(200)
    const response = await publish(postJson)
    expect(response.status).toBe(429)
    expect(response.headers.get('Content-Type')).toBe('application/problem+json')
    const seconds = Number(response.headers.get('Retry-After'))
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThanOrEqual(60)
    expect(hub.stats().published).toBe(3)
    await turn(seconds * 1_000)
    expect(await statusOf(publish(postJson))).toBe(200)
  })

  test.each([-3_600_000, 3_600_000])(
    'asks for the rest of the minute after wall time has jumped by %d ms',
    async (jumpMs) => {
      const { postJson } = createAuthHarness({ clock, config })
      for (let n = 0; n < 3; n++) expect(await statusOf(publish(postJson))).toBe(200)
      clock.moveWallTime(jumpMs)
      await turn(20_000)
      const response = await publish(postJson)
      expect([response.status, response.headers.get('Retry-After')]).toEqual([429, '40'])
      await turn(40_000)
      expect(await statusOf(publish(postJson))).toBe(200)
    },
  )

  test('is counted per credential, whatever the address', async () => {
    let address = 0
    const { postJson, token } = createAuthHarness({
      clock,
      config,
      peer: () => `192.0.2.${address++}`,
    })
    const [alice, bob] = [
      await token({ sub: 'alice', publish: '*' }),
      await token({ sub: 'bob', publish: '*' }),
    ]
    for (let n = 0; n < 3; n++) expect(await statusOf(publish(postJson, alice))).toBe(200)
    expect(await statusOf(publish(postJson, alice))).toBe(429)
    expect(await statusOf(publish(postJson, await token({ sub: 'alice', publish: '*' })))).toBe(429)
    expect(await statusOf(publish(postJson, bob))).toBe(200)
    expect(await statusOf(publish(postJson))).toBe(200)
  })

  test('is counted for each key, and for each token without a client', async () => {
    const other = 'another-key-of-the-hub-0123456789'
    const { postJson, token } = createAuthHarness({
      clock,
      config: { ...config, PUBLISH_KEY: [KEY, other] },
    })
    const [one, two] = [await token({ publish: '*' }), await token({ publish: '*', jti: '2' })]
    for (const credential of [KEY, other, one, two]) {
      for (let n = 0; n < 3; n++) expect(await statusOf(publish(postJson, credential))).toBe(200)
      expect(await statusOf(publish(postJson, credential))).toBe(429)
    }
  })

  test('is counted per address where no credential is required', async () => {
    let address = '192.0.2.1'
    const set = createAuthHarness({ clock, config, accessMode: 'anonymous', peer: () => address })
    for (let n = 0; n < 3; n++) expect(await pingFrom(set)).toBe(200)
    expect(await pingFrom(set)).toBe(429)
    address = '192.0.2.2'
    expect(await pingFrom(set)).toBe(200)
  })

  test('a request that is refused for lack of permission does not count', async () => {
    const { postJson } = createAuthHarness({ clock, config })
    for (let n = 0; n < 10; n++) expect(await statusOf(publish(postJson, 'wrong'))).toBe(401)
    expect(await statusOf(publish(postJson))).toBe(200)
  })

  test('a spoofed X-Forwarded-For is ignored without trusted proxies', async () => {
    const set = createAuthHarness({ clock, config, accessMode: 'anonymous' })
    for (let n = 0; n < 3; n++) expect(await pingFrom(set, `203.0.113.${n}`)).toBe(200)
    expect(await pingFrom(set, '203.0.113.99')).toBe(429)
  })

  test.each([
    [1, (n: number) => `203.0.113.${n}, 198.51.100.7`],
    [1, (n: number) => `198.51.100.7, 203.0.113.${n},198.51.100.7`],
    [2, (n: number) => `203.0.113.${n}, 198.51.100.7, 10.0.0.1`],
  ])('%d trusted proxies: only the addresses they added count', async (TRUST_PROXY, forwarded) => {
    const trusting = { ...config, TRUST_PROXY }
    const set = createAuthHarness({ clock, config: trusting, accessMode: 'anonymous' })
    for (let n = 0; n < 3; n++) expect(await pingFrom(set, forwarded(n))).toBe(200)
    expect(await pingFrom(set, forwarded(99))).toBe(429)
    expect(await pingFrom(set, '198.51.100.8, 10.0.0.2')).toBe(200)
  })

  test('a port that a proxy adds to the address does not make it another address', async () => {
    const trusting = { ...config, TRUST_PROXY: 1 }
    const set = createAuthHarness({ clock, config: trusting, accessMode: 'anonymous' })
    for (let n = 0; n < 3; n++) expect(await pingFrom(set, `198.51.100.7:${5_000 + n}`)).toBe(200)
    expect(await pingFrom(set, '198.51.100.7:6000')).toBe(429)
  })

  test('fewer entries than proxies fall back to the peer', async () => {
    const trusting = { ...config, TRUST_PROXY: 3 }
    const set = createAuthHarness({ clock, config: trusting, accessMode: 'anonymous' })
    for (let n = 0; n < 3; n++) expect(await pingFrom(set, `203.0.113.${n}`)).toBe(200)
    expect(await pingFrom(set, '203.0.113.99')).toBe(429)
    expect(await pingFrom(set, '')).toBe(429)
    expect(await pingFrom(set)).toBe(429)
  })
})

describe('streams', () => {
  const config = { STREAMS_PER_MINUTE: 2 }

  test('over the limit get 200 with a goodbye, because any other status would stop an EventSource for good', async () => {
    const { request, hub } = createAuthHarness({ clock, config, accessMode: 'anonymous' })
    for (let n = 0; n < 2; n++) expect(await statusOf(request('/sse?id=alice'))).toBe(200)
    const response = await request('/sse?id=alice')
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toMatch(/^text\/event-stream/)
    const text = await (await released(response, clock)).text()
    expect(text).toMatch(/^retry: \d+\nevent: hub:bye\ndata: .*at-capacity.*\n\n$/)
    expect(hub.stats().connections).toBe(0)
    expect(hub.stats().metrics.refusals['rate-limited']).toBe(1)
    await turn(60_000)
    const again = await request('/sse?id=alice')
    expect(hub.stats().connections).toBe(1)
    await again.body?.cancel()
  })

  test('are counted per authorized client', async () => {
    const { request, token, hub } = createAuthHarness({ clock, config })
    const [alice, bob] = [await token({ sub: 'alice' }), await token({ sub: 'bob' })]
    for (let n = 0; n < 4; n++) await request('/sse', alice)
    expect(hub.stats().connections).toBe(2)
    await request('/sse', bob)
    expect(hub.stats().connections).toBe(3)
  })

  test('requested with HEAD, OPTIONS or without permission do not count', async () => {
    const { request, token, hub } = createAuthHarness({ clock, config })
    const alice = await token({ sub: 'alice' })
    for (let n = 0; n < 5; n++) {
      await request('/sse', alice, { method: 'HEAD' })
      await request('/sse', alice, { method: 'OPTIONS' })
      await request('/sse?id=bob', alice)
      await request('/sse?id=alice')
    }
    await request('/sse', alice)
    expect(hub.stats().connections).toBe(1)
  })
})

describe('an address', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::'],
    ['2001:DB8:1:2::1', '2001:db8:1:2:ffff::'],
    ['fe80::1%eth0', 'fe80::2'],
  ])('%s counts as %s', (one, other) => {
    expect(ipBucket(one)).toBe(ipBucket(other))
  })

  test.each([
    ['192.0.2.1', '192.0.2.2'],
    ['2001:db8:1:2::1', '2001:db8:1:3::1'],
    ['::ffff:192.0.2.1', '::ffff:192.0.2.2'],
    ['::ffff:c000:201', '::ffff:c000:202'],
  ])('%s does not count as %s', (one, other) => {
    expect(ipBucket(one)).not.toBe(ipBucket(other))
  })

  test.each(['::ffff::1:zz', ':', '[', 'x'.repeat(10_000)])(
    'that is invalid, %s, is not an error',
    (text) => {
      expect(ipBucket(text).length).toBeLessThanOrEqual(64)
    },
  )
})

async function turn(ms: number): Promise<void> {
  await clock.advance(ms)
  vi.setSystemTime(clock.now())
}

function publish(send: AuthHarness['postJson'], credential = KEY): Promise<Response> {
  return send('/broadcast', credential, { data: 1 })
}

function pingFrom({ request }: AuthHarness, forwardedFor?: string): Promise<number> {
  const headers = forwardedFor === undefined ? {} : { 'X-Forwarded-For': forwardedFor }
  return statusOf(request('/ping/alice', undefined, { method: 'POST', headers }))
}

test.each<[RegExp, object]>([
  [/createLimits has no option "publishPerMinute"/, { publishPerMinute: 5 }],
  [/streamsPerMinute of createLimits must be a finite number/, { streamsPerMinute: '5' }],
  [/createLimits requires addressOf/, { streamsPerMinute: 5, addressOf: undefined }],
])('an option that is misspelt, or of another kind, is refused: %s', (message, options) => {
  const limits = () => createLimits({ hub: createHub(), addressOf: () => undefined, ...options })
  expect(limits).toThrow(message)
  expect(limits).toThrow(expect.objectContaining({ code: 'invalid-option' }))
})
