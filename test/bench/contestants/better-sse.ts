/** better-sse on `node:http`: sessions in a channel, as its documentation shows. */
import { createServer } from 'node:http'
import { createChannel, createSession, type Session } from 'better-sse'
import { bodyOf } from './body.ts'

const everyone = createChannel()
const clients = new Map<string, Session>()

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (request.method === 'GET') {
    const id = url.searchParams.get('id') ?? ''
    const session = await createSession(request, response, { keepAlive: null })
    everyone.register(session)
    clients.set(id, session)
    session.once('disconnected', () => clients.delete(id))
    return
  }
  const data = await bodyOf(request)
  if (url.pathname === '/broadcast') everyone.broadcast(data)
  else clients.get(url.pathname.slice('/clients/'.length))?.push(data)
  response.end('ok')
})
server.listen(Number(process.env.PORT), '127.0.0.1')
