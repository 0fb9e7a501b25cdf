/** Refusing: the response says what a person or a client can do. */
import { expect, test } from 'vitest'
import { connectionsOf, listen, postJson, publish, untilConnections } from '../../support/client.ts'
import { named } from '../../support/events.ts'
import { openRaw } from '../../support/raw-stream.ts'
import { type RuntimePool, TIGHT } from './runtime.ts'

const MAX_EVENT_BYTES = Number(TIGHT.MAX_EVENT_BYTES)

/** How requests are refused on a runtime. */
export function refusing(pool: RuntimePool): void {
  test.for([
    '/sse?id=%E0%A4%A',
    '/sse?id=%FF',
    '/sse?id=',
    '/sse?id=two&id=ids',
    '/sse?id=line%0Abreak',
    '/sse?topic=nul%00',
    `/sse?id=${'x'.repeat(129)}`,
    `/sse?${'topic=t&'.repeat(51)}`,
    '/clients/%zz',
    '/clients?limit=none',
  ])('GET %s is answered 400 with the reason', async (path) => {
    const { url } = await pool.shared()
    await expectProblem(await fetch(url + path), 400)
  })

  test('an event whose name could forge a field or is the hub’s own is answered 400', async () => {
    const { url } = await pool.shared()
    for (const event of ['a\nid: 1', 'a\rb', 'nul\0', 'hub:bye', 'error', 'open', '', 7]) {
      const problem = await expectProblem(
        await postJson(url, '/broadcast', { data: 1, event }),
        400,
      )
      expect(problem.issues[0]?.path).toBe('json.event')
    }
    const all = await postJson(url, '/broadcast', { event: 'open', ephemeral: 1, extra: 1 })
    expect((await expectProblem(all, 400)).issues.length).toBeGreaterThan(2)
  })

  test('a body of another type is answered 415, invalid JSON or UTF-8 400', async () => {
    const { url } = await pool.shared()
    await expectProblem(await post(`${url}/broadcast`, 'application/xml', '<x/>'), 415)
    await expectProblem(await post(`${url}/broadcast`, 'text/plain; charset=latin1', 'x'), 415)
    await expectProblem(await post(`${url}/broadcast`, 'application/json', '{"data":'), 400)
    await expectProblem(await post(`${url}/broadcast`, 'application/json', '[]'), 400)
    const bytes = new Uint8Array([0xc3, 0x28])
    await expectProblem(await post(`${url}/broadcast`, 'text/plain', bytes), 400)
  })

  test('a request whose body is not read is refused the same way each time', async () => {
    const { url } = await pool.shared()
    const refusals = []
    for (let n = 0; n < 30; n++) {
      refusals.push((await post(`${url}/broadcast`, 'application/xml', '<x/>')).status)
      refusals.push((await post(`${url}/nothing`, 'text/plain', 'x')).status)
    }
    expect([...new Set(refusals)]).toEqual([415, 404])
  })

  test('an event over its bound is answered 413, one at the bound is published', async () => {
    const { url } = await pool.shared(TIGHT)
    await publish(url, '/clients/large', 'x'.repeat(MAX_EVENT_BYTES))
    for (const length of [MAX_EVENT_BYTES + 1, 100 * MAX_EVENT_BYTES]) {
      const response = await post(`${url}/broadcast`, 'text/plain', 'x'.repeat(length))
      await expectProblem(response, 413)
    }
  })

  test('an unknown path is answered 404, an unknown method 405', async () => {
    const { url } = await pool.shared()
    await expectProblem(await fetch(`${url}/nothing`), 404)
    const response = await fetch(`${url}/broadcast`)
    await expectProblem(response, 405)
    expect(response.headers.get('Allow')).toBe('OPTIONS, POST')
    await expectProblem(await fetch(`${url}/sse`, { method: 'POST' }), 405)
  })

  // Each worker counts by itself, and chance decides which one a stream is opened on.
  if (pool.runtime.workers === undefined) overLimits(pool)

  test('a connection ends with a goodbye at its lifetime, and its client resumes at once', async () => {
    const { url } = await pool.shared({ LIFETIME_SECONDS: '1', HEARTBEAT_SECONDS: '1' })
    const listener = await listen(url, 'id=mortal')
    const bye = await listener.next(named('hub:bye'))
    expect(JSON.parse(bye.data)).toEqual({ reason: 'lifetime' })
    await listener.end()
    expect(listener.retries.at(-1)).toBeLessThanOrEqual(250)
    const back = await listen(url, 'id=mortal', listener.head)
    expect(back.ready.resume).toBe('complete')
    await back.close()
  })
}

/** How clients are refused that have too many connections. */
function overLimits(pool: RuntimePool): void {
  test('a client over its connection limit receives 200 and a goodbye, and can connect once another stream ends', async () => {
    const { url } = await pool.shared(TIGHT)
    const [one, two] = await Promise.all([listen(url, 'id=many'), listen(url, 'id=many')])
    const raw = await openRaw(url, '/sse?id=many')
    await raw.contains('event: hub:bye\ndata: {"reason":"at-capacity"}\n\n')
    expect(raw.head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(raw.body).toMatch(/retry: \d+\n/)
    expect(raw.head.toLowerCase()).toContain('content-type: text/event-stream; charset=utf-8\r\n')
    expect(await connectionsOf(url, 'many')).toHaveLength(2)
    const refused = await fetch(`${url}/sse?id=many`)
    expect(await refused.text()).toMatch(/^retry: \d+\nevent: hub:bye\ndata: \{.*\}\n\n$/)
    await two.close()
    await untilConnections(url, 'many', 1)
    const three = await listen(url, 'id=many')
    raw.leave('rst')
    await Promise.all([one.close(), three.close()])
  })

  test('a client that ignores the retry time is refused once a second at most', async () => {
    const { url } = await pool.shared(TIGHT)
    const open = await Promise.all([listen(url, 'id=hasty'), listen(url, 'id=hasty')])
    const since = performance.now()
    for (let n = 0; n < 3; n++) {
      expect(await (await fetch(`${url}/sse?id=hasty`)).text()).toContain('at-capacity')
    }
    expect(performance.now() - since).toBeGreaterThan(2_900)
    await Promise.all(open.map((listener) => listener.close()))
  })
}

interface Problem {
  readonly title: string
  readonly issues: readonly { readonly path: string }[]
}

async function expectProblem(response: Response, status: number): Promise<Problem> {
  expect(response.status).toBe(status)
  expect(response.headers.get('Content-Type')).toBe('application/problem+json')
  const body = (await response.json()) as { detail: string; status: number } & Problem
  expect(body.status).toBe(status)
  expect(body.detail).toMatch(/\S/)
  return body
}

function post(
  url: string,
  type: string,
  body: string | Uint8Array<ArrayBuffer>,
): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'Content-Type': type }, body })
}
