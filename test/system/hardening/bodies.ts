/** Bodies: a bomb, an endless body or a slow one costs little, and only its sender. */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { until } from '../../support/eventually.ts'
import { testWhere } from '../../support/where.ts'
import { exchange, expectHealthy, expectProblem, hostOf, isClosed, open } from './raw-http.ts'
import { KEY, KEYED, OPEN, type TargetPool, WITHOUT_STREAMS } from './target.ts'

/** Bytes that a server may grow by while it is attacked. */
const GROWTH_BYTES = 128 * 2 ** 20

/** Chunks of 64 KiB that exceed the bound of a body: an event of 256 KiB as JSON, 6 bytes for one, and 8 KiB. */
const CHUNKS_TOO_LARGE = 25

/** How a server reads bodies. */
export function bodies(pool: TargetPool): void {
  const measured = pool.runtime.process === 'serves'
  const ownHttp = measured
  // Memory is measured where nothing else needs any.
  const toMeasure = () => (measured ? pool.start(OPEN) : pool.shared(WITHOUT_STREAMS))
  // workerd answers before the body's end and then resets the connection, which may overtake the answer.
  const early = (status: number) => (ownHttp ? [String(status)] : [String(status), ''])

  test('a gzip bomb is answered 415 at once, and never unpacked', async () => {
    const server = await toMeasure()
    // Compressed data that follow each other are one (RFC 1952 §2.2): together 256 MiB.
    const part = gzipSync(Buffer.alloc(2 ** 20, 0x20))
    const bomb = Buffer.concat(Array(256).fill(part))
    const before = measured ? residentBytes(server.pid) : 0
    const started = performance.now()
    for (const encoding of [
      'gzip',
      'deflate',
      'br',
      'zstd',
      'x-gzip',
      'gzip, gzip',
      'identity, gzip',
    ]) {
      const headers = { 'Content-Type': 'application/json', 'Content-Encoding': encoding }
      const response = await fetch(`${server.url}/broadcast`, {
        method: 'POST',
        headers,
        body: bomb,
      })
      await expectProblem(response, 415)
    }
    expect(performance.now() - started).toBeLessThan(20_000)
    if (measured) expect(residentBytes(server.pid) - before).toBeLessThan(GROWTH_BYTES)
    await expectHealthy(server.url)
  })

  test('a body that is declared too large is answered 413 before it is sent', async () => {
    const { url } = await pool.shared(OPEN)
    for (const length of ['2000000', '1000000000', '99999999999999']) {
      const lines = head(url, '/broadcast', `Content-Length: ${length}`)
      const answer = await firstAnswer(url, lines)
      expect([length, answer.slice(0, 13)]).toEqual([length, 'HTTP/1.1 413 '])
      // A runtime may have its own, higher bound, and refuse without a problem document.
      if (length === '2000000') expect(answer).toContain('application/problem+json')
    }
  })

  testWhere(ownHttp)('a length that is not a number is answered 400', async () => {
    const { url } = await pool.shared(OPEN)
    for (const length of ['-1', '1e3', '0x10', '1 0', '1,2', '9'.repeat(40), 'x']) {
      const lines = head(url, '/broadcast', `Content-Length: ${length}`)
      const { status = 400 } = await exchange(url, [...lines, 'x'], 2_000)
      expect([length, status >= 400 && status < 500]).toEqual([length, true])
    }
  })

  test('an endless body is cut off as soon as it is too large', async () => {
    const server = await toMeasure()
    const before = measured ? residentBytes(server.pid) : 0
    const sent = await pour(
      server.url,
      head(server.url, '/broadcast', 'Transfer-Encoding: chunked'),
      CHUNKS_TOO_LARGE,
    )
    expect(early(413)).toContain(sent.answer.slice(9, 12))
    if (measured) expect(residentBytes(server.pid) - before).toBeLessThan(GROWTH_BYTES)
    await expectHealthy(server.url)
  })

  test('an endless body without a credential is answered 401 and not read', async () => {
    const server = await pool.start(KEYED)
    const before = measured ? residentBytes(server.pid) : 0
    const sent = await pour(
      server.url,
      head(server.url, '/broadcast', 'Transfer-Encoding: chunked'),
    )
    expect(early(401)).toContain(sent.answer.slice(9, 12))
    if (measured) expect(residentBytes(server.pid) - before).toBeLessThan(GROWTH_BYTES)
    await expectHealthy(server.url, KEY)
  })

  testWhere(ownHttp)(
    'an endless body for a route that reads none is answered, and does not accumulate',
    async () => {
      const server = await toMeasure()
      const before = measured ? residentBytes(server.pid) : 0
      for (const path of ['/ping/alice', '/nothing', '/healthz']) {
        const sent = await pour(server.url, head(server.url, path, 'Transfer-Encoding: chunked'))
        expect(sent.answer).toMatch(/^HTTP\/1\.1 (200|404|405|413) /)
      }
      if (measured) expect(residentBytes(server.pid) - before).toBeLessThan(GROWTH_BYTES)
      await expectHealthy(server.url)
    },
  )

  test('fifty slow bodies do not delay other requests', async () => {
    const { url } = await pool.shared(WITHOUT_STREAMS)
    const sockets = await Promise.all(Array.from({ length: 50 }, () => open(url)))
    for (const socket of sockets) {
      socket.write([...head(url, '/broadcast', 'Content-Length: 100'), 'x'].join('\r\n'))
    }
    await expectHealthy(url)
    for (const socket of sockets) socket.destroy()
    await expectHealthy(url)
  })

  testWhere(pool.runtime.slowSenders === 'cut')(
    'a body that trickles in is cut off within a minute',
    async () => {
      const { url } = await pool.shared(WITHOUT_STREAMS)
      const socket = await open(url)
      socket.write([...head(url, '/broadcast', 'Content-Length: 1000'), 'x'].join('\r\n'))
      const timer = setInterval(() => socket.write('x'), 500)
      socket.resume()
      expect(await isClosed(socket, 60_000)).toBe(true)
      clearInterval(timer)
      await expectHealthy(url)
    },
  )

  testWhere(ownHttp)('a chunk with an invalid or endless size publishes no event', async () => {
    const { url } = await pool.shared(WITHOUT_STREAMS)
    const lines = head(url, '/broadcast', 'Transfer-Encoding: chunked')
    for (const size of ['zz', '-1', 'FFFFFFFFFFFFFFFFF', '0x5', '5;\n', '']) {
      const { text } = await exchange(url, [...lines, size, 'hello', '0', '', ''], 1_500)
      expect([size, text.includes('"connections"')]).toEqual([size, false])
    }
    await expectHealthy(url)
  })

  test('numbers, keys and texts that strain a parser do no harm', async () => {
    const { url } = await pool.shared(WITHOUT_STREAMS)
    const texts = [
      `{"data":${'9'.repeat(200_000)}}`,
      `{"data":1e${'9'.repeat(1_000)}}`,
      `{${Array.from({ length: 20_000 }, (_, n) => `"k${n}":1`).join(',')}}`,
      `{"data":1,${'"event":"a",'.repeat(5_000)}"event":"b"}`,
      `{"data":"${'\\ud800'.repeat(1_000)}"}`,
      '{"data":1,"event":{"toString":null}}',
      '"data"',
      'NaN',
      '\ufeff{"data":1}',
    ]
    const headers = { 'Content-Type': 'application/json' }
    for (const body of texts) {
      const { status } = await fetch(`${url}/broadcast`, { method: 'POST', headers, body })
      expect([body.slice(0, 20), [200, 400, 413].includes(status)]).toEqual([
        body.slice(0, 20),
        true,
      ])
    }
    await expectHealthy(url)
  })
}

/** The head of a POST of text. */
function head(url: string, path: string, ...headers: string[]): string[] {
  const own = [`POST ${path} HTTP/1.1`, hostOf(url), 'Content-Type: text/plain']
  return [...own, ...headers, '', '']
}

/**
 * Sends chunks until the server must answer, waits for the answer, and then sends more until the server closes or half a
 * gigabyte is sent. Returns the answer: no write can fail before it has been read.
 * @param before - the number of chunks after which the server answers
 */
async function pour(
  url: string,
  lines: readonly string[],
  before = 0,
): Promise<{ answer: string }> {
  const socket = await open(url)
  let answer = ''
  const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text
  })
  socket.write(lines.join('\r\n') + chunk.repeat(before))
  await until('an answer', () => answer.includes('\r\n\r\n') || socket.destroyed)
  let left = 8_192
  const push = () => {
    while (left > 0 && !socket.destroyed && socket.writable) {
      left -= 1
      if (!socket.write(chunk)) return
    }
  }
  socket.on('drain', push)
  push()
  // A server may stop reading rather than close: what counts is that it answered and kept nothing.
  await isClosed(socket, 1_000)
  socket.destroy()
  return { answer }
}

/** Sends a head and returns the head of the response, even if the connection stays open. */
async function firstAnswer(url: string, lines: readonly string[]): Promise<string> {
  const socket = await open(url)
  let answer = ''
  socket.setEncoding('latin1').on('data', (text: string) => {
    answer += text
  })
  socket.write(lines.join('\r\n'))
  await until('an answer', () => answer.includes('\r\n\r\n') || socket.destroyed, 30_000)
  socket.destroy()
  return answer
}

/** The memory of a process, as Linux counts it. */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024
}
