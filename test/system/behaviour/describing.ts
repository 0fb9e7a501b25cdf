/** Describing: the interface has an OpenAPI document on every runtime, and the manners of HTTP. */
import { expect, test } from 'vitest'
import { breachesOf } from '../../support/openapi-breaches.ts'
import type { Document } from '../../support/openapi-validator.ts'
import { exchange } from '../hardening/raw-http.ts'
import type { RuntimePool } from './runtime.ts'

/** How a runtime describes its interface. */
export function describing(pool: RuntimePool): void {
  test('the OpenAPI document is served, and its server is the requested one', async () => {
    const { url } = await pool.shared()
    const response = await fetch(`${url}/openapi.json`)
    expect(response.status).toBe(200)
    expect(response.headers.get('Content-Type')).toBe('application/json')
    const document = (await response.json()) as {
      openapi: string
      servers: { url: string }[]
      paths: object
    }
    expect(document.openapi).toMatch(/^3\.2\./)
    expect(new URL(document.servers[0]?.url ?? '', response.url).href).toBe(`${url}/`)
    expect(Object.keys(document.paths)).toEqual(
      expect.arrayContaining(['/sse', '/clients/{id}', '/topics/{topic}', '/broadcast']),
    )
  })

  test('the OpenAPI document is served in version 3.1, and in no unknown one', async () => {
    const { url } = await pool.shared()
    const older = await fetch(`${url}/openapi.json?version=3.1`)
    expect(await older.json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./) })
    const unknown = await fetch(`${url}/openapi.json?version=4`)
    expect(unknown.status).toBe(400)
    expect(await unknown.json()).toMatchObject({ issues: [{ path: 'query.version' }] })
  })

  test('a request keeps its id, as the OpenAPI document says', async () => {
    const { url } = await pool.shared()
    const headers = { 'X-Request-Id': 'order-42' }
    const response = await fetch(`${url}/openapi.json`, { headers })
    expect(response.headers.get('X-Request-Id')).toBe('order-42')
    const document = (await response.json()) as { components: object }
    expect(document.components).toMatchObject({
      headers: { 'X-Request-Id': {} },
      parameters: { RequestId: { name: 'X-Request-Id', in: 'header' } },
    })
  })

  test('the OpenAPI document describes the responses of the runtime', async () => {
    const { url } = await pool.shared()
    const document = (await (await fetch(`${url}/openapi.json`)).json()) as Document
    const breaches = breachesOf(document)
    for (const [method, path, init = {}] of requestsOf(document)) {
      const request = new Request(url + path, { method, ...init })
      const { found } = await breaches(request, await fetch(request.clone()))
      expect([method, path, found]).toEqual([method, path, []])
    }
  })

  test('HEAD on every GET route is answered as GET is, without a body', async () => {
    const { url } = await pool.shared()
    const response = await fetch(`${url}/openapi.json`)
    const { paths } = (await response.json()) as { paths: Record<string, object> }
    const routes = Object.keys(paths).filter((path) => 'get' in (paths[path] ?? {}))
    expect(routes).toEqual(expect.arrayContaining(['/', '/sse', '/topics', '/metrics', '/healthz']))
    for (const route of routes) {
      const path = route.replace(/\{\w+\}/, 'nobody')
      const [got, head] = await Promise.all([
        fetch(url + path),
        fetch(url + path, { method: 'HEAD' }),
      ])
      await got.body?.cancel()
      const seen = ({ status, headers }: Response) => [path, status, headers.get('Content-Type')]
      expect(seen(head)).toEqual(seen(got))
      expect([path, await head.text()]).toEqual([path, ''])
    }
  })

  // workerd itself refuses HTTP/1.0 without a Host, before the Worker sees it.
  if (pool.runtime.name === 'Workers') return
  test('health is answered over HTTP/1.0 without a Host', async () => {
    const { url } = await pool.shared()
    for (const [path, word] of [
      ['/healthz', 'ok'],
      ['/readyz', 'ready'],
    ]) {
      const { status, text } = await exchange(url, [`GET ${path} HTTP/1.0`, '', ''], 2_000)
      expect([status, text.split('\r\n\r\n')[1]]).toEqual([200, word])
    }
  })
  // Deno answers it as HTTP/1.0: its handler does not learn the version. When this fails, correct docs/operations.md.
  const isDeno = pool.runtime.name === 'Deno'
  test(`HTTP/1.1 without a Host is ${isDeno ? 'answered as HTTP/1.0' : 'a bad request'}`, async () => {
    const { url } = await pool.shared()
    const request = ['GET /healthz HTTP/1.1', 'Connection: close', '', '']
    const { status } = await exchange(url, request, 2_000)
    expect(status).toBe(isDeno ? 200 : 400)
  })
}

/** Requests that each operation accepts, and some that are refused. */
function requestsOf({ paths }: Document): [string, string, RequestInit?][] {
  const operations = Object.entries(paths).flatMap(([template, methods]) => {
    const path = template.replace(/\{\w+\}/, 'described')
    return Object.entries(methods).map(
      ([method, { requestBody }]): [string, string, RequestInit] => {
        const body = JSON.stringify(requestBody?.content['application/json']?.example)
        const headers = { 'Content-Type': 'application/json' }
        return [method.toUpperCase(), path, body ? { headers, body } : {}]
      },
    )
  })
  return [
    ...operations,
    ['HEAD', '/sse'],
    ['OPTIONS', '/clients/described'],
    ['PUT', '/broadcast', { body: 'x' }],
    ['GET', '/nowhere'],
    ['HEAD', '/nowhere'],
    ['GET', '/sse?topic='],
    ['GET', '/openapi.json?version=2'],
    ['POST', '/broadcast', { body: '{' }],
    ['POST', '/broadcast', { body: '<x/>', headers: { 'Content-Type': 'text/xml' } }],
    ['GET', '/healthz', { headers: { Origin: 'https://elsewhere.example' } }],
  ]
}
