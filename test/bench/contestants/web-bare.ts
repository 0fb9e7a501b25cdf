/** The cost of Web streams on Bun and Deno: one `enqueue()` per stream of a frame encoded once. */

interface Server {
  serve(options: object, handler?: (request: Request) => Promise<Response>): unknown
}

declare const Bun: Server | undefined
declare const Deno: Server | undefined

const port = Number(process.env.PORT)
const hostname = '127.0.0.1'
const headers = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' }
const encoder = new TextEncoder()
const streams = new Set<ReadableStreamDefaultController<Uint8Array>>()

async function fetch(request: Request): Promise<Response> {
  if (request.method === 'GET') return new Response(stream(), { headers })
  const bytes = encoder.encode(`data: ${await request.text()}\n\n`)
  for (const controller of streams) controller.enqueue(bytes)
  return new Response('ok')
}

function stream(): ReadableStream {
  let own: ReadableStreamDefaultController<Uint8Array>
  return new ReadableStream<Uint8Array>({
    start(controller) {
      own = controller
      controller.enqueue(encoder.encode('retry: 2000\n\n'))
      streams.add(controller)
    },
    cancel: () => void streams.delete(own),
  })
}

if (typeof Bun !== 'undefined') Bun.serve({ port, hostname, idleTimeout: 0, fetch })
else if (typeof Deno !== 'undefined') Deno.serve({ port, hostname, onListen: () => {} }, fetch)
