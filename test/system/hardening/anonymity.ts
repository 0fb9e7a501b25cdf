/** Anonymity: a server without a key serves this machine only, unless configured otherwise. */
import { expect } from 'vitest'
import type { Server } from '../../support/process.ts'
import { testWhere } from '../../support/where.ts'
import { exchange, expectProblem, hostOf, request } from './raw-http.ts'
import { KEYED, OPEN, type TargetPool } from './target.ts'

const SENTENCE = /Set PUBLISH_KEY.* set ALLOW_ANONYMOUS=true/

/** A Worker names the places: for local work, and for a deployment. */
const PLACES = /ALLOW_ANONYMOUS=true to \.dev\.vars.* wrangler secret put PUBLISH_KEY/

/** Which clients a server without a key serves. */
export function anonymity(pool: TargetPool): void {
  const { openToAll } = pool.runtime
  const ownMachine = openToAll === 'exits with 2'

  testWhere(ownMachine)('without a key it does not start on a public address', async () => {
    for (const HOST of ['0.0.0.0', '::', '192.0.2.1', 'hub.example']) {
      const refused = pool.launch({ HOST })
      expect([HOST, await refused.exit]).toEqual([HOST, 2])
      expect(refused.stderr).toMatch(SENTENCE)
      expect(refused.stderr).toContain(HOST)
      expect(refused.stderr).not.toMatch(/^\s+at /m)
      expect(refused.lines).toEqual([])
    }
  })

  testWhere(ownMachine)('an empty key, or one of commas only, counts as no key', async () => {
    for (const PUBLISH_KEY of ['', ',', ' , ']) {
      expect(await pool.launch({ HOST: '0.0.0.0', PUBLISH_KEY }).exit).toBe(2)
    }
  })

  testWhere(ownMachine)('a key or ALLOW_ANONYMOUS permits a public address', async () => {
    for (const environment of [KEYED, OPEN]) {
      const server = await pool.start({ ...environment, HOST: '0.0.0.0' })
      const { port } = new URL(server.url)
      expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(200)
      const said = [...server.lines, server.stderr].join('\n')
      expect(said.includes('ALLOW_ANONYMOUS')).toBe(environment === OPEN)
    }
  })

  testWhere(!ownMachine)('without a key it answers 503 and says what to set', async () => {
    const { url } = await pool.shared({})
    for (const [method, path] of ROUTES) {
      const response = await fetch(url + path, { method })
      expect(await expectProblem(response, 503)).toMatch(PLACES)
    }
    expect((await fetch(`${url}/healthz`)).status).toBe(200)
  })

  testWhere(!ownMachine)('without a key it opens no stream, and says what to set', async () => {
    const { url } = await pool.shared({})
    expect(await expectProblem(await fetch(`${url}/sse?id=alice`), 503)).toMatch(PLACES)
  })

  testWhere(!ownMachine)('ALLOW_ANONYMOUS opens a server without a key', async () => {
    const { url } = await pool.shared(OPEN)
    expect((await fetch(`${url}/ping/alice`, { method: 'POST' })).status).toBe(200)
  })

  testWhere(ownMachine)('without a key it answers to loopback names only', async () => {
    const { url } = await pool.shared({})
    const { port } = new URL(url)
    for (const name of ['localhost', 'LOCALHOST', '127.0.0.1', '[::1]', 'foo.localhost']) {
      expect([name, await statusFor(url, `${name}:${port}`)]).toEqual([name, 200])
      expect([name, await statusFor(url, name)]).toEqual([name, 200])
    }
    for (const name of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      'localhost.',
      '0.0.0.0',
      'localhost@evil.example',
      'evil.example:localhost',
    ]) {
      const status = await statusFor(url, name)
      expect([name, status === 421 || status === 400]).toEqual([name, true])
    }
  })

  testWhere(ownMachine)('without a key it refuses pages of another origin', async () => {
    const server = await pool.shared({})
    for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
      expect([origin, await publishFrom(server, origin)]).toEqual([origin, 403])
    }
    expect(await publishFrom(server, 'http://localhost:5173')).toBe(200)
  })

  testWhere(ownMachine)(
    'a request target in absolute form does not bypass the check of the host',
    async () => {
      const { url } = await pool.shared({})
      const local = hostOf(url)
      const evil = await exchange(url, request('GET http://evil.example/clients', local))
      // A runtime may ignore the target's host, as long as its own Host is one of this machine.
      expect([200, 400, 421]).toContain(evil.status)
      const reverse = await exchange(url, request(`GET ${url}/clients`, 'Host: evil.example'))
      expect([400, 421]).toContain(reverse.status)
      for (const target of [
        'http://evil.example',
        '//evil.example/clients',
        'http:/clients',
        '*',
      ]) {
        const { status, text } = await exchange(url, request(`GET ${target}`, 'Host: evil.example'))
        expect([target, [400, 404, 421].includes(status ?? 0)]).toEqual([target, true])
        expect(text).not.toContain('"clients"')
      }
    },
  )

  testWhere(ownMachine)('a request with two hosts is refused', async () => {
    const { url } = await pool.shared({})
    const two = await exchange(url, request('GET /clients', 'Host: evil.example', hostOf(url)))
    expect([400, 421]).toContain(two.status)
  })

  testWhere(ownMachine)('an invalid host is answered 4xx, and is not a server error', async () => {
    const server = await pool.start({})
    for (const name of BAD_HOSTS) {
      const status = await statusFor(server.url, name)
      expect([name, status === 421 || status === 400]).toEqual([name, true])
    }
    expect(server.stderr).toBe('')
  })
}

const BAD_HOSTS = ['a b', 'localhost#', 'localhost?x', 'localhost/x', 'evil@localhost', '[', '%']

const ROUTES = [
  ['POST', '/ping/alice'],
  ['POST', '/broadcast'],
  ['POST', '/clients/alice'],
  ['POST', '/topics/news'],
  ['POST', '/tickets'],
  ['GET', '/clients'],
  ['GET', '/clients/alice'],
  ['GET', '/topics/news'],
  ['GET', '/metrics'],
  ['DELETE', '/clients/alice'],
] as const

async function statusFor(url: string, host: string): Promise<number | undefined> {
  return (await exchange(url, request('GET /clients', `Host: ${host}`))).status
}

async function publishFrom({ url }: Server, origin: string): Promise<number | undefined> {
  const lines = request('POST /ping/alice', hostOf(url), `Origin: ${origin}`, 'Content-Length: 0')
  return (await exchange(url, lines)).status
}
