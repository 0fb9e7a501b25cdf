/** The contract of an opener, and the headers of every stream. */
import type { Context } from 'hono'
import type { EventStream } from '../../core/event-stream.ts'

/**
 * Feeds a stream, and ends it if it has the method `end`. Otherwise, its opener ends it when the promise resolves.
 * In both cases, it aborts the stream when the promise rejects. There is no promise if all is done.
 */
export type Run = (stream: EventStream) => Promise<void> | undefined

/**
 * Opens a stream: creates the Response, calls `run` once with the stream when the body is read for the
 * first time, and closes it as {@link Run} requires. A body that nobody reads, because
 * middleware threw or replaced the response, MUST NOT call `run`: the hub would keep a connection. The
 * headers set on the context MUST reach the client, including those that middleware sets after the
 * handler.
 */
export type OpenStream = (c: Context, run: Run) => Response

/** The headers of a stream. */
export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  // no-transform: a proxy that compresses would delay the events.
  'Cache-Control': 'private, no-cache, no-store, no-transform',
  // Forward each event at once. RFC 10036, and what nginx reads.
  Incremental: '?1',
  'X-Accel-Buffering': 'no',
}
