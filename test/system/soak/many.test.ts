/** Thousands of connections on one Node process: all are served, and their memory is freed. */
import { execSync } from 'node:child_process'
import { connect } from 'node:http2'
import { text as textOf } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Certificate, createCertificate } from '../../support/certificate.ts'
import { until } from '../../support/eventually.ts'
import { HEAP_OPTIONS, memoryOf } from '../../support/heap.ts'
import { type Environment, type Server, startServer } from '../../support/process.ts'
import { type CountingStreams, openHttp1Streams, openHttp2Streams } from './counting-streams.ts'

/** Enough to show a leak of 200 bytes per stream; `MANY=50000` for more. */
const MANY = Number(process.env.MANY ?? 5_000)
const OPEN_FILES = Number(execSync('ulimit -Hn', { encoding: 'utf8' }).replace('unlimited', '1e6'))
/** Both ends run on this machine, and have other files open. */
const SOCKETS = Math.min(MANY, OPEN_FILES - 1_000)
const BROADCASTS = 5
const WAIT_MS = 120_000

let certificate: Certificate
beforeAll(async () => {
  certificate = await createCertificate()
})
afterAll(() => certificate.remove())

describe('over HTTP/1.1', () => {
  openAndCloseTwice(SOCKETS, openHttp1Streams, () => ({}))
})

describe('over HTTP/2', () => {
  openAndCloseTwice(MANY, openHttp2Streams, () => certificate.environment)
})

/** Opens `size` streams, broadcasts to them and closes them, twice. */
function openAndCloseTwice(
  size: number,
  open: (url: string, size: number, maxMs: number) => Promise<CountingStreams>,
  environment: () => Environment,
): void {
  let server: Server
  beforeAll(async () => {
    const node = `ulimit -n ${OPEN_FILES}; exec "$0" "$@"`
    server = await startServer(
      { file: 'bash', args: ['-c', node, process.execPath, 'dist/node.js'] },
      {
        NODE_OPTIONS: HEAP_OPTIONS,
        CLOCK_SECONDS: '0',
        MAX_CONNECTIONS: String(size + 100),
        ...environment(),
      },
    )
  })
  afterAll(() => server?.kill())

  test(
    `${size} streams open and close twice, and the heap returns to within a tenth`,
    async () => {
      // A warm-up round, so that the server has loaded and compiled its code.
      await round(Math.min(1_000, size))
      const { heap: before } = await memoryOf(server, WAIT_MS)
      for (const name of ['first', 'second']) {
        await round(size)
        // Sockets may still be closing when the hub is empty. What leaks never falls below the bound.
        const freed = async () => (await memoryOf(server, WAIT_MS)).heap < 1.1 * before
        await until(`the heap is small again the ${name} time`, freed, WAIT_MS)
      }
    },
    5 * WAIT_MS,
  )

  async function round(streams: number): Promise<void> {
    const opened = await open(server.url, streams, WAIT_MS)
    for (let i = 0; i < BROADCASTS; i++) {
      const text = `broadcast-${i}.`
      const all = opened.untilReceived(text, WAIT_MS)
      const result = JSON.parse(await request('POST', '/broadcast', text))
      expect(result).toMatchObject({ connections: streams })
      expect(await request('GET', '/healthz')).toBe('ok')
      await all
    }
    opened.leave()
    const empty = async () => JSON.parse(await request('GET', '/clients')).total === 0
    await until('the hub is empty', empty, WAIT_MS)
  }

  async function request(method: string, path: string, body?: string): Promise<string> {
    const headers = { 'Content-Type': 'text/plain' }
    if (server.url.startsWith('http:')) {
      const init = body === undefined ? { method } : { method, headers, body }
      return await (await fetch(server.url + path, init)).text()
    }
    const session = connect(server.url, { rejectUnauthorized: false })
    const stream = session.request({ ':method': method, ':path': path, ...headers })
    stream.end(body)
    const answer = await textOf(stream)
    session.close()
    return answer
  }
}
