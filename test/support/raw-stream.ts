/** A raw client: it sees the exact response, stops reading, and disconnects with FIN or RST. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { until } from './eventually.ts'

/** A socket on which one GET was sent. */
export interface RawStream {
  /** The head of the response, with its empty line. */
  readonly head: string
  /** The body so far, without the frames of chunked encoding. */
  readonly body: string
  /** The last id received. */
  readonly lastId: string | undefined
  /** The port of this end. */
  readonly port: number
  readonly closed: boolean
  /** Waits until the body contains something. */
  contains(part: string, timeoutMs?: number): Promise<void>
  /** Reads no more, so that the buffers between fill up. */
  stall(): void
  /** Closes the socket with FIN or RST; or sends FIN and goes on reading. */
  leave(how: 'fin' | 'rst' | 'half-close'): void
}

/** Opens a socket and asks for a path. */
export async function openRaw(url: string, path: string): Promise<RawStream> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let text = ''
  let closed = false
  // One character for each byte, as the sizes of chunks count bytes.
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
  })
  socket.on('error', () => {})
  socket.on('close', () => {
    closed = true
  })
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`)
  await until('a socket is connected', () => socket.localPort !== undefined && !socket.connecting)
  const localPort = socket.localPort ?? 0
  return {
    get head() {
      return headOf(text)
    },
    get body() {
      return bodyOf(text)
    },
    get lastId() {
      return [...bodyOf(text).matchAll(/^id: (\S+)$/gm)].at(-1)?.[1]
    },
    port: localPort,
    get closed() {
      return closed
    },
    contains: (part, timeoutMs) => until(part, () => bodyOf(text).includes(part), timeoutMs),
    stall: () => void socket.pause(),
    leave,
  }

  function leave(how: 'fin' | 'rst' | 'half-close'): void {
    if (how === 'fin') socket.destroy()
    else if (how === 'rst') socket.resetAndDestroy()
    else socket.end()
  }
}

function headOf(text: string): string {
  const end = text.indexOf('\r\n\r\n')
  return end < 0 ? '' : text.slice(0, end + 4)
}

function bodyOf(text: string): string {
  const head = headOf(text)
  const rest = text.slice(head.length)
  return /\r\ntransfer-encoding: chunked\r\n/i.test(head) ? unchunked(rest) : rest
}

/** The content of all chunks that are there in full. */
function unchunked(text: string): string {
  let content = ''
  for (let at = 0; at < text.length; ) {
    const line = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, line), 16)
    if (line < 0 || size === 0 || line + 2 + size > text.length) break
    content += text.slice(line + 2, line + 2 + size)
    at = line + 2 + size + 2
  }
  return content
}

/** Whether the server still holds its end of a socket, as Linux sees it. */
export function isEstablished(serverUrl: string, clientPort: number): boolean {
  const serverPort = Number(new URL(serverUrl).port)
  const ends = `:${hex(serverPort)} 0100007F:${hex(clientPort)} 01 `
  return readFileSync('/proc/net/tcp', 'utf8').includes(ends)
}

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0')
}
