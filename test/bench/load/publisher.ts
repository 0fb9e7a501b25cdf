/** Publishers: keep-alive connections that send one request after another. */
import type { Job } from '../job.ts'
import { connect, type Socket, within } from './sockets.ts'

const ANSWER_MS = 20_000

interface Caller {
  /** The part of the response received so far. */
  text: string
  over: boolean
  settle: ((text: string) => void) | undefined
  fail: ((error: Error) => void) | undefined
}

/** Sends requests, at most one per connection at a time. */
export interface Publisher {
  /** Publishes text on connection `lane`; resolves with the body of the response. */
  post(path: string, body: string, lane?: number): Promise<string>
  /** Publishes an event as JSON, or in the envelope that the contestant requires. */
  postJson(path: string, data: string, lane?: number): Promise<string>
  get(path: string, lane?: number): Promise<string>
  leave(): void
}

/** Connects publishers. */
export async function createPublisher(
  { port, protocol }: Pick<Job, 'port' | 'protocol'>,
  lanes: number,
): Promise<Publisher> {
  const { envelope } = protocol
  const handlers = {
    open: () => {},
    data: receive,
    close: ({ data }: Socket<Caller>) => {
      data.over = true
      data.fail?.(new Error('the publisher was cut off'))
    },
    error: (socket: Socket<Caller>, error: Error) => socket.data.fail?.(error),
  }
  const sockets = await Promise.all(
    Array.from({ length: lanes }, () => {
      const caller: Caller = { text: '', over: false, settle: undefined, fail: undefined }
      return connect(port, caller, handlers)
    }),
  )
  const host = `Host: 127.0.0.1:${port}`
  return { post, postJson, get, leave }

  function post(path: string, data: string, lane = 0): Promise<string> {
    return send(wrapped(path, data) ?? request(path, 'Content-Type: text/plain\r\n', data), lane)
  }

  function postJson(path: string, data: string, lane = 0): Promise<string> {
    const type = 'Content-Type: application/json\r\n'
    return send(wrapped(path, data) ?? request(path, type, JSON.stringify({ data })), lane)
  }

  function wrapped(path: string, data: string): string | undefined {
    if (!envelope) return undefined
    const to = /[?&]to=(.*)/.exec(path)?.[1] ?? ''
    const body = envelope.body.replace('{to}', to).replace('{data}', data)
    return request(path, envelope.headers, body)
  }

  function request(path: string, headers: string, body: string): string {
    return `POST ${path} HTTP/1.1\r\n${host}\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`
  }

  function get(path: string, lane = 0): Promise<string> {
    return send(`GET ${path} HTTP/1.1\r\n${host}\r\n\r\n`, lane)
  }

  function send(request: string, lane: number): Promise<string> {
    const socket = sockets[lane % sockets.length]
    if (!socket || socket.data.over) throw new Error('the publisher was cut off')
    const answer = new Promise<string>((settle, fail) => {
      Object.assign(socket.data, { text: '', settle, fail })
    })
    socket.write(request)
    return within(ANSWER_MS, 'an answer', answer)
  }

  function leave(): void {
    for (const socket of sockets) {
      socket.data.fail = undefined
      socket.terminate()
    }
  }
}

function receive({ data: caller }: Socket<Caller>, bytes: Uint8Array): void {
  const { buffer, byteOffset, byteLength } = bytes
  caller.text += Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
  const end = caller.text.indexOf('\r\n\r\n')
  if (end === -1 || !isWhole(caller.text, end)) return
  const { text, settle, fail } = caller
  caller.settle = undefined
  caller.fail = undefined
  if (/^HTTP\/1\.1 2\d\d/.test(text)) settle?.(text.slice(end + 4))
  else fail?.(new Error(text.slice(0, 300)))
}

function isWhole(text: string, end: number): boolean {
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(text) ?? []
  if (length !== undefined) return text.length >= end + 4 + Number(length)
  return text.endsWith('0\r\n\r\n') || /^HTTP\/1\.1 204/.test(text)
}
