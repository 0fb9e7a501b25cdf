/** Helpers for requests to shards: they add the number of shards, and copy or discard bodies. */
import { PERMIT_HEADER } from './remote-calls.ts'

/**
 * The number of shards that the sender of a request is configured with. A deployment does not reach all
 * Workers and objects at once: a shard configured with another number would accept events for clients
 * that are connected elsewhere.
 */
const COUNT_HEADER = 'Hub-Shards'

/**
 * A copy of a request that carries this number of shards, whatever its client claims.
 * @param permit - the name of a permit that the shard has stored; without one, it carries none
 */
export function withShardCount(request: Request, count: number, permit?: string): Request {
  const headers = new Headers(request.headers)
  headers.set(COUNT_HEADER, `${count}`)
  headers.delete(PERMIT_HEADER)
  if (permit !== undefined) headers.set(PERMIT_HEADER, permit)
  return new Request(request, { headers })
}

/** The number of shards that a request carries; 1 if it comes from a Worker that does not set it. */
export function shardCountOf({ headers }: Request): number {
  return Number(headers.get(COUNT_HEADER) ?? 1)
}

/** A copy of a request with this body, or without one. @param id - its `X-Request-Id`; by default that of the request */
export function cloneRequest(
  request: Request,
  body: Uint8Array<ArrayBuffer> | null,
  id?: string | null,
): Request {
  const headers = new Headers(request.headers)
  if (id) headers.set('X-Request-Id', id)
  headers.delete('Content-Length')
  return new Request(request.url, { method: request.method, headers, body })
}

/** A body is discarded up to this size and for this long: more than any event needs, and still cheap. */
const MAX_DISCARDED_BYTES = 4_194_304
const MAX_DISCARD_MS = 5_000

/** Reads a body to its end and drops it; stops early if the body is too long or too slow, or its client leaves. */
export async function discardBody(body: ReadableStream<Uint8Array>): Promise<void> {
  const reader = body.getReader()
  const timer = setTimeout(() => reader.cancel().catch(() => {}), MAX_DISCARD_MS)
  try {
    for (let bytes = 0; bytes < MAX_DISCARDED_BYTES; ) {
      const { done, value } = await reader.read()
      if (done) break
      bytes += value.byteLength
    }
  } catch {
    // The client has left: there is nothing more to discard, and the response must not become an error.
  } finally {
    clearTimeout(timer)
  }
}
