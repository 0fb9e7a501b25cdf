/** Secrecy: no key, token or ticket appears in the log or in an answer. */
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { allProcesses } from '../../support/client.ts'
import { until } from '../../support/eventually.ts'
import { testWhere } from '../../support/where.ts'
import { exchange, hostOf, request } from './raw-http.ts'
import { KEY, KEYED, METRICS_KEY, OLD_KEY, SECRET, type TargetPool } from './target.ts'
import { issue } from './tickets.ts'

/** How a server keeps secrets. */
export function secrecy(pool: TargetPool): void {
  test('no key, token or ticket appears in the log or in the body of an error', async () => {
    const server = await pool.start({ ...KEYED, MAX_CONNECTIONS_PER_CLIENT: '1' })
    const { url } = server
    const ticket = await issue(url, { client: 'alice' })
    const token = await sign({ sub: 'alice', publish: [] })
    const expired = await sign({ sub: 'alice', exp: 1 })
    const opened = await fetch(`${url}/sse?ticket=${ticket}`)
    const cookie = /=([\w.-]+);/.exec(opened.headers.get('Set-Cookie') ?? '')?.[1] ?? 'none'
    const secrets = [KEY, OLD_KEY, METRICS_KEY, SECRET, ticket, token, expired, cookie]
    const bodies: string[] = []
    for (const secret of secrets) {
      for (const ask of attempts(secret)) {
        const response = await fetch(url + ask.path, ask.init)
        if (response.status >= 400) bodies.push(await response.text())
        else await response.body?.cancel()
      }
      if (pool.runtime.process === 'serves') bodies.push(...(await rawAttempts(url, secret)))
    }
    await opened.body?.cancel()
    const said = () => [...server.lines, server.stderr].join('\n')
    // Without a log the test would show nothing; workerd logs elsewhere.
    if (pool.runtime.process === 'serves') {
      await until('a stream ends, and the log says so', () => said().includes('stream ended'))
    }
    expect(bodies.length).toBeGreaterThan(secrets.length)
    expect(secrets.filter((secret) => said().includes(secret))).toEqual([])
    expect(secrets.filter((secret) => bodies.join('\n').includes(secret))).toEqual([])
  })

  test('a metrics key reads metrics, and nothing else', async () => {
    const { url } = await pool.start(KEYED)
    const headers = { Authorization: `Bearer ${METRICS_KEY}` }
    expect((await fetch(`${url}/metrics`, { headers })).status).toBe(200)
    expect((await fetch(`${url}/metrics`)).status).toBe(401)
    expect((await fetch(`${url}/clients`, { headers })).status).toBe(403)
    expect((await fetch(`${url}/ping/alice`, { headers, method: 'POST' })).status).toBe(403)
  })

  test('guesses are limited, and the key that was used before is not', async () => {
    const { url } = await pool.start({ ...KEYED, ATTEMPTS_PER_MINUTE: '3' })
    const statusOf = async (key: string) => {
      const headers = { Authorization: `Bearer ${key}` }
      const { status } = await fetch(`${url}/ping/alice`, { method: 'POST', headers })
      await allProcesses(url, METRICS_KEY)
      return status
    }
    await allProcesses(url, METRICS_KEY)
    expect(await statusOf(KEY)).toBe(200)
    const guesses = []
    for (let n = 0; n < 5; n++) guesses.push(await statusOf(`a-guess-0123456789-${n}`))
    expect(guesses).toEqual([401, 401, 401, 429, 429])
    expect(await statusOf(KEY)).toBe(200)
    expect(await statusOf(OLD_KEY)).toBe(429)
  })

  testWhere(pool.runtime.openToAll === 'exits with 2')(
    'the message for a refused configuration does not repeat its secrets',
    async () => {
      const secrets = { PUBLISH_KEY: 'too-short', JWT_SECRET: 'short-as-well' }
      const refused = pool.launch({ ...secrets, JWKS_URL: 'ftp://user:pa55word@issuer.example' })
      expect(await refused.exit).toBe(2)
      for (const name of ['PUBLISH_KEY', 'JWT_SECRET', 'JWKS_URL']) {
        expect(refused.stderr).toContain(name)
      }
      for (const secret of [...Object.values(secrets), 'pa55word']) {
        expect(refused.stderr).not.toContain(secret)
      }
    },
  )
}

/** The responses to a secret in places where no HTTP client would put it. */
async function rawAttempts(url: string, secret: string): Promise<string[]> {
  const attempts = [
    request(`GET /${secret}`, hostOf(url), `Authorization: Bearer ${secret}\0`),
    request(`GET /sse?key=${secret}`, 'Host: a b'),
    request(`GET /sse?ticket=${secret}`, 'Host: a b'),
    request(`GET /sse?ticket=${secret}&key=${secret}`, 'Host: evil@localhost'),
  ]
  const answers = await Promise.all(attempts.map((lines) => exchange(url, lines, 2_000)))
  return answers.map(({ text }) => text)
}

interface Attempt {
  readonly path: string
  readonly init: RequestInit
}

/** Requests that carry a secret where people put one, rightly or wrongly. */
function attempts(secret: string): Attempt[] {
  const headers = { Authorization: `Bearer ${secret}` }
  const json = { ...headers, 'Content-Type': 'application/json' }
  return [
    { path: '/clients', init: { headers } },
    { path: '/sse?id=bob', init: { headers } },
    { path: `/sse?ticket=${secret}`, init: {} },
    { path: `/sse?ticket=${secret}x&id=bob`, init: { headers: { Cookie: `a=${secret}` } } },
    { path: `/sse?key=${secret}`, init: {} },
    { path: `/sse?id=%FF${secret}`, init: {} },
    { path: '/broadcast', init: { method: 'POST', headers: json, body: `{"data":"${secret}` } },
    { path: '/broadcast', init: { method: 'PUT', headers: json, body: secret } },
    { path: '/tickets', init: { method: 'POST', headers: json, body: `{"client":"\\n"}` } },
    { path: '/broadcast', init: { method: 'POST', headers: { Authorization: secret } } },
  ]
}

function sign(claims: Record<string, unknown>): Promise<string> {
  const exp = Math.floor(Date.now() / 1_000) + 600
  const jwt = new SignJWT({ exp, ...claims }).setProtectedHeader({ alg: 'HS256' })
  return jwt.sign(new TextEncoder().encode(SECRET))
}
