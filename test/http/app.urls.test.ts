/** A request whose URL is none, as some runtimes make them of a strange Host, is answered 400. */
import { describe, expect, test } from 'vitest'
import { createAuthHarness, KEY } from '../support/auth-harness.ts'

/** What runtimes hand over: Deno puts the Host header before the path, Bun leaves it out. */
const URLS = [`http://a b/sse?key=${KEY}`, `/sse?key=${KEY}`, `http://a b/sse?ticket=${KEY}`, '']

describe.each(['permissions', 'loopback', 'anonymous', 'refused'] as const)(
  'in access mode %s',
  (accessMode) => {
    test.each(URLS)('%j is not a server error, and is not logged', async (url) => {
      const { app, hub, errors } = createAuthHarness({ accessMode })
      const response = await app.fetch(withUrl(url))
      await response.body?.cancel()
      expect(errors.map(String)).toEqual([])
      expect([400, 401, 404, 421]).toContain(response.status)
      expect(hub.stats().connections).toBe(0)
    })
  },
)

function withUrl(url: string): Request {
  const request = new Request('http://localhost/')
  Object.defineProperty(request, 'url', { value: url })
  return request
}
