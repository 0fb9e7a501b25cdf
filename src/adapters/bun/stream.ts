/** Streams on Bun: a `ReadableStream`, and Bun's own timer for who no longer reads. */
import type { Context } from 'hono'
import type { OpenStream } from '../../http/stream.ts'
import { webStream } from '../../http/web-stream.ts'

/** The part of Bun's server that streams need; `Bun.serve` hands it to the fetch of an app. */
export interface BunBindings {
  /** Seconds of quiet after which the request's connection is closed. */
  timeout(request: Request, seconds: number): void
}

/**
 * The opener for an app that `Bun.serve` calls as it is: `Bun.serve({ fetch: app.fetch, idleTimeout: 0 })`.
 * Any other `idleTimeout` would cut quiet streams.
 */
export function bunStream(): OpenStream {
  return webStream(requestCutOff)
}

/** One second is the least: the socket of a client that reads nothing is gone some seconds later. */
export function requestCutOff({ env, req: { raw } }: Pick<Context, 'env' | 'req'>): () => void {
  return () => (env as BunBindings).timeout(raw, 1)
}
