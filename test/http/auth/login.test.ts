/** An app behind the host's own login: whoever is logged in may do what the function grants, and nothing else. */
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { type AppOptions, createApp } from '../../../src/http/app.ts'
import type { LoginGrant } from '../../../src/http/auth/login.ts'
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
  host.route('/realtime', createApp({ hub, access: (c) => grantOf(c.get('user')) }))
  return { clock, hub, request }

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

test('a client id that is invalid is a mistake of the host, and opens no stream', async () => {
  const { hub, request } = createHost(() => ({ client: '' }))
  expect((await request('/sse')).status).toBe(500)
  expect(hub.stats().connections).toBe(0)
})

test('a login that rejects opens nothing', async () => {
  const { request } = createHost(() => {
    throw new Error('the database is down')
  })
  expect((await request('/sse', 'a')).status).toBe(500)
  expect((await request('/broadcast', 'r', POST)).status).toBe(500)
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
    expect(() => createHub({ heartbeat: 1 } as object)).toThrow('There is no option heartbeat.')
  })
})
