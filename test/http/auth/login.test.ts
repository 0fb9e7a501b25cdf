/** An app behind the host's own login: whoever is logged in may do what the function grants, and nothing else. */
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { type AppOptions, createApp } from '../../../src/http/app.ts'
import type { LoginGrant } from '../../../src/http/auth/login.ts'
import { createLimits } from '../../../src/http/middleware/rate-limit.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { manualClock } from '../../support/clock.ts'
import { readEvents } from '../../support/reader.ts'

type User = { readonly id: string; readonly isAdmin?: boolean }

const USERS: Readonly<Record<string, User>> = {
  a: { id: 'alice' },
  r: { id: 'root', isAdmin: true },
}

/** A host whose users send a session, mounted below /realtime. */
function createHost(login?: (user: User | undefined) => LoginGrant | undefined) {
  const errors: unknown[] = []
  const clock = manualClock()
  const hub = createHub({ clock })
  const host = new Hono<{ Variables: { user: User | undefined } }>()
  host.use(async (c, next) => {
    c.set('user', USERS[c.req.header('Session') ?? ''])
    await next()
  })
  const grantOf =
    login ??
    ((user: User | undefined) =>
      user && {
        client: user.id,
        topics: ['news'],
        publish: user.isAdmin ? '*' : ['topic:chat'],
        operate: user.isAdmin,
      })
  host.route(
    '/realtime',
    createApp({
      hub,
      access: (c) => grantOf(c.get('user')),
      onError: (error) => void errors.push(error),
    }),
  )
  return { clock, hub, errors, request }

  async function request(path: string, session?: string, init: RequestInit = {}) {
    const headers = { ...init.headers, ...(session && { Session: session }) }
    const response = await host.request(`/realtime${path}`, { ...init, headers })
    await clock.runPending()
    return response
  }
}

const POST = { method: 'POST', body: 'hi', headers: { 'Content-Type': 'text/plain' } }

test('a stream is that of the person who is logged in', async () => {
  const { clock, request } = createHost()
  const reader = readEvents(await request('/sse?topic=news', 'a'))
  await clock.runPending()
  const ready = await reader.next()
  expect(JSON.parse(ready.data)).toMatchObject({ client: 'alice', topics: ['news'] })
  await reader.close()
})

describe.each<[string, RequestInit | undefined, number | undefined, number, number]>([
  ['/sse?id=bob', undefined, 401, 403, 403],
  ['/sse?topic=secret', undefined, 401, 403, 403],
  ['/sse?ticket=made-up', undefined, 401, 401, 401],
  ['/broadcast', POST, 401, 403, 200],
  ['/clients/bob', POST, 401, 403, 200],
  ['/topics/chat', POST, 401, 200, 200],
  ['/topics/news', POST, 401, 403, 200],
  ['/ping/bob', { method: 'POST' }, 401, 403, 200],
  ['/clients', undefined, 401, 403, 200],
  ['/clients/alice', undefined, 401, 403, 200],
  ['/clients/bob', { method: 'DELETE' }, 401, 403, 200],
  ['/metrics', undefined, 401, 403, 200],
  ['/tickets', { method: 'POST', body: '{"client":"bob"}' }, 401, 403, 403],
  ['/healthz', undefined, 200, 200, 200],
])('%s %j', (path, init, stranger, user, admin) => {
  test.each([
    ['a stranger', undefined, stranger],
    ['a user', 'a', user],
    ['an operator', 'r', admin],
  ])('%s', async (_, session, status) => {
    const response = await createHost().request(path, session, init)
    expect(response.status).toBe(status)
    await response.body?.cancel()
  })
})

test('a grant that names no client may not listen, and one that has ended is over', async () => {
  const anonymous = createHost(() => ({ publish: '*' }))
  expect((await anonymous.request('/sse')).status).toBe(403)
  const { clock, request } = createHost(() => ({ client: 'alice', expiresAt: clock.now() + 5_000 }))
  const reader = readEvents(await request('/sse'))
  await clock.advance(6_000)
  expect(reader.events.at(-1)).toMatchObject({ event: 'hub:bye', data: '{"reason":"expired"}' })
})

test('each login counts against its own rate limit: by its subject, its client, or its address', async () => {
  const clock = manualClock()
  const hub = createHub({ clock })
  const app = createApp({
    hub,
    access: (c) => ({
      publish: '*',
      subject: c.req.header('Subject'),
      client: c.req.header('Client'),
    }),
    limits: createLimits({
      hub,
      clock,
      publishesPerMinute: 1,
      addressOf: (c) => c.req.header('Address'),
    }),
  })
  const statusOf = async (headers: Record<string, string>) => {
    const init = { ...POST, headers: { ...POST.headers, ...headers } }
    return (await app.request('/broadcast', init)).status
  }
  const senders = ['one', 'two'].flatMap((name) => [
    { Subject: name, Address: 'shared' },
    { Client: name, Address: 'shared' },
    { Address: name },
  ])
  for (const sender of senders) expect(await statusOf(sender)).toBe(200)
  for (const sender of senders) expect(await statusOf(sender)).toBe(429)
})

test('a grant may name patterns, and `client:*`', async () => {
  const { request } = createHost(() => ({
    client: 'alice',
    topics: ['orders/**'],
    publish: ['client:*', 'topic:orders/*'],
  }))
  const stream = await request('/sse?topic=orders/*')
  expect(stream.status).toBe(200)
  await stream.body?.cancel()
  expect((await request('/topics/orders%2F1', undefined, POST)).status).toBe(200)
  expect((await request('/clients/bob', undefined, POST)).status).toBe(200)
  expect((await request('/topics/orders', undefined, POST)).status).toBe(403)
})

test('a grant that is an instance of a class is checked, too', async () => {
  class Grant {
    readonly client = 'alice'
    get operate(): boolean {
      return 'false' as never
    }
  }
  const { errors, request } = createHost(() => new Grant())
  expect((await request('/clients')).status).toBe(500)
  expect(String(errors)).toMatch(/operate of its grant must be true or false/)
})

test('a client id that is invalid is a mistake of the host, and opens no stream', async () => {
  const { hub, request } = createHost(() => ({ client: '' }))
  expect((await request('/sse')).status).toBe(500)
  expect(hub.stats().connections).toBe(0)
})

describe.each([
  ['/sse?topic=private', undefined],
  ['/topics/new', POST],
  ['/clients/12', POST],
  ['/clients', undefined],
] as const)('%s', (path, init) => {
  test.each<[RegExp, unknown]>([
    [/topics .* must be an array of strings or/, { topics: 'news-private' }],
    [/topics .* must be an array of strings or/, { topics: { private: true } }],
    [/publish .* must be an array of strings or/, { publish: 'topic:news' }],
    [/publish .* must be an array of strings or/, { publish: 'client:123' }],
    [/publish .* must be an array of strings or/, { publish: true }],
    [/topics .*: each string is a topic, or a pattern/, { topics: ['*'] }],
    [/topics .*: each string is a topic, or a pattern/, { topics: ['news', 'a*'] }],
    [/publish .*: each string is 'everyone', 'client:ID'/, { publish: ['everyone', '*'] }],
    [/publish .*: each string is 'everyone', 'client:ID'/, { publish: ['orders/*'] }],
    [/operate .* must be true or false/, { operate: 'no' }],
    [/subject .* must be a string/, { subject: 42 }],
    [/client .* must be a string/, { client: 42 }],
    [/client .* must be a string/, { client: null }],
    [/expiresAt .* must be a finite number/, { expiresAt: Number.NaN }],
    [/expiresAt .* must be a finite number/, { expiresAt: '2027-01-01' }],
    [/expiresAt .* must be a finite number/, { expiresAt: new Date(0) }],
    [/has no option "expires"/, { expires: 1 }],
    [/must be an object/, true],
  ])('with a grant that is a mistake of the host, allows nothing: %s', async (message, wrong) => {
    const all = { client: 'alice', topics: '*', publish: '*', operate: true }
    const grant = typeof wrong === 'object' ? { ...all, ...wrong } : wrong
    const { errors, request } = createHost(() => grant as LoginGrant)
    const response = await request(path, undefined, init)
    expect(response.status).toBe(500)
    expect(await response.text()).not.toMatch(message)
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringMatching(message) })])
  })

  test('with a grant that has ended, is answered as without a login', async () => {
    const all = { client: 'alice', topics: '*', publish: '*', operate: true } as const
    const { clock, errors, request } = createHost(() => ({ ...all, expiresAt: clock.now() }))
    const response = await request(path, undefined, init)
    expect(response.status).toBe(401)
    expect(response.headers.get('WWW-Authenticate')).toMatch(/^Bearer/)
    expect((await request('/sse', undefined, { method: 'HEAD' })).status).toBe(401)
    expect(errors).toEqual([])
  })
})

test('a login that rejects opens nothing', async () => {
  const { request } = createHost(() => {
    throw new Error('the database is down')
  })
  expect((await request('/sse', 'a')).status).toBe(500)
  expect((await request('/broadcast', 'r', POST)).status).toBe(500)
})

test('a login that throws something else than an error opens nothing, and is reported', async () => {
  const { errors, request } = createHost(() => {
    throw 'the database is down'
  })
  const response = await request('/sse', 'a')
  expect(response.status).toBe(500)
  expect(await response.text()).not.toContain('database')
  expect(errors).toEqual(['the database is down'])
})

describe('createApp', () => {
  const options = { hub: createHub() }

  test.each([undefined, null, true, ''])(
    'without access it throws and says what to write: %j',
    (access) => {
      const app = () => createApp({ ...options, access } as unknown as AppOptions)
      expect(app).toThrow(
        "a function that returns what the person who is logged in may do, or 'anyone'",
      )
    },
  )

  test('access is required by its type', () => {
    // @ts-expect-error without it, anyone could do anything.
    expect(() => createApp(options)).toThrow(TypeError)
  })

  test('an unknown option is an error that names it', () => {
    const app = () => createApp({ ...options, access: 'anyone', acces: 1 } as unknown as AppOptions)
    expect(app).toThrow('createApp has no option "acces".')
    expect(() => createHub({ heartbeat: 1 } as object)).toThrow(
      'createHub has no option "heartbeat".',
    )
  })
})
