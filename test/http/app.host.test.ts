/** The app mounted at the root of another app: what it refuses on its own paths, that app may still serve on others. */
import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { createDashboard } from '../../src/http/dashboard.ts'
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
