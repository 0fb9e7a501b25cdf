/** Streams with Hono's `streamSSE`, which runs everywhere. */
import { streamSSE } from 'hono/streaming'
import type { EventStream } from '../../core/event-stream.ts'
import { type OpenStream, STREAM_HEADERS } from './open-stream.ts'
import { cutOffOf } from './runtime.ts'

/** Opens streams on any runtime, with Hono's `streamSSE`. */
export function portableStream(): OpenStream {
  return (c, run) => {
    const response = streamSSE(c, async (stream) => {
      await untilRead(stream)
      if (!stream.aborted) await run(sliced(stream, cutOffOf(c)))
    })
    // streamSSE sets its own headers on the context as well. Once middleware such as cors has started a
    // response there, they are merged into this one: replace them in both places.
    for (const [name, value] of Object.entries(STREAM_HEADERS)) {
      c.header(name, value)
      response.headers.set(name, value)
    }
    // Hop-by-hop headers of HTTP/1.1. On HTTP/2 they are an error that ends a Node process.
    for (const name of ['Transfer-Encoding', 'Connection']) {
      c.header(name, undefined)
      response.headers.delete(name)
    }
    return response
  }
}

const NO_BYTES = new Uint8Array(0)

/** Resolves when the body is read. Hono's stream accepts one write at once, and a second one when the first was read. */
async function untilRead(stream: EventStream): Promise<void> {
  await stream.write(NO_BYTES)
  await stream.write(NO_BYTES)
}

/** Bytes in one write: with large writes, the progress of a slow reader would not be visible. */
const SLICE_BYTES = 65_536

/** Hono's stream, except that large writes go in slices and `abort` also closes the socket. */
function sliced(stream: EventStream, cutOff: (() => void) | undefined): EventStream {
  let restBytes = 0
  return {
    get aborted() {
      return stream.aborted
    },
    get unsentBytes() {
      return restBytes > 0 ? restBytes : undefined
    },
    write: (bytes) => (bytes.byteLength > SLICE_BYTES ? writeSlices(bytes) : stream.write(bytes)),
    onAbort: (listener) => stream.onAbort(listener),
    abort: () => {
      stream.abort()
      cutOff?.()
    },
  }

  async function writeSlices(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) {
      restBytes = bytes.byteLength - at
      await stream.write(bytes.subarray(at, at + SLICE_BYTES))
    }
    restBytes = 0
  }
}
