/** Handles connections that send no valid request, as Node does, but keeps those that have sent nothing yet. */
import type { Server, ServerResponse } from 'node:http'
import type { Http2SecureServer } from 'node:http2'
import type { Socket } from 'node:net'

/** The response to what can't be parsed, by error code. https://nodejs.org/docs/latest-v20.x/api/http.html#event-clienterror */
const STATUS_LINES: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: '413 Payload Too Large',
}

/**
 * Browsers and fetch clients open spare connections. Node would answer such a connection 408 once
 * `headersTimeout` is over, and a client that sends its first request at that moment takes the 408 for
 * the response. So a connection without a first byte is kept as long as an idle one, and then closed
 * without a response.
 * @param idleMs - milliseconds after which it is closed
 */
export function keepUnusedConnections(server: Server | Http2SecureServer, idleMs: number): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0) {
      closeLater(socket, idleMs)
      return
    }
    // Everything else is Node's default behaviour.
    if (socket.writable && !hasBegunResponse(socket)) {
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

/** Node keeps the response that a socket is sending in `_httpMessage`, and offers no other way to find it. */
function hasBegunResponse(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent === true
}
