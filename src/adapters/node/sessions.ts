/** The sessions of an HTTP/2 server: their timeouts, which Node does not have, and their end. */
import { constants, type Http2SecureServer, type ServerHttp2Session } from 'node:http2'

/** In milliseconds. */
export interface SessionTimeouts {
  /** For the handshake of HTTP/2. */
  readonly headersTimeout: number
  /** For a request with its body. */
  readonly requestTimeout: number
  /** For a session without requests. */
  readonly keepAliveTimeout: number
}

/**
 * Closes sessions that are slow or idle. Returns a function that asks all clients to open no more streams:
 * each session closes with the last one. Node 20 would wait for idle clients instead.
 */
export function followSessions(server: Http2SecureServer, timeouts: SessionTimeouts): () => void {
  const sessions = new Set<ServerHttp2Session>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
    limit(session, timeouts)
  })
  return () => {
    for (const session of sessions) session.close()
  }
}

function limit(session: ServerHttp2Session, timeouts: SessionTimeouts): void {
  const open = new Set<object>()
  let timer = setTimeout(() => session.close(), timeouts.keepAliveTimeout)
  // The first SETTINGS frame completes the handshake.
  const handshake = setTimeout(() => session.destroy(), timeouts.headersTimeout)
  session.once('remoteSettings', () => clearTimeout(handshake))
  session.on('stream', (stream) => {
    clearTimeout(timer)
    open.add(stream)
    const requestTimer = setTimeout(() => {
      if (stream.readableEnded) return
      // A response that has started continues, but a body that is still missing after it is not awaited.
      if (stream.headersSent && !stream.writableEnded) requestTimer.refresh()
      else stream.close(constants.NGHTTP2_CANCEL)
    }, timeouts.requestTimeout)
    if (stream.endAfterHeaders) clearTimeout(requestTimer)
    stream.once('close', () => {
      clearTimeout(requestTimer)
      open.delete(stream)
      if (open.size > 0) return
      clearTimeout(timer)
      timer = setTimeout(() => session.close(), timeouts.keepAliveTimeout)
    })
  })
  session.once('close', () => {
    clearTimeout(handshake)
    clearTimeout(timer)
  })
}
