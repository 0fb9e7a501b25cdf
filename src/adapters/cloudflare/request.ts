/** Helpers for requests to shards: they add the number of shards, and copy or discard bodies. */
import { readBody } from '../../core/read-body.ts'
import { asPiped } from '../../http/batch/publisher.ts'
import { PERMIT_HEADER } from './remote-calls.ts'
import { isLines, shardRoute } from './routes.ts'

/**
 * The number of shards that the sender of a request is configured with. A deployment does not reach all
 * Workers and objects at once: a shard configured with another number would accept events for clients
 * that are connected elsewhere.
 */
const COUNT_HEADER = 'Hub-Shards'

/** Says that the lines of a request are the events of one stream, on which the first shard decides. */
const PIPED_HEADER = 'Hub-Piped'

/** What only the Worker may say of a request. */
export interface ShardRequest {
  /** The name of a permit that the shard has stored. @defaultValue none */
  readonly permit?: string | undefined
  /** Whether its lines are the events of one stream, on which the first shard decides. @defaultValue `false` */
  readonly isPiped?: boolean | undefined
}

/** A copy of a request that carries this number of shards, and what else the Worker says, whatever its client claims. */
export function withShardCount(
  request: Request,
  count: number,
  { permit, isPiped = false }: ShardRequest = {},
): Request {
  const headers = new Headers(request.headers)
  headers.set(COUNT_HEADER, `${count}`)
  headers.delete(PERMIT_HEADER)
  headers.delete(PIPED_HEADER)
  if (permit !== undefined) headers.set(PERMIT_HEADER, permit)
  if (isPiped) headers.set(PIPED_HEADER, '1')
  return new Request(request, { headers })
}

/**
 * Whether the first shard counts the events of a request, before this one receives them: otherwise some shards could
 * refuse an event that others have published. A batch goes to all at once, so that the order of its events is kept.
 */
export function isCountedByFirst(shard: number, request: Request): boolean {
  if (shard === 0 || shardRoute(request).to !== 'publish') return false
  return !isLines(request) || request.headers.has(PIPED_HEADER)
}

/** A request as the app of a shard reads it. It MUST come from {@link withShardCount}, which removes what others claim. */
export function receive(request: Request): Request {
  return request.headers.has(PIPED_HEADER) ? asPiped(request) : request
}

/** The number of shards that a request carries; 1 if it comes from a Worker that does not set it. */
export function shardCountOf({ headers }: Request): number {
  return Number(headers.get(COUNT_HEADER) ?? 1)
}

/** A copy of a request with this body, or without one. @param id - its `X-Request-Id`; by default that of the request */
export function cloneRequest(
  request: Request,
  body: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null,
  id?: string | null,
): Request {
  const headers = new Headers(request.headers)
  if (id) headers.set('X-Request-Id', id)
  headers.delete('Content-Length')
  const { method } = request
  return body instanceof ReadableStream
    ? withStream(new Request(request.url, { method, headers }), body)
    : new Request(request.url, { method, headers, body })
}

/** A copy of a request with this body, which is sent as it comes. */
export function withStream(request: Request, body: ReadableStream<Uint8Array>): Request {
  // Node requires `duplex`, which the types lack.
  const init: RequestInit & { readonly duplex: 'half' } = { body, duplex: 'half' }
  return new Request(request, init)
}

/** The maximum number of bytes of JSON per byte of data, and of further bytes in the body of a publish. */
const JSON_BYTES_PER_BYTE = 6
const BODY_OVERHEAD_BYTES = 8_192

/** Bytes of a body with one event that the router reads before it sends it on: more than any shard accepts. */
export function maxBodyBytes(maxEventBytes: number): number {
  return maxEventBytes * JSON_BYTES_PER_BYTE + BODY_OVERHEAD_BYTES
}

/** Thrown when the body of a request breaks off: that is no failure of a shard, though workerd marks it as it does those. */
export class BrokenBodyError extends Error {
  override readonly name: string = 'BrokenBodyError'
}

/** Reads the body of a request up to a size limit. @throws {BrokenBodyError} @see readBody */
export async function bodyOf(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readBody(request, maxBytes)
  } catch (error) {
    throw new BrokenBodyError('the body of a request ended early', { cause: error })
  }
}

/** A body is discarded up to this size and for this long: more than any event needs, and still cheap. */
const MAX_DISCARDED_BYTES = 4_194_304
const MAX_DISCARD_MS = 5_000

/** Milliseconds that a response waits for the rest of a request body that was not read. */
const DISCARD_WAIT_MS = 500

/** Discards a body that was not read, for half a second before its response: workerd cuts the connection if it is sent earlier. */
export async function discardForResponse(
  body: ReadableStream<Uint8Array>,
  ctx: { waitUntil(promise: Promise<unknown>): void },
): Promise<void> {
  const discarded = discardBody(body)
  ctx.waitUntil(discarded)
  await Promise.race([discarded, new Promise((resolve) => setTimeout(resolve, DISCARD_WAIT_MS))])
}

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
