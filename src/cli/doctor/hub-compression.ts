/** Recognizes streams that the hub itself compresses, which delays nothing, among those that a proxy may compress. */
import { GZIP_HEADER } from '../../compression/gzip.ts'

/** Bytes that streams of the web accept. */
type Bytes = Uint8Array<ArrayBuffer>

type Reader = ReadableStreamDefaultReader<Bytes>

/**
 * Returns the response with its stream decompressed. If it was not the hub that compressed it, or its
 * start does not arrive within `ms` milliseconds, cancels it and returns undefined.
 */
export async function decompressed(response: Response, ms: number): Promise<Response | undefined> {
  const reader = (response.body as ReadableStream<Bytes>).getReader()
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), ms)
  const start = await readStart(reader)
  clearTimeout(timer)
  if (!GZIP_HEADER.every((byte, at) => start[at] === byte)) {
    await reader.cancel().catch(() => {})
    return undefined
  }
  return new Response(whole(start, reader).pipeThrough(new DecompressionStream('gzip')))
}

/** Reads until the header of the format is complete, or the stream ends. */
async function readStart(reader: Reader): Promise<Bytes> {
  let start = new Uint8Array(0)
  while (start.byteLength < GZIP_HEADER.byteLength) {
    const { done, value } = await reader.read()
    if (done) break
    start = new Uint8Array(Buffer.concat([start, value]))
  }
  return start
}

/** The stream from its start on. */
function whole(start: Bytes, reader: Reader): ReadableStream<Bytes> {
  return new ReadableStream({
    start: (controller) => controller.enqueue(start),
    pull: async (controller) => {
      const { done, value } = await reader.read()
      if (done) controller.close()
      else controller.enqueue(value)
    },
    cancel: () => reader.cancel(),
  })
}
