/** Client errors are sent as problem details; unexpected errors are reported to the host only. */
import { basicAuth } from 'hono/basic-auth'
import { HTTPException } from 'hono/http-exception'
import { expect, test } from 'vitest'
import { HubError } from '../../src/core/errors.ts'
import { createApp } from '../../src/http/app.ts'
import { notConfigured, serviceUnavailable } from '../../src/http/auth/errors.ts'
import { createHub } from '../../src/hub/hub.ts'
import type { Journal } from '../../src/journal/journal.ts'
import { createMemoryJournal } from '../../src/journal/memory/journal.ts'
import { createAppHarness, json, post, problemIn } from '../support/app-harness.ts'
import { manualClock } from '../support/clock.ts'

function brokenJournal(append: Journal['append']): Journal {
  return { ...createMemoryJournal({ clock: manualClock() }), append }
}

test.each([
  [
    'throws',
    () => {
      throw new Error('password=123')
    },
  ],
  ['rejects', () => Promise.reject(new Error('password=123'))],
])(
  'a journal that %s is answered 500, which reveals nothing to the client and everything to the host',
  async (_, append) => {
    const { request, errors } = createAppHarness({ journal: brokenJournal(append) })
    const response = await request('/broadcast', json({ data: 'x' }))
    expect(response.status).toBe(500)
    const problem = await problemIn(response)
    expect(Object.keys(problem).sort()).toEqual(['detail', 'status', 'title', 'type'])
    expect(JSON.stringify(problem)).not.toContain('password')
    expect(errors).toEqual([new Error('password=123')])
  },
)

test('an opener that throws is answered 500, too', async () => {
  const openStream = () => {
    throw new Error('no socket')
  }
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const { request, connected } = createAppHarness({}, { openStream, onError })
  const response = await request('/sse?id=alice')
  expect((await problemIn(response)).status).toBe(500)
  expect(errors).toEqual([new Error('no socket')])
  expect(await connected()).toBe(0)
})

test.each([
  ['journal-unavailable', '2'],
  ['at-capacity', '2'],
  // This hub stays closed: only another instance can succeed.
  ['hub-closed', null],
] as const)('503 for %s has this code, and the Retry-After %s', async (code, seconds) => {
  const access = () => {
    throw new HubError(code, 'not now')
  }
  const app = createApp({ hub: createHub(), access })
  const response = await app.request('/clients')
  expect(response.status).toBe(503)
  expect(response.headers.get('Retry-After')).toBe(seconds)
  expect((await problemIn(response)).code).toBe(code)
})

test('a single event and a line of a batch have the same code', async () => {
  const journal = brokenJournal(() => {
    throw new HubError('at-capacity', 'full')
  })
  const { request } = createAppHarness({ journal })
  const single = await problemIn(await request('/broadcast', json({ data: 'x' })))
  expect(single).toMatchObject({ status: 503, detail: 'full', code: 'at-capacity' })
  const batch = await request('/publish', json([{ to: 'everyone', data: 'x' }]))
  expect(await batch.json()).toEqual([{ ...single, retryAfter: 2 }])
  const invalid = await problemIn(await request('/broadcast', json({ dat: 'x' })))
  expect(invalid).not.toHaveProperty('code')
})

test('a credential that can’t be verified now is 503 with Retry-After, and access that is not configured without', async () => {
  for (const [error, seconds] of [
    [serviceUnavailable('not now'), '2'],
    [notConfigured('never'), null],
  ] as const) {
    const access = () => Promise.reject(error)
    const response = await createApp({ hub: createHub(), access }).request('/clients')
    expect(response.status).toBe(503)
    expect(response.headers.get('Retry-After')).toBe(seconds)
  }
})

test('a client error is not reported to the host', async () => {
  const { request, errors, hub } = createAppHarness({ maxEventBytes: 1 })
  const statuses = [
    (await request('/nothing')).status,
    (await request('/sse', { method: 'POST' })).status,
    (await request('/sse?id=')).status,
    (await request('/broadcast', json({ data: 'xx' }))).status,
    (await request('/broadcast', json({ data: '\ud800' }))).status,
    (await request('/broadcast', post('<x/>', 'text/xml'))).status,
  ]
  await hub.close()
  statuses.push((await request('/broadcast', json({ data: 'x' }))).status)
  expect(statuses).toEqual([404, 405, 400, 413, 400, 415, 503])
  expect(errors).toEqual([])
})

test('every mistake in a query is reported, each with its path', async () => {
  const { request } = createAppHarness()
  const response = await request(
    '/sse?id=a%0Ab&topic=x&topic=&topic=%00&lastEventId=1&lastEventId=2',
  )
  const { issues = [], detail, title } = await problemIn(response)
  expect(title).toBe('Bad Request')
  expect(issues.map(({ path }) => path).sort()).toEqual([
    'query.id',
    'query.lastEventId',
    'query.topic.1',
    'query.topic.2',
  ])
  for (const { path, message } of issues) expect(detail).toContain(`${path} ${message}`)
})

test('an error has none of the headers of a stream or a cacheable response', async () => {
  const { request } = createAppHarness()
  const response = await request('/sse?id=')
  expect(Object.fromEntries(response.headers)).toEqual({
    'content-type': 'application/problem+json',
  })
})

test('a response that middleware or a login throws is sent as it is, and an event of a batch has its title', async () => {
  const asked = createApp({
    hub: createHub(),
    access: 'anyone',
    middleware: [basicAuth({ username: 'ann', password: 'secret' })],
  })
  const response = await asked.request('/clients')
  expect(response.status).toBe(401)
  expect(response.headers.get('WWW-Authenticate')).toBe('Basic realm="Secure Area"')
  expect(await response.text()).toBe('Unauthorized')

  let isLoggedIn = true
  const access = () => {
    if (isLoggedIn) return { publish: '*' } as const
    const res = new Response('sign in', { status: 403, headers: { Location: '/login' } })
    throw new HTTPException(403, { res })
  }
  const app = createApp({ hub: createHub(), access })
  const lines = '{"to":"everyone","data":1}\n'
  const init = { method: 'POST', body: lines, headers: { 'Content-Type': 'application/x-ndjson' } }
  expect(await (await app.request('/publish', init)).json()).toMatchObject({ connections: 0 })
  isLoggedIn = false
  const refused = await app.request('/clients')
  expect([refused.status, refused.headers.get('Location')]).toEqual([403, '/login'])
  expect(await refused.text()).toBe('sign in')
  const line = await (await app.request('/publish', init)).json()
  expect(line).toMatchObject({ line: 1, status: 403, detail: 'Forbidden' })
})

test('a response of status 500 that is thrown is reported, and reveals nothing', async () => {
  const errors: unknown[] = []
  const failure = new HTTPException(500, { res: new Response('password=123', { status: 500 }) })
  const access = () => {
    throw failure
  }
  const onError = (error: unknown) => void errors.push(error)
  const app = createApp({ hub: createHub(), access, onError })
  const response = await app.request('/clients')
  expect(await response.text()).not.toContain('password')
  expect([response.status, errors]).toEqual([500, [failure]])
})
