/** What `node:http` itself costs: one `socket.write()` each of a frame that is chunk-encoded once. */
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { bodyOf } from './body.ts'

const HEAD = { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' }
const sockets = new Set<Socket>()
const clients = new Map<string, Socket>()

const server = createServer(async (request, response) => {
  const { url = '' } = request
  if (request.method === 'GET') {
    const { socket } = request
    response.writeHead(200, HEAD).flushHeaders()
    socket.write(chunk('retry: 2000\n\n'))
    sockets.add(socket)
    clients.set(url.slice('/sse?id='.length), socket)
    socket.once('close', () => sockets.delete(socket))
    return
  }
  const bytes = chunk(`data: ${await bodyOf(request)}\n\n`)
  if (url === '/broadcast') for (const socket of sockets) socket.write(bytes)
  else clients.get(url.slice('/clients/'.length))?.write(bytes)
  response.end('ok')
})
server.listen(Number(process.env.PORT), '127.0.0.1')

function chunk(frame: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(frame).toString(16)}\r\n${frame}\r\n`)
}
