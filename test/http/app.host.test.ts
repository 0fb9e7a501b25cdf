/** The app mounted at the root of another app: what it refuses on its own paths, that app may still serve on others. */
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import type { Login } from '../../src/http/auth/login.ts'
import { createDashboard } from '../../src/http/dashboard.ts'
import { createLimits } from '../../src/http/middleware/rate-limit.ts'
import { createHub } from '../../src/hub/hub.ts'

function host() {
  const statuses: number[] = []
  const hub = createHub()
  const app = new Hono()
  app.get('/before', (c) => c.text('before'))
  app.route(
    '/',
    createApp({
      hub,
      access: 'anyone',
      dashboard: createDashboard(),
      middleware: [async (c) => c.text('guarded', 403)],
      onResponse: ({ res }) => void statuses.push(res.status),
    }),
  )
  app.get('/login', (c) => c.text(`logged in with ${c.req.query('token')}`))
  app.get('/clients/:id/orders', (c) => c.text('orders'))
  app.notFound((c) => c.text('the host has no such page', 404))
  return { app, statuses }
}

test('the hub’s middleware does not apply to routes of the host', async () => {
  const { app, statuses } = host()
  for (const path of ['/before', '/login?token=t', '/clients/alice/orders', '/login?x=%ZZ']) {
    expect((await app.request(path)).status).toBe(200)
  }
  expect(await (await app.request('/nothing')).text()).toBe('the host has no such page')
  expect(statuses).toEqual([])
})

test('the hub’s middleware applies to its own routes, whatever the method', async () => {
  const { app, statuses } = host()
  const paths = ['/', '/sse', '/clients', '/clients/alice', '/topics/x', '/broadcast', '/healthz']
  for (const path of paths) {
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PUT']) {
      expect((await app.request(path, { method })).status).toBe(403)
    }
  }
  expect(statuses).toHaveLength(paths.length * 6)
})

test.each<['anyone' | Login]>([['anyone'], [() => ({ client: 'alice', publish: '*' })]])(
  'variables of the host have no effect on the app, and keep their values: access %s',
  async (access) => {
    const hub = createHub()
    const errors: unknown[] = []
    const left: unknown[] = []
    const app = new Hono<{ Variables: Record<'subject' | 'grant' | 'issue', object> }>()
    app.use(async (c, next) => {
      for (const name of ['subject', 'grant', 'issue'] as const) c.set(name, { name })
      await next()
      left.push(c.get('subject'), c.get('grant'), c.get('issue'))
    })
    const onError = (error: unknown) => void errors.push(error)
    const limits = createLimits({ hub, publishesPerMinute: 3, addressOf: () => '192.0.2.1' })
    app.route('/', createApp({ hub, access, limits, onError }))
    const headers = { 'Content-Type': 'text/plain', 'Idempotency-Key': 'k' }
    const publish = { method: 'POST', body: 'x', headers }
    const batch = {
      method: 'POST',
      body: '[{"to":"everyone","data":"x","idempotencyKey":"k"}]',
      headers: { 'Content-Type': 'application/json' },
    }
    const requests = [publish, publish].map((init) => app.request('/broadcast', init))
    for (const response of await Promise.all(requests)) expect(response.status).toBe(200)
    const response = await app.request('/publish', batch)
    expect(await response.json()).toMatchObject([{ id: expect.any(String) }])
    expect((await app.request('/sse', { method: 'HEAD' })).status).toBe(200)
    expect((await app.request('/broadcast', publish)).status).toBe(429)
    expect(hub.stats()).toMatchObject({ published: 1, metrics: { repetitions: 2 } })
    expect(errors).toEqual([])
    const own = ['subject', 'grant', 'issue'].map((name) => ({ name }))
    expect(left).toEqual(Array.from({ length: 5 }, () => own).flat())
  },
)
