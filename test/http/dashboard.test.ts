/** The page: it is served with a matching policy when it is configured, and is absent otherwise. */
import { createHash } from 'node:crypto'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { createApp } from '../../src/http/app.ts'
import { createDashboard } from '../../src/http/dashboard.ts'
import { createHub } from '../../src/hub/hub.ts'
import { createAppHarness, problemIn } from '../support/app-harness.ts'

/** What the policy must contain for an element: the hash of everything between its tags. */
function hashOf(element: 'style' | 'script', html: string): string {
  const start = html.indexOf('>', html.indexOf(`<${element}`)) + 1
  const text = html.slice(start, html.indexOf(`</${element}>`))
  expect(text.length).toBeGreaterThan(1_000)
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

test('the page is served at / as one document, with a policy that allows only its own style and script', async () => {
  const { request } = createAppHarness({}, { dashboard: createDashboard() })
  const response = await request('/')
  expect(response.status).toBe(200)
  expect(response.headers.get('Content-Type')).toBe('text/html; charset=UTF-8')
  const html = await response.text()
  expect(html).toMatch(/^<!doctype html>\n<html lang="en">/)
  const policy = response.headers.get('Content-Security-Policy')?.split('; ')
  expect(policy).toEqual([
    "default-src 'none'",
    `style-src ${hashOf('style', html)}`,
    `script-src ${hashOf('script', html)}`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ])
})

test('the page has one style and one script, and no style or script attributes', async () => {
  const html = await (await createDashboard().request('/')).text()
  expect(html.match(/<style|<script/g)).toEqual(['<style', '<script'])
  const [markup = ''] = html.replace(/<style>[\s\S]*<\/style>/, '').split('<script')
  expect(markup).not.toMatch(/\s(style|on\w+)=/)
})

test('the page answers HEAD without a body, and other methods with 405', async () => {
  const { request } = createAppHarness({}, { dashboard: createDashboard() })
  const head = await request('/', { method: 'HEAD' })
  expect(head.headers.get('Content-Security-Policy')).toContain('sha256-')
  expect(await head.text()).toBe('')
  expect((await request('/', { method: 'POST' })).headers.get('Allow')).toBe('GET, HEAD, OPTIONS')
})

describe('a library', () => {
  test('has no page by default', async () => {
    const response = await createApp({ hub: createHub(), access: 'anyone' }).request('/')
    expect(response.status).toBe(404)
    await problemIn(response)
  })

  test('has the page where the app is mounted', async () => {
    const host = new Hono().route(
      '/realtime',
      createApp({ hub: createHub(), access: 'anyone', dashboard: createDashboard() }),
    )
    expect(await (await host.request('/realtime')).text()).toContain('<!doctype html>')
    expect((await host.request('/')).status).toBe(404)
  })
})
