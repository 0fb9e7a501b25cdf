/** Requests that two servers in a row could read in two ways are refused, or read in one. */
import { expect, test } from 'vitest'
import { exchange, expectHealthy, hostOf, request } from './raw-http.ts'
import { KEY, KEYED, OPEN, type TargetPool, WITHOUT_STREAMS } from './target.ts'

const BEARER = `Authorization: Bearer ${KEY}`
const WRONG = 'Authorization: Bearer wrong-key-0123456789'

/** How a server reads what is not quite HTTP. */
export function requests(pool: TargetPool): void {
  if (pool.runtime.process !== 'serves') return

  test('two Authorization headers never let in more than the first would', async () => {
    const { url } = await pool.shared(KEYED)
    const wrongFirst = await exchange(url, request('GET /clients', hostOf(url), WRONG, BEARER))
    expect([400, 401]).toContain(wrongFirst.status)
    const rightFirst = await exchange(url, request('GET /clients', hostOf(url), BEARER, WRONG))
    expect([200, 400, 401]).toContain(rightFirst.status)
  })

  test('a credential folded over two lines, or after a blank name, is refused', async () => {
    const { url } = await pool.shared(KEYED)
    const forms = [
      ['Authorization: Bearer', ` ${KEY}`],
      [`Authorization : Bearer ${KEY}`],
      [` Authorization: Bearer ${KEY}`],
      [`Authorization\0: Bearer ${KEY}`],
      [`Authorization: Bearer ${KEY}, Bearer ${KEY}`],
    ]
    for (const lines of forms) {
      const { status = 400 } = await exchange(url, request('GET /clients', hostOf(url), ...lines))
      expect([lines, status]).toEqual([lines, expect.toSatisfy(isClientError)])
    }
  })

  test('a request with both lengths is refused, or is one request', async () => {
    const { url } = await pool.shared(OPEN)
    const refused = pool.runtime.bothLengths === 'refused'
    const smuggled = request('POST /ping/smuggled', hostOf(url), 'Content-Length: 0')
    for (const lengths of [
      ['Content-Length: 6', 'Transfer-Encoding: chunked'],
      ['Transfer-Encoding: chunked', 'Content-Length: 6'],
      ['Content-Length: 200', 'Transfer-Encoding: chunked'],
    ]) {
      const lines = [...post(url, ...lengths), '0', '', ...smuggled]
      const { status, count, closed } = await exchange(url, lines, refused ? undefined : 3_000)
      if (refused) {
        expect([lengths, status]).toEqual([lengths, expect.toSatisfy(isClientError)])
        expect(count).toBe(1)
        expect(closed).toBe(true)
      } else {
        // By its chunks the body is empty; what follows is a second request, if it is read at all.
        expect(count).toBeLessThanOrEqual(2)
      }
    }
  })

  test.each([
    ['two lengths that differ', ['Content-Length: 5', 'Content-Length: 50']],
    ['a list of lengths', ['Content-Length: 5, 50']],
    ['a length with a sign', ['Content-Length: +5']],
    ['an unknown encoding', ['Transfer-Encoding: xchunked']],
    ['chunks that are not last', ['Transfer-Encoding: chunked, identity']],
    ['an encoding after a vertical tab', ['Transfer-Encoding: \x0bchunked']],
    ['a name with a trailing space', ['Transfer-Encoding : chunked']],
    ['a bare line feed before it', ['X: y\nTransfer-Encoding: chunked', 'Content-Length: 5']],
  ])('%s is answered 4xx or not at all, and makes no second request', async (_, lengths) => {
    const { url } = await pool.shared(OPEN)
    const smuggled = request('POST /ping/smuggled', hostOf(url), 'Content-Length: 0')
    const lines = [...post(url, ...lengths), '0', '', ...smuggled]
    const { status = 400, text } = await exchange(url, lines, 2_000)
    expect([status, text.slice(0, 200)]).toEqual([
      expect.toSatisfy(isClientError),
      expect.any(String),
    ])
    expect(text).not.toContain('"connections"')
  })

  test('a method, version or line that is not HTTP is not a server error', async () => {
    const { url } = await pool.shared(OPEN)
    const starts = [
      'GET /clients HTTP/9.9',
      'GET /clients HTTP/0.9',
      'GET  /clients  HTTP/1.1',
      'G\0T /clients HTTP/1.1',
      'GET\t/clients\tHTTP/1.1',
      'GET clients HTTP/1.1',
      'CONNECT evil.example:443 HTTP/1.1',
      'TRACE /clients HTTP/1.1',
      'PRI * HTTP/2.0',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    ]
    for (const start of starts) {
      const lines = [start, hostOf(url), 'Connection: close', '', '']
      const { status = 400, count } = await exchange(url, lines, 2_000)
      expect([start, status < 500 || status === 505]).toEqual([start, true])
      expect(count).toBeLessThanOrEqual(1)
    }
    await expectHealthy(url)
  })

  test('very long heads are refused, and do no harm', async () => {
    const { url } = await pool.shared(WITHOUT_STREAMS)
    const long = 'x'.repeat(1_000_000)
    const many = Array.from({ length: 5_000 }, (_, n) => `X-${n}: ${'y'.repeat(50)}`)
    for (const lines of [
      request(`GET /sse?id=${long}`, hostOf(url)),
      request('GET /clients', hostOf(url), `X-Long: ${long}`),
      request('GET /clients', hostOf(url), ...many),
    ]) {
      const { status = 400 } = await exchange(url, lines, 5_000)
      expect(status).toSatisfy(isClientError)
    }
    await expectHealthy(url)
  })

  test('an upgrade is ignored', async () => {
    const { url } = await pool.shared(OPEN)
    for (const upgrade of ['websocket', 'h2c']) {
      const { status } = await exchange(
        url,
        [
          'GET /clients HTTP/1.1',
          hostOf(url),
          'Connection: Upgrade, HTTP2-Settings',
          `Upgrade: ${upgrade}`,
          'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
          'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
          'Sec-WebSocket-Version: 13',
          '',
          '',
        ],
        2_000,
      )
      expect(status).not.toBe(101)
    }
  })
}

function post(url: string, ...headers: string[]): string[] {
  return ['POST /broadcast HTTP/1.1', hostOf(url), 'Content-Type: text/plain', ...headers, '']
}

function isClientError(status: unknown): boolean {
  return typeof status === 'number' && status >= 400 && status < 500
}
