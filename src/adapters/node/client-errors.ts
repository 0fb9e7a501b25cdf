/** Handles invalid requests as Node does, but keeps open connections that have sent nothing yet, and streams. */
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
 * Browsers and fetch clients open spare connections. Node would send 408 on such a connection when
 * `headersTimeout` ends, and a client that sends its first request at that moment would mistake it for
 * the response. So a connection that has sent nothing stays open as long as an idle one and is then
 * closed without a response. A late request body does not end a stream that has started either.
 * @param idleMs - milliseconds after which it is closed
 */
export function keepConnections(server: Server | Http2SecureServer, idleMs: number): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0) {
      closeLater(socket, idleMs)
      return
    }
    const response = begunResponse(socket)
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && response) {
      closeAfter(response, socket)
      return
    }
    // Everything else is Node's default behaviour.
    if (socket.writable && !response) {
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
 * Closes the connection after a stream whose request body never arrived. The stream itself continues: Node
 * reports a late request only once, so a body that is still missing after the response is not awaited.
 */
function closeAfter(response: ServerResponse, socket: Socket): void {
  response.once('close', () => {
    if (!response.req.complete) socket.destroy()
  })
}

type ServingSocket = Socket & { readonly _httpMessage?: ServerResponse | null }

/** Node keeps the response that a socket is sending in `_httpMessage`, and offers no other way to find it. */
function begunResponse({ _httpMessage: response }: ServingSocket): ServerResponse | undefined {
  return response?.headersSent ? response : undefined
}
