/** Lines: a batch without an end, or one whose answers nobody reads, costs little, and only its sender. */
import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { until } from '../../support/eventually.ts'
import { expectHealthy, hostOf, open } from './raw-http.ts'
import { type TargetPool, WITHOUT_STREAMS } from './target.ts'

/** Much more than any line may have, and than the buffers between two processes hold. Bun refuses more than 128 MiB. */
const MANY_BYTES = 120 * 2 ** 20
/** Bytes that a server may grow by, most of them garbage, while one sender attacks it, and while four do. */
const GROWTH_BY_ONE = 96 * 2 ** 20
const GROWTH_BY_FOUR = 256 * 2 ** 20

/** How a server reads lines. */
export function lines(pool: TargetPool): void {
  const measured = pool.runtime.process === 'serves'
  const toMeasure = () => (measured ? pool.start(WITHOUT_STREAMS) : pool.shared(WITHOUT_STREAMS))

  test('a line without an end is refused once, and never kept', async () => {
    const server = await toMeasure()
    const before = measured ? residentBytes(server.pid) : 0
    const socket = await openLines(server.url)
    let answer = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text
    })
    send(socket, '{"data":"')
    await pour(socket, 'x'.repeat(65_536), () => false)
    expect(answer).toMatch(/^HTTP\/1\.1 200 /)
    expect(answer.match(/"status":413/g)).toHaveLength(1)
    if (measured) expect(residentBytes(server.pid) - before).toBeLessThan(GROWTH_BY_ONE)
    send(socket, '\n{"data":1}\n')
    await until('the next line is answered', () => answer.includes('"connections":0'))
    socket.destroy()
    await expectHealthy(server.url)
  })

  test('lines whose answers nobody reads are no longer read either', async () => {
    const server = await toMeasure()
    const before = measured ? residentBytes(server.pid) : 0
    const sockets = await Promise.all(Array.from({ length: 4 }, () => openLines(server.url)))
    const text = '{"data":1}\n'.repeat(500)
    await Promise.all(
      sockets.map(async (socket) => {
        socket.pause()
        await pour(socket, text, () => isStuck(socket))
        expect(socket.bytesWritten).toBeLessThan(MANY_BYTES)
      }),
    )
    if (measured) expect(residentBytes(server.pid) - before).toBeLessThan(GROWTH_BY_FOUR)
    await expectHealthy(server.url)
    for (const socket of sockets) socket.destroy()
    await expectHealthy(server.url)
  })
}

async function openLines(url: string): Promise<Socket> {
  const socket = await open(url)
  const type = 'Content-Type: application/x-ndjson'
  const head = ['POST /clients/nobody HTTP/1.1', hostOf(url), type, 'Transfer-Encoding: chunked']
  socket.write([...head, '', ''].join('\r\n'))
  return socket
}

/** Sends one chunk. Returns whether the socket accepts more. */
function send(socket: Socket, text: string): boolean {
  return socket.write(`${text.length.toString(16)}\r\n${text}\r\n`)
}

/** How many times in a row a socket accepted nothing. */
const stuck = new WeakMap<Socket, { at: number; times: number }>()

/** Whether a socket has accepted nothing for about two seconds: the other side does not read. */
function isStuck(socket: Socket): boolean {
  const { bytesWritten: at } = socket
  const last = stuck.get(socket)
  const times = last?.at === at ? last.times + 1 : 0
  stuck.set(socket, { at, times })
  return times > 100
}

/** Sends the same chunk again and again, until all is sent or the sender is to stop. */
async function pour(socket: Socket, text: string, isEnough: () => boolean): Promise<void> {
  for (let sent = 0; sent < MANY_BYTES; sent += text.length) {
    if (send(socket, text)) continue
    let done = false
    await until('the socket accepts more', () => {
      done = isEnough()
      return done || socket.writableLength === 0 || socket.destroyed
    })
    if (done || socket.destroyed) return
  }
}

/** The memory of a process, as Linux counts it. */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024
}
