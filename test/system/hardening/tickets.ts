/** Tickets, as a back end and a page use them. */
import { expect, test } from 'vitest'
import { readEvents } from '../../support/reader.ts'
import { expectProblem } from './raw-http.ts'
import { KEY, KEYED, OLD_KEY, SECRET, type TargetPool } from './target.ts'

const ROUTES = [
  ['POST', '/ping/alice'],
  ['POST', '/broadcast'],
  ['POST', '/clients/alice'],
  ['POST', '/topics/news'],
  ['POST', '/tickets'],
  ['GET', '/clients'],
  ['GET', '/clients/alice'],
  ['GET', '/topics/news'],
  ['DELETE', '/clients/alice'],
  ['GET', '/sse'],
  ['GET', '/sse?id=alice'],
] as const

/** A server with a key admits clients with a ticket, and no others. */
export function tickets(pool: TargetPool): void {
  test('on a server with a key nothing works without it', async () => {
    const { url } = await pool.shared(KEYED)
    for (const [method, path] of ROUTES) {
      const text = await expectProblem(await fetch(url + path, { method }), 401)
      expect(text).not.toContain(KEY)
      const headers = { Authorization: `Bearer ${KEY.slice(0, -1)}` }
      await expectProblem(await fetch(url + path, { method, headers }), 401)
      const query = `${path.includes('?') ? '&' : '?'}key=${KEY}`
      await expectProblem(await fetch(url + path + query, { method, headers }), 400)
    }
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  test('each key of a rotation works', async () => {
    const { url } = await pool.shared(KEYED)
    for (const key of [KEY, OLD_KEY]) {
      const headers = { Authorization: `Bearer ${key}` }
      expect((await fetch(`${url}/ping/rotation`, { method: 'POST', headers })).status).toBe(200)
    }
  })

  test('a ticket opens one stream, which its cookie opens again', async () => {
    const { url } = await pool.shared(KEYED)
    const path = `${url}/sse?ticket=${await issue(url, { client: 'tina', topics: ['news'] })}`
    const first = await fetch(path)
    expect(first.status).toBe(200)
    const [cookie = '', ...attributes] = (first.headers.get('Set-Cookie') ?? '').split('; ')
    expect(attributes.sort()).toEqual(['HttpOnly', 'Max-Age=3600', 'SameSite=Lax'])
    const reader = readEvents(first)
    const ready = await reader.next(({ event }) => event === 'hub:ready')
    expect(JSON.parse(ready.data)).toMatchObject({ client: 'tina', topics: ['news'] })
    const other = { 'User-Agent': 'other' }
    await expectProblem(await fetch(path, { headers: other }), 401)
    await expectProblem(await fetch(path, { headers: { ...other, Cookie: `${cookie}x` } }), 401)
    const again = readEvents(await fetch(path, { headers: { Cookie: cookie } }))
    await again.next(({ event }) => event === 'hub:ready')
    const headers = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'text/plain' }
    await fetch(`${url}/clients/tina`, { method: 'POST', headers, body: 'to both' })
    for (const one of [reader, again]) {
      expect((await one.next(({ event }) => event === undefined)).data).toBe('to both')
    }
    await disconnect(url, 'tina')
    await Promise.all([reader.end(), again.end()])
  })

  test('of twenty requests with one ticket exactly one succeeds', async () => {
    const { url } = await pool.shared(KEYED)
    const path = `${url}/sse?ticket=${await issue(url, { client: 'tom' })}`
    const agents = Array.from({ length: 20 }, (_, n) => ({ 'User-Agent': `browser-${n}` }))
    const responses = await Promise.all(agents.map((headers) => fetch(path, { headers })))
    const statuses = responses.map(({ status }) => status).sort()
    expect(statuses).toEqual([200, ...Array<number>(19).fill(401)])
    await Promise.all(responses.map((response) => response.body?.cancel()))
    await disconnect(url, 'tom')
  })

  test('the end of the grant ends the stream, and neither ticket nor cookie opens it again', async () => {
    const { url } = await pool.shared(KEYED)
    const path = `${url}/sse?ticket=${await issue(url, { client: 'tess', grantSeconds: 1 })}`
    const response = await fetch(path)
    const [cookie = ''] = (response.headers.get('Set-Cookie') ?? '').split(';')
    const reader = readEvents(response)
    const bye = await reader.next(({ event }) => event === 'hub:bye')
    expect(JSON.parse(bye.data)).toEqual({ reason: 'expired' })
    await reader.end()
    await expectProblem(await fetch(path, { headers: { Cookie: cookie } }), 401)
  })

  test('a ticket of a server with another key opens nothing', async () => {
    const { url } = await pool.shared(KEYED)
    const other = await pool.shared({ PUBLISH_KEY: SECRET.replaceAll(/[ ,]/g, '-') })
    const key = SECRET.replaceAll(/[ ,]/g, '-')
    const ticket = await issue(other.url, { client: 'alice' }, key)
    await expectProblem(await fetch(`${url}/sse?ticket=${ticket}`), 401)
  })

  test('a ticket whose response was lost opens one more stream, for the same browser', async () => {
    const { url } = await pool.shared(KEYED)
    const path = `${url}/sse?ticket=${await issue(url, { client: 'theo' })}`
    const openWith = async (agent: string) => {
      const response = await fetch(path, { headers: { 'User-Agent': agent } })
      await response.body?.cancel()
      return response.status
    }
    const statuses = [
      await openWith('a'),
      await openWith('a'),
      await openWith('a'),
      await openWith('b'),
    ]
    expect(statuses).toEqual([200, 200, 401, 401])
    await disconnect(url, 'theo')
  })

  test('a grant of 4 KB opens a stream, and one that no URL could carry is refused', async () => {
    const { url } = await pool.shared(KEYED)
    const topics = Array.from({ length: 50 }, (_, n) => `${n}`.padStart(80, 'topic'))
    const opened = await fetch(`${url}/sse?ticket=${await issue(url, { client: 'tall', topics })}`)
    await opened.body?.cancel()
    expect(opened.status).toBe(200)
    const headers = { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' }
    const body = JSON.stringify({ client: 'tall', topics: topics.map((name) => `${name}話題話題`) })
    await expectProblem(await fetch(`${url}/tickets`, { method: 'POST', headers, body }), 413)
  })
}

/** Requests a ticket, as a back end does. */
export async function issue(url: string, grant: object, key: string = KEY): Promise<string> {
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }
  const body = JSON.stringify(grant)
  const response = await fetch(`${url}/tickets`, { method: 'POST', headers, body })
  expect(response.status).toBe(200)
  const { ticket } = (await response.json()) as { ticket: string }
  return ticket
}

async function disconnect(url: string, client: string): Promise<void> {
  const headers = { Authorization: `Bearer ${KEY}` }
  await fetch(`${url}/clients/${client}`, { method: 'DELETE', headers })
}
