/** Patterns in Redis: nothing is stored there before one is followed, and no version that would forget them runs beside it. */
import { createClient } from '@redis/client'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressKeys } from '../../../src/core/address.ts'
import { createHub } from '../../../src/hub/hub.ts'
import type { Hub } from '../../../src/hub/hub-types.ts'
import { createRedisJournal } from '../../../src/journal/redis/journal.ts'
import { publishedData } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { type FakeStream, fakeStream } from '../../support/fake-stream.ts'
import { checkPatterns, patternScenario } from '../../support/pattern-model.ts'
import { REDIS_IS_MISSING } from '../../support/redis.ts'
import { newPrefix, openRedisJournal, redisForSuite } from '../../support/redis-journals.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'

const AB = addressKeys({ topic: 'a/b' })
const EVENT = { data: 'x' }

describe.skipIf(REDIS_IS_MISSING)('patterns in Redis', () => {
  const redis = redisForSuite()

  test('find the events of two hubs for whatever topics they cover', async () => {
    const prefix = newPrefix()
    const one = await openRedisJournal(redis, {}, [], prefix)
    const other = await openRedisJournal(redis, {}, [], prefix)
    let run = 0
    await fc.assert(
      fc.asyncProperty(patternScenario, async (scenario) => {
        run += 1
        await checkPatterns([one.journal, other.journal], scenario, `run-${run}`)
      }),
      { numRuns: 60 },
    )
  })

  test('cost nothing before one is followed, and then a copy at each', async () => {
    const prefix = newPrefix()
    const { journal, delivered } = await openRedisJournal(redis, {}, [], prefix)
    const logs = async () => {
      const all = (await redis.command('KEYS', `{${prefix}}:*:log:*`)) as string[]
      return all.map((name) => name.replace(/^.*:log:/, '')).sort()
    }
    const format = () => redis.command('HGET', `{${prefix}}:head`, 'format')
    const { end } = await journal.read(['t:a/b'], undefined, 1e6)
    await journal.append(AB, EVENT)
    await journal.append(['t:a/b', 'p:a/*', 'c:x'], EVENT)
    await journal.backplane?.relay?.(AB, EVENT)
    const records = await redis.command('KEYS', `{${prefix}}:*:records`)
    expect(await redis.command('ZRANGE', String(records), '0', '0')).toEqual([
      expect.stringMatching(/^\d+ \d+ \d+\nt:a\/b$/),
    ])
    expect([await logs(), await format()]).toEqual([['c:x', 't:a/b'], null])
    journal.backplane?.subscribe?.('p:a/*')
    await journal.read(['p:a/*'], undefined, 1e6)
    const { id, instances } = await journal.append(AB, EVENT)
    await delivered(1)
    expect([await logs(), await format(), instances]).toEqual([
      ['c:x', 'p:a/*', 'p:a/**', 't:a/b'],
      '3',
      1,
    ])
    const before = await journal.read(['p:a/*'], end.id, 1e6)
    expect([before.gap, before.entries.map((entry) => entry.id)]).toEqual(['evicted', [id]])
    expect((await journal.read(['t:a/b'], end.id, 1e6)).gap).toBe(undefined)
    expect((await journal.read(['p:a/*'], 'earliest', 1e6)).gap).toBe(undefined)
  })

  test('can’t be followed beside an instance of an older version, which fails no event', async () => {
    const prefix = newPrefix()
    const { journal } = await openRedisJournal(redis, {}, ['t:a/b'], prefix)
    const older = createClient({ url: redis.url })
    await older.connect()
    try {
      // As a hub of a version that does not know patterns.
      await older.subscribe([`{${prefix}}:instances`, `{${prefix}}:several`], () => {})
      const { id } = await journal.append(AB, EVENT)
      const several = await journal.append(['t:a/b', 'p:a/*', 'c:x'], EVENT)
      for (const cursor of [undefined, 'earliest', id]) {
        await expect(journal.read(['c:x', 'p:a/*'], cursor, 1e6)).rejects.toMatchObject({
          code: 'journal-unavailable',
          message: expect.stringMatching(/older version does not store events at patterns/),
        })
      }
      const { entries } = await journal.read(['t:a/b'], 'earliest', 1e6)
      expect(entries.map((entry) => entry.id)).toEqual([id, several.id])
      await older.unsubscribe()
      expect((await journal.read(['p:a/*'], id, 1e6)).gap).toBe('evicted')
      // Its next call is refused, by the format, as long as the journal exists.
      expect(await redis.command('HGET', `{${prefix}}:head`, 'format')).toBe('3')
    } finally {
      older.destroy()
    }
  })

  test('are missed by a hub that was away only where they cover what was published', async () => {
    const proxy = await openTcpProxy(redis.port)
    try {
      const prefix = newPrefix()
      const server = { ...redis, url: `redis://127.0.0.1:${proxy.port}` }
      const keys = ['p:a/*', 'p:a/**', 'p:c/*']
      const away = await openRedisJournal(server, {}, keys, prefix)
      const other = await openRedisJournal(redis, {}, [], prefix)
      const { end } = await away.journal.read(keys, undefined, 1e6)
      proxy.cut()
      await away.disconnected()
      const { id } = await other.journal.append(AB, EVENT)
      const deep = await other.journal.append(addressKeys({ topic: 'a/b/c' }), EVENT)
      proxy.redirect(redis.port)
      await away.connected()
      const affects = away.missed.at(-1)
      expect(keys.map((key) => affects?.(key))).toEqual([true, true, false])
      const { entries, gap } = await away.journal.read(['p:a/**', 'p:c/*'], end.id, 1e6)
      expect([entries.map((entry) => entry.id), gap]).toEqual([[id, deep.id], undefined])
    } finally {
      await proxy.close()
    }
  })

  test.each([
    ['everyone', 'everyone'],
    ['several', [{ topic: 'a/b' }, { client: 'first' }]],
  ] as const)(
    'start a stream without a gap, whatever is published to %s meanwhile',
    async (_, to) => {
      for (let round = 0; round < 5; round++) {
        const hub = open(newPrefix())
        try {
          await until('it is ready', () => hub.ready)
          const stream = fakeStream()
          for (let n = 0; n < 10; n++) hub.post(to, { data: `${n}` })
          hub.connect({ client: 'first', topics: ['a/*'], stream })
          await until('it is open', () => stream.events.length > 0)
          await hub.publish({ topic: 'a/b' }, { data: 'last' })
          await until('it has arrived', () => publishedData(stream).includes('last'))
          expect(stream.events.map(({ event }) => event)).not.toContain('hub:gap')
        } finally {
          await hub.close()
        }
      }
    },
  )

  test('reach each connection of a hub that is cut off between the copies of an event', async () => {
    const proxy = await openTcpProxy(redis.port)
    const prefix = newPrefix()
    const hub = open(prefix, `redis://127.0.0.1:${proxy.port}`)
    try {
      await until('it is ready', () => hub.ready)
      const streams = new Map(['a/b', 'a/*', 'a/**'].map((topic) => [topic, fakeStream()]))
      for (const [topic, stream] of streams) hub.connect({ client: 'x', topics: [topic], stream })
      const all = (holds: (stream: FakeStream) => boolean) => [...streams.values()].every(holds)
      const has = (data: string) => () => all((stream) => publishedData(stream).includes(data))
      await until('all are open', () => all(({ events }) => events.length > 0))
      const { journal } = await openRedisJournal(redis, {}, [], prefix)
      await journal.append(AB, { data: 'before' })
      await until('it has arrived', has('before'))
      proxy.cutBefore(':address:p:a/*')
      await journal.append(AB, { data: 'between' })
      await until('the hub is away', () => !hub.ready)
      proxy.redirect(redis.port)
      await until('the hub is back', () => hub.ready)
      await journal.append(AB, { data: 'after' })
      await until('it has arrived', has('after'))
      for (const stream of streams.values()) {
        expect(publishedData(stream)).toEqual(['before', 'between', 'after'])
        expect(stream.events.map(({ event }) => event)).not.toContain('hub:gap')
      }
    } finally {
      await hub.close()
      await proxy.close()
    }
  })

  test.each(['no', 'an'])(
    'are reported as incomplete after a failover that forgot their use, with %s older instance',
    async (instance) => {
      const proxy = await openTcpProxy(redis.port)
      const older = createClient({ url: redis.url })
      await older.connect()
      try {
        const prefix = newPrefix()
        const server = { ...redis, url: `redis://127.0.0.1:${proxy.port}` }
        const away = await openRedisJournal(server, {}, ['p:a/*', 't:a/b', 'c:x'], prefix)
        const other = await openRedisJournal(redis, {}, [], prefix)
        await away.journal.read(['p:a/*'], undefined, 1e6)
        const { id } = await other.journal.append(AB, EVENT)
        await away.delivered(2)
        proxy.cut()
        await away.disconnected()
        await redis.command('HDEL', `{${prefix}}:head`, 'format', 'patternsAfter')
        await other.journal.append(AB, EVENT)
        if (instance === 'an') await older.subscribe(`{${prefix}}:instances`, () => {})
        proxy.redirect(redis.port)
        await away.connected()
        expect(away.missed.at(-1)?.('p:a/*')).toBe(true)
        expect((await away.journal.read(['t:a/b', 'c:x'], id, 1e6)).gap).toBe(undefined)
        const read = Promise.resolve(away.journal.read(['p:a/*'], id, 1e6))
        if (instance === 'an') await expect(read).rejects.toThrow(/older version/)
        else expect((await read).gap).toBe('evicted')
      } finally {
        older.destroy()
        await proxy.close()
      }
    },
  )

  test('are delivered once to each connection of several hubs, stored or not', async () => {
    const prefix = newPrefix()
    const [one, other] = [open(prefix), open(prefix)]
    try {
      await until('both are ready', () => one.ready && other.ready)
      const streams: FakeStream[] = []
      const connect = async (hub: Hub, ...topics: string[]) => {
        const stream = fakeStream()
        streams.push(stream)
        hub.connect({ client: `client-${streams.length}`, topics, stream })
        await until('it is open', () => stream.events.length > 0)
        return stream
      }
      const exact = await connect(one, 'a/b')
      const both = await connect(one, 'a/b', 'a/*', 'x')
      const all = await connect(one, 'a/**')
      const far = await connect(other, 'a/*')
      const results = []
      for (let n = 0; n < 30; n++) {
        const hub = n % 3 === 0 ? other : one
        const to = n % 5 === 0 ? [{ topic: 'a/b' }, { topic: 'a/c' }] : { topic: 'a/b' }
        results.push(hub.publish(to, { data: `${n}`, ephemeral: n % 4 === 0 }))
      }
      await one.publish({ topic: 'a/b/c' }, { data: 'deep' })
      const settled = await Promise.all(results)
      await until('all has arrived', () =>
        [exact, both, far].every((stream) => publishedData(stream).length >= 30),
      )
      await one.publish({ topic: 'a/b' }, { data: 'last' })
      await until('the last one has arrived', () =>
        streams.every((stream) => publishedData(stream).includes('last')),
      )
      const numbers = Array.from({ length: 30 }, (_, n) => `${n}`)
      for (const stream of streams) {
        const data = publishedData(stream)
        expect(data.filter((text) => /\d/.test(text)).toSorted()).toEqual(numbers.toSorted())
        expect(data.filter((text) => text === 'deep')).toHaveLength(stream === all ? 1 : 0)
      }
      expect(settled.map(({ instances }) => instances)).toEqual(Array(30).fill(2))
      expect(settled.map(({ connections }) => connections)).toEqual(
        numbers.map((_, n) => (n % 3 === 0 ? 1 : 3)),
      )
      const { rows, total } = await one.connections({ topic: 'a/b' })
      expect([rows.length, total]).toEqual([4, 4])
    } finally {
      await Promise.all([one.close(), other.close()])
    }
  })

  function open(prefix: string, url = redis.url): Hub {
    return createHub({ journal: createRedisJournal({ url, prefix }) })
  }
})
