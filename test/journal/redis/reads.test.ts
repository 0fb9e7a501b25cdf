/** Thousands of clients reconnect at once after an outage: a few read at a time, and each receives everything once, in order. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHub } from '../../../src/hub/hub.ts'
import type { RedisConnection } from '../../../src/journal/redis/connection.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { createReads } from '../../../src/journal/redis/reads.ts'
import { READ } from '../../../src/journal/redis/scripts/index.ts'
import { eventsNamed, publishedData } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { fakeStream } from '../../support/fake-stream.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { openTcpProxy, type TcpProxy } from '../../support/tcp-proxy.ts'

const CLIENTS = 1_000
const AT_ONCE = 64

describe.skipIf(REDIS_IS_MISSING)('when Redis is back', () => {
  let redis: RedisServer
  let proxy: TcpProxy
  beforeAll(async () => {
    redis = await startRedis()
    proxy = await openTcpProxy(redis.port)
  })
  afterAll(async () => {
    await proxy.close()
    await redis.close()
  })

  test(`${CLIENTS} connections catch up, ${AT_ONCE} at a time, each with its own events, once and in order`, async () => {
    let back = () => {}
    const journal = createRedisJournal({
      url: `redis://127.0.0.1:${proxy.port}`,
      observer: { connected: () => back() },
    })
    const hub = createHub({ journal, maxConnections: CLIENTS })
    const other = createHub({ journal: createRedisJournal({ url: redis.url }) })
    await until('both are ready', () => hub.ready && other.ready)
    const streams = Array.from({ length: CLIENTS }, (_, i) => {
      const stream = fakeStream()
      hub.connect({ client: `client-${i}`, stream })
      return stream
    })
    const all = (what: string, isSo: (stream: (typeof streams)[0]) => boolean) =>
      until(what, () => streams.every(isSo))
    await all('all are open', (stream) => eventsNamed(stream, 'hub:ready').length === 1)
    const publish = (data: string) => other.publish('everyone', { data })
    const toEach = (data: string) =>
      Promise.all(streams.map((_, i) => other.publish({ client: `client-${i}` }, { data })))
    await publish('a')
    await all('all have the first', (stream) => publishedData(stream).length === 1)

    proxy.cut()
    await until('the link is lost', () => !hub.ready)
    await publish('b')
    await toEach('c')
    await publish('d')
    back = proxy.hold
    proxy.redirect(redis.port)
    await until('as many read as may', () => readings(proxy) >= AT_ONCE)
    // Events published meanwhile come after everything that was missed.
    await publish('e')
    await toEach('f')
    expect(readings(proxy)).toBe(AT_ONCE)
    proxy.release()
    await publish('g')
    await all('all have the last', (stream) => publishedData(stream).includes('g'))
    for (const stream of streams) {
      expect(publishedData(stream)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
      expect(eventsNamed(stream, 'hub:gap')).toEqual([])
    }
    expect(readings(proxy)).toBeGreaterThanOrEqual(CLIENTS)
    await Promise.all([hub.close(), other.close()])
  }, 60_000)
})

test('no read is made for a client that left before its turn', async () => {
  const answers: (() => void)[] = []
  const connection = { closed: false } as RedisConnection
  const reads = createReads({
    connection: () => connection,
    run: () => new Promise((resolve) => answers.push(() => resolve(['e', 1, '', 1]))),
  })
  const waiting = new Set(Array.from({ length: 5_000 }, (_, i) => i))
  const batches = [...waiting].map((i) => reads.read([], 'e-0', 1, () => waiting.has(i)))
  await until('as many read as may', () => answers.length === AT_ONCE)
  for (let i = 1; i < 5_000; i++) waiting.delete(i)
  const { length } = answers
  for (const answer of answers) answer()
  await Promise.all(batches)
  expect(answers.length).toBe(length)
  const last = reads.read([], 'e-0', 1)
  await until('others are read', () => answers.length > length)
  answers.at(-1)?.()
  expect(await last).toMatchObject({ end: { id: 'e-1' } })
})

/** How many readings were asked for since the proxy was turned. */
function readings({ sent }: TcpProxy): number {
  const name = createHash('sha1').update(READ.text).digest('hex')
  return sent.split(name).length - 1
}
