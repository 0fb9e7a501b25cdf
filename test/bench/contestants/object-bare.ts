/** What a stream through a Durable Object costs, with nothing around it. */

interface Env {
  readonly HUB: {
    idFromName(name: string): unknown
    get(id: unknown): { fetch(request: Request): Promise<Response> }
  }
}

const encoder = new TextEncoder()
const first = encoder.encode('retry: 2000\nevent: hub:ready\ndata: {}\n\n')

/** Holds the streams. */
export class Hub {
  readonly #streams = new Set<ReadableStreamDefaultController<Uint8Array>>()

  async fetch(request: Request): Promise<Response> {
    if (request.method === 'POST') {
      const frame = encoder.encode(`data: ${await request.text()}\n\n`)
      for (const stream of this.#streams) stream.enqueue(frame)
      return Response.json({ connections: this.#streams.size })
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#streams.add(controller)
        controller.enqueue(first)
      },
    })
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  }
}

// The platform asks for a default export.
export default {
  fetch: (request: Request, { HUB }: Env): Promise<Response> =>
    HUB.get(HUB.idFromName('all')).fetch(request),
}
