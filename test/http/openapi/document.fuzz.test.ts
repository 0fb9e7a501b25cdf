/** Whatever is requested of a hub, its OpenAPI document describes the response. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createAppHarness } from '../../support/app-harness.ts'
import { breachesOf } from '../../support/openapi-breaches.ts'
import type { Document } from '../../support/openapi-validator.ts'
import { drafts } from '../../system/hardening/arbitraries.ts'
import { createAttackedHub, MODES } from '../../system/hardening/invariants.ts'

test('every response to 2,000 arbitrary requests, in any access mode, is described', async () => {
  const seen = new Set<string>()
  for (const [index, mode] of Object.keys(MODES).entries()) {
    const hub = await createAttackedHub(mode)
    const property = fc.asyncProperty(drafts(hub.credentials), async (draft) => {
      expect(await hub.attack(draft)).toBeUndefined()
    })
    // State left over from one request would mislead the shrinking.
    await fc.assert(property, { seed: 42 + index, numRuns: 400, endOnFailure: true })
    for (const one of hub.seen) seen.add(one)
  }
  // The requests reach every operation, and every status except those of a hub that is broken.
  const document = await read()
  const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
  for (const { operationId } of operations) expect([...seen]).toContain(`${operationId} 200`)
  const statuses = new Set([...seen].map((one) => Number(one.split(' ')[1])))
  const known = [200, 204, 400, 401, 403, 404, 405, 413, 415, 421, 429, 503]
  expect([...statuses].sort()).toEqual(known)
}, 60_000)

async function read(): Promise<Document> {
  return (await (await createAppHarness().request('/openapi.json')).json()) as Document
}

describe('a response is not described if it has', () => {
  const body = { type: 'about:blank', title: 'A title', status: 400, detail: 'What to do.' }
  const problem = (status: number, headers: Record<string, string> = {}) =>
    Response.json(body, {
      status,
      headers: { 'Content-Type': 'application/problem+json', ...headers },
    })
  const stream = (text: string) =>
    new Response(text, { headers: { 'Content-Type': 'text/event-stream' } })
  const html = new Response('ok', { headers: { 'Content-Type': 'text/html' } })
  // No program can create this Response, but a runtime could.
  const full = Object.defineProperty(new Response('x'), 'status', { value: 204 })

  test.each<[string, string, Response, RegExp]>([
    ['another status', 'GET /healthz', new Response(null, { status: 302 }), /nothing.*302/],
    ['another status, without an operation', 'PUT /sse', new Response('ok'), /nothing.*200/],
    ['another type', 'GET /healthz', html, /text\/html is not said/],
    ['another header', 'GET /x', problem(404, { 'X-Odd': '1' }), /x-odd is not said/],
    ['a wrong header', 'GET /readyz', problem(503, { 'Retry-After': 'soon' }), /integer/],
    ['another body', 'GET /healthz', new Response('no'), /const/],
    ['a body where there is none', 'OPTIONS /sse', full, /a body is not said/],
    ['nothing on a stream', 'GET /sse', stream(''), /nothing came/],
    ['another event', 'GET /sse', stream('event: hub:x\ndata: 1\n\n'), /oneOf/],
    ['text instead of JSON', 'GET /sse', stream('event: hub:bye\ndata: x\n\n'), /x is not JSON/],
    ['other data', 'GET /sse', stream('event: hub:bye\ndata: {}\n\n'), /reason/],
  ])('%s', async (_, line, response, expected) => {
    const [method = '', path = ''] = line.split(' ')
    const request = new Request(`http://localhost${path}`, { method })
    const { found } = await breachesOf(await read())(request, response)
    expect(JSON.stringify(found)).toMatch(expected)
  })
})
