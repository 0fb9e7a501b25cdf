/** The least two instances must do: a POST becomes a bare PUBLISH, sent on to all streams. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createServer, type ServerResponse } from 'node:http'
import { createClient } from '@redis/client'

const PORT = Number(process.env.PORT)
const REDIS_PORT = String(PORT + 2)
const PINGS = 500

const redis: ChildProcess = spawn(
  'redis-server',
  ['--port', REDIS_PORT, '--bind', '127.0.0.1', '--save', ''],
  { stdio: 'ignore' },
)
process.once('SIGTERM', () => {
  redis.kill('SIGKILL')
  process.exit()
})

const commands = createClient({ url: `redis://127.0.0.1:${REDIS_PORT}` })
const subscriber = commands.duplicate()
// Until it listens, a client tries again.
for (const client of [commands, subscriber]) await client.on('error', () => {}).connect()
const streams = new Set<ServerResponse>()
await subscriber.subscribe('events', (data) => {
  for (const stream of streams) stream.write(`data: ${data}\n\n`)
})

createServer(async (request, response) => {
  if (request.url === '/rtt') {
    response.end(String(await roundTripMs()))
  } else if (request.method === 'GET') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(':\n\n')
    streams.add(response)
    response.once('close', () => streams.delete(response))
  } else {
    let data = ''
    for await (const part of request.setEncoding('utf8')) data += part
    await commands.publish('events', data)
    response.end('{}')
  }
}).listen(PORT, '127.0.0.1')

/** The median of PINGs one after another. */
async function roundTripMs(): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < PINGS; i++) {
    const start = performance.now()
    await commands.ping()
    times.push(performance.now() - start)
  }
  return times.sort((a, b) => a - b)[PINGS / 2] ?? 0
}
