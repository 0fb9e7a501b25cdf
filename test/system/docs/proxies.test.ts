/** The recipe for proxies: what it promises of each configuration, with the real programs. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { EventSource } from 'eventsource'
import { describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { readEvents } from '../../support/reader.ts'
import { fetchFrom, isMissing, proxies } from './real-proxies.ts'
import { KEY, publishWithKey, startRecipeHub, WITH_KEY } from './sandbox.ts'

const ANYONE = { ALLOW_ANONYMOUS: 'true', TRUST_PROXY: '1' }
const STREAMS = 20

const fetch1 = fetchFrom('127.0.0.1')

for (const proxy of proxies()) {
  const missing = isMissing(proxy.name)
  const title = missing ? `${proxy.name} (skipped: it is not installed)` : proxy.name

  describe.skipIf(missing)(`behind ${title}`, () => {
    test('one HTTP/2 connection carries many streams, and events arrive at once', async () => {
      const hub = await startRecipeHub(ANYONE)
      const session = connect(await proxy.start(portOf(hub)), { rejectUnauthorized: false })
      const streams = Array.from({ length: STREAMS }, (_, n) => {
        const [path, encoding] = [`/sse?id=client-${n}`, 'gzip, br']
        const stream = session.request({ ':path': path, 'accept-encoding': encoding })
        const got = { text: '', encoding: '' }
        stream.on('response', (headers) => {
          got.encoding = headers['content-encoding'] ?? 'identity'
        })
        stream.setEncoding('utf8').on('data', (text: string) => {
          got.text += text
        })
        return got
      })
      await eventually(() => expect(streams.filter(has('hub:ready'))).toHaveLength(STREAMS))
      expect(session.alpnProtocol).toBe('h2')
      await publishWithKey(hub.url, '/broadcast', { data: 'for all' })
      await publishWithKey(hub.url, '/clients/client-7', { data: 'for seven' })
      await eventually(() => expect(streams.filter(has('for all'))).toHaveLength(STREAMS))
      await eventually(() => expect(streams.filter(has('for seven'))).toEqual([streams[7]]))
      expect(new Set(streams.map(({ encoding }) => encoding))).toEqual(new Set(['identity']))
      session.destroy()
    })

    test('lines of a batch are published and answered while they arrive, however many there are', async () => {
      const hub = await startRecipeHub(ANYONE)
      const session = connect(await proxy.start(portOf(hub)), { rejectUnauthorized: false })
      const batch = session.request({
        ':method': 'POST',
        ':path': '/broadcast',
        'content-type': 'application/x-ndjson',
      })
      let answers = 0
      batch.setEncoding('utf8').on('data', (text: string) => {
        answers += text.split('\n').length - 1
      })
      for (const answered of [1, 2]) {
        batch.write('{"data":1}\n')
        await eventually(() => expect(answers).toBe(answered))
      }
      // More than the megabyte that nginx accepts by default.
      batch.end('{"data":1}\n'.repeat(120_000))
      await eventually(() => expect(answers).toBe(120_002))
      session.destroy()
    })

    test('heartbeats keep a quiet stream open, and without them the timeout ends it', async () => {
      const [beating, silent] = await Promise.all([
        startRecipeHub({ ...ANYONE, HEARTBEAT_SECONDS: '1' }),
        startRecipeHub({ ...ANYONE, HEARTBEAT_SECONDS: '600' }),
      ])
      const urls = [
        await proxy.start(portOf(beating), '3s'),
        await proxy.start(portOf(silent), '3s'),
      ]
      const [living, dying] = await Promise.all(
        urls.map(async (url) => readEvents(await fetch1(`${url}/sse`))),
      )
      await dying?.end(15_000)
      for (let beats = 0; beats < 5; beats++)
        await living?.next(({ event }) => event === 'hub:beat')
      expect(living?.ended).toBe(false)
      await living?.close()
    })

    test('clients are distinguished by the address that the proxy saw, whatever they claim', async () => {
      const hub = await startRecipeHub({ ...ANYONE, PUBLISHES_PER_MINUTE: '3' })
      const url = await proxy.start(portOf(hub))
      const post = async (from: string, claim: string) => {
        const headers = { 'Content-Type': 'text/plain', 'X-Forwarded-For': claim }
        const init = { method: 'POST', headers, body: 'x' }
        return (await fetchFrom(from)(`${url}/broadcast`, init)).status
      }
      const claims = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']
      const statuses: number[] = []
      for (const claim of claims) statuses.push(await post('127.0.0.1', claim))
      expect(statuses).toEqual([200, 200, 200, 429])
      expect(await post('127.0.0.2', '127.0.0.1')).toBe(200)
    })

    test('the cookie of a ticket is Secure, and opens the stream again', async () => {
      const hub = await startRecipeHub({ PUBLISH_KEY: KEY, TRUST_PROXY: '1' })
      const url = await proxy.start(portOf(hub))
      const headers = { ...WITH_KEY, 'Content-Type': 'application/json' }
      const body = JSON.stringify({ client: 'alice' })
      const issued = await fetch1(`${url}/tickets`, { method: 'POST', headers, body })
      const { ticket } = (await issued.json()) as { ticket: string }
      const first = await fetch1(`${url}/sse?ticket=${ticket}`)
      const [cookie = ''] = first.headers.getSetCookie()
      expect(cookie).toMatch(/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax$/)
      await readEvents(first).close()

      const other = { headers: { 'User-Agent': 'other' } }
      expect((await fetch1(`${url}/sse?ticket=${ticket}`, other)).status).toBe(401)
      const [pair = ''] = cookie.split(';')
      const again = await fetch1(`${url}/sse?ticket=${ticket}`, { headers: { Cookie: pair } })
      expect(again.status).toBe(200)
      await readEvents(again).close()
    })

    test('an EventSource survives a restart of the hub, and publishers get an error meanwhile', async () => {
      const environment = { ...ANYONE, PORT: String(await freePort()) }
      const first = await startRecipeHub(environment)
      const url = await proxy.start(portOf(first))
      const received: string[] = []
      const statuses: number[] = []
      const events = new EventSource(`${url}/sse?id=alice`, {
        fetch: async (target, init) => {
          const response = await fetch1(target, init as RequestInit)
          statuses.push(response.status)
          return response
        },
      })
      for (const name of ['message', 'hub:ready', 'hub:gap', 'hub:bye']) {
        events.addEventListener(name, ({ type, data }) => {
          received.push(type === 'message' ? data : type)
        })
      }
      await eventually(() => expect(received).toEqual(['hub:ready']))
      await publishWithKey(first.url, '/clients/alice', { data: 'before' })
      await eventually(() => expect(received).toEqual(['hub:ready', 'before']))

      first.signal('SIGTERM')
      expect(await first.exit).toBe(0)
      const answer = await fetch1(`${url}/broadcast`, { method: 'POST', body: 'x' })
      expect(answer.status).toBe(proxy.statusWithoutHub)
      const tries = statuses.length
      await eventually(() => expect(statuses.length).toBeGreaterThan(tries))
      expect(events.readyState).toBe(events.CONNECTING)

      const second = await startRecipeHub(environment)
      await eventually(() => expect(received.at(-1)).toBe('hub:gap'))
      await publishWithKey(second.url, '/clients/alice', { data: 'after' })
      const all = ['hub:ready', 'before', 'hub:bye', 'hub:ready', 'hub:gap', 'after']
      await eventually(() => expect(received).toEqual(all))
      expect(new Set(statuses)).toEqual(new Set([200]))
      events.close()
    })
  })
}

describe.skipIf(isMissing('nginx') || isMissing('curl', '-V'))(
  'behind nginx that strips a path',
  () => {
    const [nginx] = proxies()

    test('a cookie jar sends the cookie of a ticket again, and the ticket opens its stream', async () => {
      const hub = await startRecipeHub({
        PUBLISH_KEY: KEY,
        TRUST_PROXY: '1',
        LIFETIME_SECONDS: '1',
      })
      const url = `${await nginx?.start(portOf(hub))}/realtime`
      const headers = { ...WITH_KEY, 'Content-Type': 'application/json' }
      const body = JSON.stringify({ client: 'alice' })
      const issued = await fetch1(`${url}/tickets`, { method: 'POST', headers, body })
      const { ticket } = (await issued.json()) as { ticket: string }
      const folder = mkdtempSync(join(tmpdir(), 'hono-sse-jar-'))
      const jar = join(folder, 'jar')
      try {
        // Two attempts need no cookie: the first one, and the one for a lost response.
        for (let n = 0; n < 3; n++) {
          const args = ['-ksS', '-c', jar, '-b', jar, `${url}/sse?ticket=${ticket}`]
          const { stdout } = await promisify(execFile)('curl', args)
          expect(stdout).toContain('event: hub:ready')
        }
        expect(readFileSync(jar, 'utf8')).toMatch(/\t\/realtime\/?\t/)
      } finally {
        rmSync(folder, { recursive: true })
      }
    })
  },
)

function portOf({ url }: { url: string }): number {
  return Number(new URL(url).port)
}

function has(what: string): (got: { text: string }) => boolean {
  return ({ text }) => text.includes(what)
}
