/** Thousands of clients reconnect at once after an outage: a few read at a time, and each receives everything once, in order. */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHub } from '../../../src/hub/hub.ts'
import type { RedisConnection } from '../../../src/journal/redis/connection.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { createReads } from '../../../src/journal/redis/reads.ts'
import { READ, READ_EACH } from '../../../src/journal/redis/scripts/read.ts'
import type { Script } from '../../../src/journal/redis/scripts/script.ts'
import { eventsNamed, publishedData } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { fakeStream } from '../../support/fake-stream.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { newPrefix } from '../../support/redis-journals.ts'
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

  test(`what ${CLIENTS} connections missed is read once, and each receives its own, once and in order`, async () => {
    const { streams, missThenReturn, close } = await open()
    await missThenReturn('c', async () => {
      expect(calls(proxy, READ_EACH)).toBe(1)
    })
    for (const stream of streams) {
      expect(publishedData(stream)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
      expect(eventsNamed(stream, 'hub:gap')).toEqual([])
    }
    expect([calls(proxy, READ_EACH), calls(proxy, READ)]).toEqual([1, 0])
    await close()
  })

  test(`connections that missed more than is shared catch up ${AT_ONCE} at a time, each with its own events, once and in order`, async () => {
    const { streams, missThenReturn, close } = await open()
    const long = 'c'.repeat(2_000)
    await missThenReturn(long, async () => {
      await until('as many read as may', () => calls(proxy, READ) >= AT_ONCE)
    })
    for (const stream of streams) {
      expect(publishedData(stream)).toEqual(['a', 'b', long, 'd', 'e', 'f', 'g'])
      expect(eventsNamed(stream, 'hub:gap')).toEqual([])
    }
    // A part was within the bytes that are shared.
    const own = CLIENTS - Math.floor(1_048_576 / long.length)
    expect(calls(proxy, READ)).toBeGreaterThanOrEqual(own)
    expect(calls(proxy, READ)).toBeLessThan(CLIENTS)
    await close()
  })

  /** A hub with many clients that loses Redis, and another one that publishes meanwhile. */
  async function open() {
    let onConnected = () => {}
    const prefix = newPrefix()
    const journal = createRedisJournal({
      url: `redis://127.0.0.1:${proxy.port}`,
      prefix,
      observer: { connected: () => onConnected() },
    })
    const hub = createHub({ journal, maxConnections: CLIENTS })
    const other = createHub({ journal: createRedisJournal({ url: redis.url, prefix }) })
    proxy.redirect(redis.port)
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
    return { streams, missThenReturn, close: () => Promise.all([hub.close(), other.close()]) }

    async function missThenReturn(data: string, whileHeld: () => Promise<void>): Promise<void> {
      proxy.cut()
      await until('the link is lost', () => !hub.ready)
      await publish('b')
      await toEach(data)
      await publish('d')
      let isHeld = false
      onConnected = () => {
        isHeld = true
        proxy.hold()
      }
      proxy.redirect(redis.port)
      await until('the link is ready', () => isHeld)
      await whileHeld()
      // Events published meanwhile come after everything that was missed.
      await publish('e')
      await toEach('f')
      expect(calls(proxy, READ)).toBeLessThanOrEqual(AT_ONCE)
      proxy.release()
      await publish('g')
      await all('all have the last', (stream) => publishedData(stream).includes('g'))
    }
  }
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

/** How many calls of a script the proxy has forwarded since it was redirected. */
function calls({ sent }: TcpProxy, { text }: Script): number {
  // A connection loads each script once, by its text.
  const name = createHash('sha1').update(text).digest('hex')
  return sent.split(name).length - 1
}
