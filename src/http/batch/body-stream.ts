/** The body of a request as a stream, also where the host has read it already. */
import type { Context } from 'hono'

/** Returns the body; an empty stream if there is none. */
export async function bodyStream(c: Context): Promise<ReadableStream<Uint8Array>> {
  const { raw } = c.req
  const body = raw.bodyUsed ? new Response(await c.req.arrayBuffer()).body : raw.body
  return body ?? new ReadableStream({ start: (controller) => controller.close() })
}
