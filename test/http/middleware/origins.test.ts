/** Only listed origins may read answers; a hub without a key answers to this machine alone. */
import { describe, expect, test } from 'vitest'
import { createAuthHarness, KEY, statusOf } from '../../support/auth-harness.ts'

const APP = 'https://app.example'
const STRANGERS = [
  'https://evil.example',
  'https://app.example.evil.example',
  'https://evil-app.example',
  'http://app.example',
  'https://app.example:8443',
  'https://APP.example',
  'https://sub.app.example',
  'https://app.example/',
  'null',
  '*',
  '',
]

describe('with a list of origins', () => {
  const listed = () =>
    createAuthHarness({
      config: { CORS_ORIGINS: [APP, 'http://localhost:5173'], CORS_HEADERS: ['X-Trace'] },
    })

  test('a listed origin may read any response, with cookies', async () => {
    const { request, token } = listed()
    const headers = { Origin: APP }
    const credential = await token({ sub: 'alice' })
    for (const response of [
      await request('/sse', credential, { headers }),
      await request('/sse', undefined, { headers }),
      await request('/nothing', undefined, { headers }),
      await request('/clients', KEY, { headers }),
    ]) {
      expect(response.headers.get('Access-Control-Allow-Origin')).toBe(APP)
      expect(response.headers.get('Access-Control-Allow-Credentials')).toBe('true')
      expect(response.headers.get('Vary')).toMatch(/origin/i)
      await response.body?.cancel()
    }
  })

  test.each(STRANGERS)('%j may read no response', async (Origin) => {
    const { request } = listed()
    const response = await request('/healthz', undefined, { headers: { Origin } })
    expect(response.headers.has('Access-Control-Allow-Origin')).toBe(false)
  })

  test('a preflight allows a listed origin to send the headers that the hub reads and tracers add', async () => {
    const response = await preflight(APP)
    expect(response.status).toBe(204)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe(APP)
    expect(response.headers.get('Access-Control-Allow-Credentials')).toBe('true')
    const allowed = (response.headers.get('Access-Control-Allow-Headers') ?? '').toLowerCase()
    expect(allowed.split(',').sort()).toEqual([
      'authorization',
      'baggage',
      'cache-control',
      'content-type',
      'idempotency-key',
      'last-event-id',
      'sentry-trace',
      'traceparent',
      'tracestate',
      'x-request-id',
      'x-requested-with',
      'x-trace',
    ])
    expect(response.headers.get('Access-Control-Allow-Methods')).toBe('GET,POST,DELETE')
  })

  test.each(STRANGERS)('a preflight of %j allows nothing', async (Origin) => {
    const response = await preflight(Origin)
    expect(response.headers.has('Access-Control-Allow-Origin')).toBe(false)
  })

  test('credentials are allowed to listed origins only', async () => {
    const { request } = listed()
    const response = await request('/healthz', undefined, {
      headers: { Origin: 'https://evil.example' },
    })
    expect(response.headers.has('Access-Control-Allow-Credentials')).toBe(false)
    const { headers } = await preflight('https://evil.example')
    expect(headers.has('Access-Control-Allow-Credentials')).toBe(false)
  })

  function preflight(Origin: string): Promise<Response> {
    const headers = {
      Origin,
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'authorization,last-event-id',
    }
    return listed().request('/sse', undefined, { method: 'OPTIONS', headers })
  }
})

test('without a list no origin may read a response', async () => {
  const { request } = createAuthHarness()
  for (const method of ['GET', 'OPTIONS']) {
    const response = await request('/sse', undefined, { method, headers: { Origin: APP } })
    const names = [...response.headers.keys()]
    expect(names.filter((name) => name.startsWith('access-control-'))).toEqual([])
  }
})

describe('a hub without a key', () => {
  test.each([
    'localhost',
    'localhost:3020',
    'LOCALHOST:3020',
    'LocalHost',
    'foo.localhost',
    'foo.localhost:80',
    '127.0.0.1',
    '127.0.0.1:3020',
    '127.8.9.10',
    '[::1]',
    '[::1]:3020',
  ])('accepts the host %s', async (Host) => {
    expect(await askLoopback({ Host })).toBe(200)
    expect(await askLoopback({}, `http://${Host}`)).toBe(200)
  })

  test.each([
    'evil.example',
    'evil.example:3020',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.0.0.1.nip.io',
    'evil.example.localhost.example',
    'xlocalhost',
    'localhost.localdomain',
    '128.0.0.1',
    '0.0.0.0',
    '192.168.0.1',
    '10.127.0.0.1',
    '[::2]',
    '[::ffff:192.0.2.1]',
  ])('answers 421 to the host %s', async (Host) => {
    expect(await askLoopback({ Host })).toBe(421)
    if (URL.canParse(`http://${Host}`)) expect(await askLoopback({}, `http://${Host}`)).toBe(421)
  })

  test.each([
    'localhost.',
    '127.0.0.1.',
    'evil.example.',
    'localhost@evil.example',
    'evil.example#localhost',
    'localhost evil.example',
    'localhost,evil.example',
    'localhost:3020:evil',
    '127.1',
    '2130706433',
    '0x7f.1',
    ' ',
    '',
    ':',
    ':3020',
  ])('refuses the ambiguous host %j', async (Host) => {
    expect(await askLoopback({ Host })).toBe(421)
  })

  test('checks the host of the URL, too, when it differs from the header', async () => {
    expect(await askLoopback({ Host: 'localhost' }, 'http://evil.example')).toBe(421)
    expect(await askLoopback({ Host: 'evil.example' }, 'http://localhost')).toBe(421)
  })

  test.each([
    'http://localhost:5173',
    'http://127.0.0.1',
    'https://[::1]:8443',
    'http://a.localhost',
  ])('accepts pages from %s', async (Origin) => {
    expect(await askLoopback({ Origin })).toBe(200)
  })

  test.each([
    'https://evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://localhost@evil.example',
    'http://evil.example:3020',
    'null',
    'file://',
    'localhost',
    '',
    'http://',
  ])('refuses pages from %j, whatever the request', async (Origin) => {
    expect(await askLoopback({ Origin })).toBe(403)
    const { request, hub } = createAuthHarness({ accessMode: 'loopback' })
    for (const path of ['/ping/alice', '/broadcast']) {
      const init = { method: 'POST', body: 'x', headers: { Origin } }
      expect(await statusOf(request(path, undefined, init))).toBe(403)
    }
    expect(hub.stats().published).toBe(0)
  })

  test('accepts pages from a listed origin', async () => {
    const { request } = createAuthHarness({
      accessMode: 'loopback',
      config: { CORS_ORIGINS: [APP], CORS_HEADERS: ['X-Trace'] },
    })
    const response = await request('/clients', undefined, { headers: { Origin: APP } })
    expect(response.status).toBe(200)
    expect(response.headers.get('Access-Control-Allow-Origin')).toBe(APP)
  })

  test('opens no stream for an image or script element of another origin', async () => {
    const headers = { 'Sec-Fetch-Site': 'cross-site', 'Sec-Fetch-Mode': 'no-cors' }
    const { request, hub } = createAuthHarness({ accessMode: 'loopback' })
    const response = await request('/sse?id=alice', undefined, { headers })
    expect(response.status).toBe(403)
    expect(hub.stats().connections).toBe(0)
  })

  function askLoopback(headers: Record<string, string>, base = ''): Promise<number> {
    const { request } = createAuthHarness({ accessMode: 'loopback' })
    return statusOf(request(`${base}/clients`, undefined, { headers }))
  }
})
