/** A metrics key reads metrics and nothing else; invalid keys are few in a minute. */
import { describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { type AccessOptions, createAccess } from '../../../src/http/auth/access.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { createAuthHarness, KEY, SECRET } from '../../support/auth-harness.ts'

const METRICS_KEY = 'a-metrics-key-0123456789'

const harness = () =>
  createAuthHarness({ config: { METRICS_KEY: ['an-older-key-0123456789', METRICS_KEY] } })

describe('a metrics key', () => {
  test('reads the metrics, by GET and HEAD', async () => {
    const { request } = harness()
    expect((await request('/metrics', METRICS_KEY)).status).toBe(200)
    expect((await request('/metrics', METRICS_KEY, { method: 'HEAD' })).status).toBe(200)
    expect((await request('/metrics', 'an-older-key-0123456789')).status).toBe(200)
  })

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
    ['GET', '/sse?id=alice'],
    ['HEAD', '/sse?id=alice'],
  ])('may not %s %s', async (method, path) => {
    const { request, hub } = harness()
    expect((await request(path, METRICS_KEY, { method })).status).toBe(403)
    expect(hub.stats()).toMatchObject({ connections: 0, published: 0 })
  })

  test('leaves the metrics to publish keys as well, and to nobody else', async () => {
    const { request, token } = harness()
    expect((await request('/metrics', KEY)).status).toBe(200)
    expect((await request('/metrics', `${METRICS_KEY}x`)).status).toBe(401)
    expect((await request('/metrics')).status).toBe(401)
    expect((await request('/metrics', await token({ publish: '*' }))).status).toBe(403)
  })

  test('does not sign tickets', async () => {
    const { app } = createAuthHarness({
      config: { PUBLISH_KEY: [], JWT_SECRET: SECRET, METRICS_KEY: [METRICS_KEY] },
    })
    expect((await app.request('/sse?ticket=x')).status).toBe(401)
  })
})

test.each<[RegExp, Omit<AccessOptions, 'hub'>]>([
  [/metricsKeys must have 16/, { keys: [KEY], metricsKeys: ['short'] }],
  [/metricsKeys must have 16/, { keys: [KEY], metricsKeys: ['with a space in the key'] }],
  [/metricsKeys must differ from keys/, { keys: [KEY], metricsKeys: [KEY] }],
  [/requires keys or jwt/, { metricsKeys: [METRICS_KEY] }],
])('%s: a metrics key that is unsafe or useless is rejected', (message, options) => {
  const hub = createHub()
  expect(() => createAccess({ hub, ...options })).toThrow(message)
})

test.each([
  [{ operate: true }, 200],
  [{ metrics: true }, 200],
  [{ publish: '*' } as const, 403],
])('a login that returns %j gets %i', async (grant, status) => {
  const app = createApp({ hub: createHub(), access: () => grant })
  expect((await app.request('/metrics')).status).toBe(status)
  expect((await app.request('/clients')).status).toBe(
    grant === undefined ? 401 : 'operate' in grant ? 200 : 403,
  )
})

test('access of one’s own without metrics decides by operate', async () => {
  const hub = createHub()
  const own = createAccess({ hub, keys: [KEY] })
  const { metrics: _, ...access } = own
  const app = createApp({ hub, access })
  const headers = { Authorization: `Bearer ${KEY}` }
  expect((await app.request('/metrics', { headers })).status).toBe(200)
  expect((await app.request('/metrics')).status).toBe(401)
})

test('a metrics key stays one when the list of keys that was passed changes', async () => {
  const hub = createHub()
  const keys = [KEY]
  const app = createApp({ hub, access: createAccess({ hub, keys, metricsKeys: [METRICS_KEY] }) })
  const statusFor = async (key: string) =>
    (await app.request('/clients', { headers: { Authorization: `Bearer ${key}` } })).status
  keys.push('another-key-0123456789')
  expect([await statusFor(METRICS_KEY), await statusFor(KEY)]).toEqual([403, 200])
  keys.length = 0
  expect([await statusFor(METRICS_KEY), await statusFor(KEY)]).toEqual([403, 200])
})
