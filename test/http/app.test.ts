/** Every path answers every method: with what it has, with 405, or with 404. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createAppHarness, problemIn } from '../support/app-harness.ts'
import { testWhere } from '../support/where.ts'

const FAILURE = new Error('from the host')

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']

/** The routes that the app really has: path → methods. */
function routes(): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const { path, method } of createAppHarness().app.routes) {
    if (method === 'ALL') continue
    found.set(path, (found.get(path) ?? new Set()).add(method))
  }
  return found
}

const ROUTES = [...routes()].map(([path, methods]): [string, string[]] => {
  const all = new Set([...methods, ...(methods.has('GET') ? ['HEAD'] : []), 'OPTIONS'])
  return [path, [...all].sort()]
})

test('the app has exactly the designed routes', () => {
  expect(ROUTES.map(([path, methods]) => `${path} ${methods.join(' ')}`)).toEqual(
    expect.arrayContaining([
      '/sse GET HEAD OPTIONS',
      '/ping/:id OPTIONS POST',
      '/clients/:id DELETE GET HEAD OPTIONS POST',
      '/topics GET HEAD OPTIONS',
      '/topics/:topic GET HEAD OPTIONS POST',
      '/broadcast OPTIONS POST',
      '/clients GET HEAD OPTIONS',
      '/healthz GET HEAD OPTIONS',
      '/readyz GET HEAD OPTIONS',
      '/metrics GET HEAD OPTIONS',
    ]),
  )
})

describe.each(ROUTES)('%s', (pattern, methods) => {
  const path = pattern.replace(/:\w+/g, 'x')

  test.each(METHODS.filter((method) => !methods.includes(method)))(
    'answers 405 to %s, and lists its methods',
    async (method) => {
      const { request } = createAppHarness()
      const response = await request(path, { method })
      expect(response.status).toBe(405)
      expect(response.headers.get('Allow')).toBe(methods.join(', '))
      if (method === 'HEAD') expect(await response.text()).toBe('')
      else expect((await problemIn(response)).detail).toContain(method)
    },
  )

  test('answers OPTIONS with 204 and its methods', async () => {
    const { request } = createAppHarness()
    const response = await request(path, { method: 'OPTIONS' })
    expect(response.status).toBe(204)
    expect(response.headers.get('Allow')).toBe(methods.join(', '))
    expect(await response.text()).toBe('')
  })

  test('answers 404 with one more segment', async () => {
    const { request } = createAppHarness()
    expect((await request(`${path}/x/y`)).status).toBe(404)
  })

  testWhere(methods.includes('GET'))('answers HEAD as GET, without a body', async () => {
    const { request } = createAppHarness()
    const get = await request(path)
    await get.body?.cancel()
    const head = await request(path, { method: 'HEAD' })
    expect(head.status).toBe(get.status)
    expect(head.headers.get('Content-Type')).toBe(get.headers.get('Content-Type'))
    expect(await head.text()).toBe('')
  })
})

describe.each([
  [
    'throws',
    () => {
      throw FAILURE
    },
  ],
  ['rejects', () => Promise.reject(FAILURE)],
])('a function of the host that %s', (_, fail) => {
  test('after a request changes no response, and goes to onError', async () => {
    const { errors, request } = createAppHarness({}, { onResponse: fail })
    expect((await request('/healthz')).status).toBe(200)
    expect((await request('/nothing')).status).toBe(404)
    expect(errors).toEqual([FAILURE, FAILURE])
  })

  test('for an error is logged', async () => {
    const logged = vi.spyOn(console, 'error').mockReturnValue()
    onTestFinished(() => logged.mockRestore())
    const isRetiring = () => {
      throw new Error('It failed.')
    }
    const { request } = createAppHarness({}, { isRetiring, onError: fail })
    expect((await request('/readyz')).status).toBe(500)
    expect(logged.mock.calls).toEqual([[FAILURE]])
  })
})

test.each(['/nothing', '/sse/', '/SSE', '/clients/', '/clients/a/b', '/topics/', '/ping', '//sse'])(
  '%s does not exist, and the problem names the route that does',
  async (path) => {
    const { request, connected } = createAppHarness()
    const response = await request(path)
    expect(response.status).toBe(404)
    expect((await problemIn(response)).detail).toContain('/sse')
    expect(await connected()).toBe(0)
  },
)

describe.each(['%', '%E0%A4%A', '%ED%A0%80', '%FF', '%zz', '%C0%80'])(
  'a name that is not percent-encoded UTF-8 (%s) is answered 400',
  (bad) => {
    test.each([
      ['GET', `/sse?id=${bad}`],
      ['GET', `/sse?topic=${bad}`],
      ['GET', `/sse?lastEventId=${bad}`],
      ['GET', `/sse?${bad}=1`],
      ['GET', `/clients/${bad}`],
      ['GET', `/topics/a${bad}~`],
      ['POST', `/clients/${bad}`],
      ['POST', `/topics/${bad}`],
      ['POST', `/ping/${bad}`],
      ['DELETE', `/clients/${bad}?block=1`],
    ])('in %s %s', async (method, path) => {
      const { request, connected } = createAppHarness()
      const response = await request(path, { method })
      expect(response.status).toBe(400)
      expect((await problemIn(response)).detail).toContain('percent-encoded')
      expect(await connected()).toBe(0)
    })
  },
)

test('healthz answers ok, even while the hub closes', async () => {
  const { request, hub } = createAppHarness()
  expect(await (await request('/healthz')).text()).toBe('ok')
  await hub.close()
  expect((await request('/healthz')).status).toBe(200)
})

test('readyz answers 503 as soon as the hub begins to close', async () => {
  const { request, hub, listen, clock } = createAppHarness()
  await listen('/sse?id=alice')
  await listen('/sse?id=bob')
  const ready = await request('/readyz')
  expect(ready.status).toBe(200)
  expect(await ready.text()).toBe('ready')
  const closing = hub.close(10_000)
  const response = await request('/readyz')
  expect(response.status).toBe(503)
  await problemIn(response)
  await clock.advance(10_000)
  await closing
  expect((await request('/readyz')).status).toBe(503)
})
