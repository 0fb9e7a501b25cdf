/** Streams on Bun: a `ReadableStream`, and Bun's timeout to drop a client that no longer reads. */
import type { Context } from 'hono'
import type { OpenStream } from '../../http/stream.ts'
import { webStream } from '../../http/web-stream.ts'

/** The part of Bun's server that streams need. `Bun.serve` passes it to the fetch of an app. */
export interface BunBindings {
  /** Sets the number of idle seconds after which the connection of a request is closed. */
  timeout(request: Request, seconds: number): void
}

/**
 * Creates the opener for an app that is passed to Bun directly: `Bun.serve({ fetch: app.fetch, idleTimeout: 0 })`.
 * Any other `idleTimeout` would close idle streams.
 */
export function bunStream(): OpenStream {
  return webStream(requestCutOff)
}

/**
 * Creates a function that drops the client of a request. The minimum timeout is one second: the socket
 * of a client that reads nothing is closed a few seconds later.
 */
export function requestCutOff({ env, req: { raw } }: Pick<Context, 'env' | 'req'>): () => void {
  return () => (env as BunBindings).timeout(raw, 1)
}
