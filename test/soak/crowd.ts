/** Many streams on bare sockets, spread over the addresses of this machine, that only count what they get. */
import { connect, type Socket } from 'node:net'
import { until } from '../runtime/client.ts'

/** Each address has some 28,000 ports to connect from. */
const PER_ADDRESS = 10_000
const AT_ONCE = 100

/** Streams that are open at the same time. */
export interface Crowd {
  /** Resolves when the text, which is yet to be published, has come on every stream. */
  expect(text: string, maxMs: number): Promise<void>
  leave(): void
}

/** Opens so many streams; each is there once its `hub:ready` has come. */
export async function openCrowd(url: string, size: number, maxMs: number): Promise<Crowd> {
  const { port } = new URL(url)
  const sockets: Socket[] = []
  let wanted = 'hub:ready'
  let have = 0
  let lost = 0
  let next = 0
  const opener = async () => {
    while (next < size) await openOne(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, opener))
  await until('all streams are open', () => have === size, maxMs)
  return { expect, leave }

  function openOne(index: number): Promise<void> {
    const localAddress = `127.0.0.${2 + Math.floor(index / PER_ADDRESS)}`
    const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress })
    sockets.push(socket)
    socket.setEncoding('latin1').on('data', (text: string) => {
      if (text.includes(wanted)) have += 1
    })
    socket.on('close', () => {
      lost += 1
    })
    socket.on('error', () => {})
    return new Promise((resolve) => {
      socket.once('data', () => resolve())
      socket.once('close', () => resolve())
      socket.write(`GET /sse?id=${index} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    })
  }

  async function expect(text: string, timeoutMs: number): Promise<void> {
    wanted = text
    have = 0
    await until(`${text} has come everywhere`, () => have === size || lost > 0, timeoutMs)
    if (lost > 0) throw new Error(`${lost} streams were lost`)
  }

  function leave(): void {
    for (const socket of sockets) socket.resetAndDestroy()
  }
}
