/** Many streams that only look for one text: a socket each, or hundreds on one HTTP/2 session. */
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { until } from '../../support/eventually.ts'

/** Each address of this machine has some 28,000 ports to connect from. */
const PER_ADDRESS = 10_000
const PER_SESSION = 250
const AT_ONCE = 100

/** Streams that are open at the same time. */
export interface CountingStreams {
  /** Call before publishing `text`: resolves when every stream has received it. */
  untilReceived(text: string, maxMs: number): Promise<void>
  leave(): void
}

/** Opens stream `index` and passes its data to `onText`; resolves when the first data arrives. */
type OpenOne = (index: number, onText: (text: string) => void, onClose: () => void) => Promise<void>

/** Opens `size` streams over HTTP/1.1, spread over the loopback addresses. */
export function openHttp1Streams(
  url: string,
  size: number,
  maxMs: number,
): Promise<CountingStreams> {
  const { port } = new URL(url)
  const sockets: Socket[] = []
  const leave = () => {
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return openStreams({ size, maxMs, openOne, leave })

  function openOne(
    index: number,
    onText: (text: string) => void,
    onClose: () => void,
  ): Promise<void> {
    const localAddress = `127.0.0.${2 + Math.floor(index / PER_ADDRESS)}`
    const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress })
    sockets.push(socket)
    socket.setEncoding('latin1').on('data', onText)
    socket.on('conClose', onClose).on('error', () => {})
    return new Promise((resolve) => {
      socket.once('data', () => resolve()).once('conClose', () => resolve())
      socket.write(`GET /sse?id=${index} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`)
    })
  }
}

/** Opens `size` streams over HTTP/2, hundreds on each connection. */
export function openHttp2Streams(
  url: string,
  size: number,
  maxMs: number,
): Promise<CountingStreams> {
  const sessions: ClientHttp2Session[] = []
  const leave = () => {
    for (const session of sessions) session.destroy()
  }
  return openStreams({ size, maxMs, openOne, leave })

  function openOne(
    index: number,
    onText: (text: string) => void,
    onClose: () => void,
  ): Promise<void> {
    const stream = sessionOf(index).request({ ':path': `/sse?id=${index}` })
    stream.setEncoding('latin1').on('data', onText)
    stream.on('conClose', onClose).on('error', () => {})
    return new Promise((resolve) => {
      stream.once('data', () => resolve()).once('conClose', () => resolve())
    })
  }

  function sessionOf(index: number): ClientHttp2Session {
    const place = Math.floor(index / PER_SESSION)
    const session = sessions[place] ?? connectHttp2(url, { rejectUnauthorized: false })
    if (!sessions[place]) session.on('error', () => {})
    sessions[place] = session
    return session
  }
}

async function openStreams(init: {
  readonly size: number
  readonly maxMs: number
  readonly openOne: OpenOne
  leave(): void
}): Promise<CountingStreams> {
  const { size, maxMs, openOne, leave } = init
  let wanted = 'hub:ready'
  let have = 0
  let lost = 0
  let next = 0
  const onText = (text: string) => {
    if (text.includes(wanted)) have += 1
  }
  const onClose = () => {
    lost += 1
  }
  const opener = async () => {
    while (next < size) await openOne(next++, onText, onClose)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, opener))
  await until('all streams are open', () => have === size || lost > 0, maxMs)
  return { untilReceived, leave }

  async function untilReceived(text: string, timeoutMs: number): Promise<void> {
    wanted = text
    have = 0
    await until(`${text} has come everywhere`, () => have === size || lost > 0, timeoutMs)
    if (lost > 0) throw new Error(`${lost} streams were lost`)
  }
}
