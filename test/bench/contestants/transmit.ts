/** @boringnode/transmit on `node:http`: a stream for each client, subscribed to its channels. */
import { createServer } from 'node:http'
import { Transmit } from '@boringnode/transmit'
import { bodyOf } from './body.ts'

const transmit = new Transmit<undefined>({ pingInterval: false, transport: null })

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '/', 'http://127.0.0.1')
  if (request.method === 'GET') {
    const uid = url.searchParams.get('id') ?? ''
    transmit.createStream({
      uid,
      context: undefined,
      request,
      response,
      injectResponseHeaders: response.getHeaders(),
    })
    await transmit.subscribe({ uid, channel: 'everyone', context: undefined })
    await transmit.subscribe({ uid, channel: `clients/${uid}`, context: undefined })
    return
  }
  const data = await bodyOf(request)
  if (url.pathname === '/broadcast') transmit.broadcast('everyone', data)
  else transmit.broadcast(url.pathname.slice(1), data)
  response.end('ok')
})
server.listen(Number(process.env.PORT), '127.0.0.1')
