/** Handles invalid requests as Node does, but keeps connections that have sent nothing yet, streams, and answers to bodies that end early. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Http2SecureServer } from 'node:http2'
import type { Socket } from 'node:net'

/** The response to what can't be parsed, by error code. https://nodejs.org/docs/latest-v20.x/api/http.html#event-clienterror */
const STATUS_LINES: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
}

/**
 * Browsers and fetch clients open spare connections. Node would send 408 on such a connection when
 * `headersTimeout` ends, and a client that sends its first request at that moment would mistake it for
 * the response. So a connection that has sent nothing stays open as long as an idle one and is then
 * closed without a response. A late request body does not end a stream that has started either, and one that
 * ends early leaves the app to answer: it may have published a part. With TLS, the connection has ended by then.
 * @param idleMs - milliseconds after which it is closed
 */
export function keepConnections(server: Server | Http2SecureServer, idleMs: number): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0) {
      closeLater(socket, idleMs)
      return
    }
    const response = responseOn(socket)
    const hasBegun = response?.headersSent === true
    const isAnswered =
      (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && hasBegun) ||
      (error.code === 'HPE_INVALID_EOF_STATE' &&
        socket.allowHalfOpen &&
        response &&
        breakBody(response, error))
    if (response && isAnswered) {
      closeAfter(response, socket)
      return
    }
    // Everything else is Node's default behaviour.
    if (socket.writable && !hasBegun) {
      const status = STATUS_LINES[error.code ?? ''] ?? '400 Bad Request'
      socket.write(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`)
    }
    socket.destroy(error)
  })
}

function closeLater(socket: Socket, idleMs: number): void {
  const timer = setTimeout(() => {
    if (socket.bytesRead === 0) socket.destroy()
  }, idleMs)
  timer.unref()
  socket.once('close', () => clearTimeout(timer))
}

/**
 * Ends the body of a request with an error for whoever reads it, now or later. The client has ended its half of the
 * connection, and may read on. Returns false if nobody will: the response has begun, or is that of another request.
 */
function breakBody({ req, headersSent }: ServerResponse, error: Error): boolean {
  if (req.complete || (headersSent && !isRead(req))) return false
  const fail = () => isRead(req) && req.emit('error', error)
  req.on('newListener', (name) => name === 'error' && queueMicrotask(fail))
  fail()
  return true
}

/** Whoever reads a body handles its errors. Without a listener, they would end the process. */
function isRead(req: IncomingMessage): boolean {
  return req.listenerCount('error') > 0
}

/**
 * Closes the connection after a response whose request body never arrived. The response itself continues: Node
 * reports a late request only once, so a body that is still missing after the response is not awaited.
 */
function closeAfter(response: ServerResponse, socket: Socket): void {
  response.once('close', () => {
    if (!response.req.complete) socket.destroy()
  })
}

type ServingSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

/** Node keeps the response that a socket is sending in `_httpMessage`, and offers no other way to find it. */
function responseOn({ _httpMessage: response }: ServingSocket): ServerResponse | undefined {
  return response ?? undefined
}
