/** Who is online in a cluster, when its instances die or are cut off. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { until } from '../../support/eventually.ts'
import { type Server, startServer } from '../../support/process.ts'
import { type Reader, readEvents } from '../../support/reader.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { openTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'

// A dead instance is noticed after fifteen seconds.
vi.setConfig({ testTimeout: 90_000 })

const COMMAND = { file: process.execPath, args: ['test/system/cluster/online-hub.mjs'] }
const NOTICED_MS = 90_000

describe.skipIf(REDIS_IS_MISSING)('with three instances on one Redis', () => {
  let redis: RedisServer
  let proxy: TcpProxy
  const servers: Server[] = []
  const streams: Reader[] = []
  beforeAll(async () => {
    redis = await startRedis()
    proxy = await openTcpProxy(redis.port)
  })
  afterEach(async () => {
    for (const stream of streams.splice(0)) await stream.close()
    for (const server of servers.splice(0)) await server.kill()
    await redis.command('FLUSHALL')
  })
  afterAll(async () => {
    await proxy.close()
    await redis.close()
  })

  async function start(url = redis.url): Promise<Server> {
    const server = await startServer(COMMAND, { REDIS_URL: url })
    servers.push(server)
    await until('it reaches Redis', async () => (await fetch(`${server.url}/readyz`)).ok)
    return server
  }

  async function connect({ url }: Server, client: string): Promise<Reader> {
    const stream = readEvents(await fetch(`${url}/sse?id=${client}`))
    await stream.next(({ event }) => event === 'hub:ready')
    streams.push(stream)
    return stream
  }

  const said = (server: Server) => server.lines.filter((line) => !line.startsWith('{'))
  const says = (server: Server, text: string) =>
    until(text, () => said(server).includes(text), NOTICED_MS)

  test('clients of one that is killed go offline within 30 s, unless they connect to another', async () => {
    const [killed, other, cut] = [
      await start(),
      await start(),
      await start(`redis://127.0.0.1:${proxy.port}`),
    ]
    for (const client of ['alice', 'bob']) await connect(killed, client)
    await connect(cut, 'carol')
    await says(killed, 'bob online')
    await says(cut, 'carol online')
    await killed.kill()
    proxy.cut()
    await connect(other, 'bob')
    await Promise.all([says(other, 'alice offline'), says(other, 'carol offline')])
    expect(said(other).sort()).toEqual(['alice offline', 'carol offline'])
    expect(said(killed).sort()).toEqual(['alice online', 'bob online'])
    // The one that was cut off still has its connection.
    proxy.redirect(redis.port)
    await until('carol is online again', () => said(cut).length > 1)
    expect(said(cut)).toEqual(['carol online', 'carol online'])
  })

  test('a rolling restart sends nobody offline who comes back, and the last stop everybody', async () => {
    const first = await start()
    const stream = await connect(first, 'alice')
    await says(first, 'alice online')
    const second = await start()
    first.signal('SIGTERM')
    await stream.end()
    await connect(second, 'alice')
    expect(await first.exit).toBe(0)
    expect(said(first)).toEqual(['alice online'])
    second.signal('SIGTERM')
    expect(await second.exit).toBe(0)
    expect(said(second)).toEqual(['alice offline'])
  })
})
