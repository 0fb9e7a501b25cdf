/** Floods: many useless requests register no client, and others are still served. */
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../../support/eventually.ts'
import { testWhere } from '../../support/where.ts'
import { connectedTo, expectHealthy, hostOf, open } from './raw-http.ts'
import { KEY, KEYED, OPEN, type TargetPool, WITHOUT_STREAMS } from './target.ts'

const HALF_OPEN = 2_000

/** Milliseconds for a request head: the server's limit, its check interval, and some slack. */
const HEADERS_MS = 60_000

/** How a server handles floods of requests. */
export function floods(pool: TargetPool): void {
  test('a flood of HEAD and OPTIONS registers no client', async () => {
    const { url } = await pool.shared(WITHOUT_STREAMS)
    for (const method of ['HEAD', 'OPTIONS']) {
      for (let round = 0; round < 10; round++) {
        const responses = Array.from({ length: 50 }, (_, n) =>
          fetch(`${url}/sse?id=flood-${n}&topic=t`, { method }),
        )
        for (const response of await Promise.all(responses)) {
          expect(response.status).toBeLessThan(300)
          expect(await response.text()).toBe('')
        }
      }
      expect(await connectedTo(url)).toBe(0)
    }
  })

  test('a flood of unauthorized requests registers no client, and locks no publisher out', async () => {
    const { url } = await pool.start(KEYED)
    await expectHealthy(url, KEY)
    const headers = { Authorization: `Bearer ${'x'.repeat(4_000)}` }
    for (let round = 0; round < 10; round++) {
      const responses = Array.from({ length: 50 }, (_, n) =>
        fetch(`${url}/sse?id=${n}`, { headers }),
      )
      for (const { status } of await Promise.all(responses)) {
        // Beyond ATTEMPTS_PER_MINUTE, 429.
        expect([401, 429]).toContain(status)
      }
    }
    await expectHealthy(url, KEY)
  })

  test('with 2,000 half-open connections it still answers', async () => {
    const { url } = await pool.shared(WITHOUT_STREAMS)
    const sockets = await openMany(url, HALF_OPEN)
    for (const socket of sockets) socket.write(`GET /sse?id=half HTTP/1.1\r\n${hostOf(url)}\r\nX-`)
    const [reserve] = await openMany(url, 1)
    let answer = ''
    reserve?.setEncoding('latin1').on('data', (text: string) => {
      answer += text
    })
    await expectHealthy(url)
    if (pool.runtime.slowSenders === 'cut') {
      const timer = setInterval(() => trickle(sockets), 1_000)
      const gone = () => sockets.every(({ destroyed, closed }) => destroyed || closed)
      await until('all of them are cut off', gone, HEADERS_MS)
      clearInterval(timer)
    }
    // Browsers open connections in reserve: one that has sent nothing is no attack, and gets no answer.
    expect(answer).toBe('')
    reserve?.write(`GET /healthz HTTP/1.1\r\n${hostOf(url)}\r\n\r\n`)
    await until('it is answered', () => answer.includes('\r\n\r\n'))
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    for (const socket of [...sockets, ...(reserve ? [reserve] : [])]) socket.destroy()
    await expectHealthy(url)
  })
}

/** How a server copes with clients that open a stream and leave at once. */
export function hastyClients(pool: TargetPool): void {
  // workerd keeps one in forty of such streams until its lifetime ends: it misses the disconnect.
  testWhere(pool.runtime.process === 'serves')(
    'a client that connects and leaves at once leaves nothing behind',
    async () => {
      const { url } = await pool.start({ ...OPEN, HEARTBEAT_SECONDS: '1' })
      for (let round = 0; round < 10; round++) {
        const sockets = await openMany(url, 50)
        for (const socket of sockets) {
          socket.write(`GET /sse?id=hasty HTTP/1.1\r\n${hostOf(url)}\r\n\r\n`, () => {
            socket.resetAndDestroy()
          })
        }
      }
      await until('nobody is connected', async () => (await connectedTo(url)) === 0, 15_000)
      await expectHealthy(url)
    },
  )
}

async function openMany(url: string, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  // In rounds, because a listening socket has a short backlog.
  while (sockets.length < count) {
    const round = Math.min(100, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: round }, () => open(url)))))
  }
  for (const socket of sockets) socket.resume()
  return sockets
}

function trickle(sockets: readonly Socket[]): void {
  for (const socket of sockets) if (socket.writable) socket.write('a')
}
