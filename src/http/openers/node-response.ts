/** Node’s responses, as far as streams use them: described here, so that this code loads on every runtime. */
import type { Outlet } from './slicer.ts'

/** A socket of Node. */
export interface NodeSocket extends Outlet {
  /** True for TLS. */
  readonly encrypted?: boolean
  /** Missing on servers that imitate Node's, as is `uncork`. */
  cork?(): void
  uncork?(): void
  destroy(): void
  /** Missing on servers that imitate Node's. */
  resetAndDestroy?(): void
}

/** A stream of Node’s HTTP/2. */
export interface NodeHttp2Stream extends Outlet {
  close(code: number): void
}

/** `http.ServerResponse` or `http2.Http2ServerResponse`. */
export interface NodeResponse extends Outlet {
  /** With HTTP/2 only. */
  readonly stream?: NodeHttp2Stream
  /** Null while a pipelined request waits for the responses before it. */
  readonly socket: NodeSocket | null
  readonly headersSent: boolean
  readonly writableEnded: boolean
  /** With HTTP/1 only, once the headers are sent. */
  readonly chunkedEncoding?: boolean
  writeHead(status: number, headers?: Readonly<Record<string, string | string[]>>): unknown
  setHeader(name: string, value: string): unknown
  flushHeaders?(): void
  end(): unknown
  on(event: 'close', listener: () => void): unknown
  once(event: 'socket' | 'drain', listener: () => void): unknown
}

/** https://www.rfc-editor.org/rfc/rfc9113#section-7 */
const CANCEL = 8

/** Aborts a response and drops its unsent data. Closes the socket, or only the stream with HTTP/2. */
export function cutOffResponse({ stream, socket }: NodeResponse): void {
  if (stream) stream.close(CANCEL)
  // A reset also drops the data in the kernel's buffer. It works with plain TCP only, not with TLS.
  else if (socket?.encrypted || !socket?.resetAndDestroy) socket?.destroy()
  else socket.resetAndDestroy()
}
