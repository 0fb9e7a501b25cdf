/** Messages that a hub can't use are ignored and counted: none costs it the connection to Redis. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { clientKey } from '../../../../src/core/address.ts'
import type { JournalHandler } from '../../../../src/journal/journal.ts'
import { createRedisJournal } from '../../../../src/journal/redis/journal.ts'
import { until } from '../../../support/eventually.ts'
import { recordingHandler } from '../../../support/journal-handler.ts'
import { REDIS_IS_MISSING } from '../../../support/redis.ts'
import { newPrefix, openRedisJournal, redisForSuite } from '../../../support/redis-journals.ts'

const ALICE = clientKey('alice')

describe.skipIf(REDIS_IS_MISSING)('a hub on Redis', () => {
  const redis = redisForSuite()

  test.each([
    ['that is not JSON, to all hubs', 'instances', 'hello'],
    ['that is null, to all hubs', 'instances', 'null'],
    ['that lacks all fields, to all hubs', 'instances', '{}'],
    ['whose id can’t be parsed', `address:${ALICE}`, 'id: nonsense\ndata: x\n\n'],
    ['whose id is too long', `address:${ALICE}`, `id: ${'9'.repeat(500)}\n\n`],
    ['of another journal', `address:${ALICE}`, 'id: another1-7\ndata: x\n\n'],
    ['that is not JSON, to it alone', 'INBOX', '{"number":'],
    ['that is null, to it alone', 'INBOX', 'null'],
    ['with an unknown head', 'INBOX', 'head: nonsense'],
  ])('ignores a message %s', async (_, channel, message) => {
    const { journal, name, prefix, deliveries, delivered, lost } = await open()
    const target = channel === 'INBOX' ? `instance:${journal.backplane?.instance}` : channel
    for (let i = 0; i < 3; i++) await redis.command('PUBLISH', name(target), message)
    await journal.append(ALICE, { data: 'after' })
    await delivered(1)
    await until('it is counted', () => (journal.stats?.ignored ?? 0) > 0)
    expect(deliveries.map(({ frame }) => new TextDecoder().decode(frame))).toEqual([
      expect.stringMatching(/^id: \w+-1\ndata: after\n\n$/),
    ])
    expect(journal.stats?.reconnects).toBe(0)
    expect(lost()).toBe(0)
    // A hub that starts later is not affected either.
    await (await openRedisJournal(redis, {}, [], prefix)).connected()
  })

  test('ignores a stored control request that is not JSON when it connects', async () => {
    const { name, prefix, journal } = await open()
    const request = journal.backplane?.request({ about: 'one' }, 60_000)
    await request
    await redis.command('ZADD', name('requests'), `${Date.now() + 60_000}`, 'not JSON')
    const late = await openRedisJournal(redis, {}, [], prefix)
    expect(late.requests.map(({ request }) => request)).toEqual([{ about: 'one' }])
    expect(late.journal.stats?.ignored).toBe(1)
  })

  test('counts a stored control request that its version does not know', async () => {
    const { journal } = await open({ respond: () => undefined })
    await journal.backplane?.request({ type: 'of a newer version' }, 60_000)
    expect(journal.stats?.ignored).toBe(0)
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('it is counted', () => journal.stats?.ignored === 1)
  })

  test('keeps its connection when its hub throws, and streams read on', async () => {
    const affected: boolean[] = []
    const { journal, lost } = await open({
      deliver: () => {
        throw new Error('a bug')
      },
      respond: () => {
        throw new Error('another bug')
      },
      missed: (affects) => void affected.push(affects(ALICE), affects(clientKey('bob'))),
    })
    affected.length = 0
    await journal.append(ALICE, { data: 'a' })
    await until('it is counted', () => journal.stats?.ignored === 1)
    expect(affected).toEqual([true, false])
    await journal.backplane?.request({ about: 'one' }, 60_000)
    expect(journal.stats?.ignored).toBe(2)
    expect(lost()).toBe(0)
  })

  test('receives nothing from a hub of the same prefix in another database', async () => {
    const prefix = newPrefix()
    const subscribed = [ALICE]
    const one = await openRedisJournal(redis, {}, subscribed, prefix)
    const url = `${redis.url}/1`
    const other = await openRedisJournal({ ...redis, url }, {}, subscribed, prefix)
    await one.journal.backplane?.relay?.(ALICE, { data: 'ephemeral in 0' })
    await one.journal.append(ALICE, { data: 'in 0' })
    await other.journal.append(ALICE, { data: 'in 1' })
    await Promise.all([one.delivered(2), other.delivered(1)])
    expect(await other.journal.backplane?.request({ about: 'x' }, 0)).toMatchObject({
      asked: 1,
      responses: [{}],
    })
    expect([one.deliveries.length, other.deliveries.length]).toEqual([2, 1])
    expect([one.requests.length, other.requests.length]).toEqual([0, 1])
    expect(one.journal.stats).toMatchObject({ reconnects: 0, ignored: 0 })
  })

  test('reports a message that it ignored', async () => {
    const reasons: string[] = []
    const { name, journal } = await open({}, (error) => void reasons.push(error.message))
    await redis.command('PUBLISH', name('instances'), 'hello')
    await until('it is counted', () => journal.stats?.ignored === 1)
    expect(reasons).toEqual([expect.stringContaining('JSON')])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('a bug')
      },
    ],
    ['rejects', () => Promise.reject(new Error('a bug'))],
  ])('keeps its connection when its observer %s', async (_, fail) => {
    const prefix = newPrefix()
    const observer = { connected: fail, disconnected: fail, ignored: fail }
    const journal = createRedisJournal({ url: redis.url, prefix, observer })
    const report = vi.spyOn(console, 'error').mockReturnValue()
    try {
      journal.open(recordingHandler([]))
      await until('the journal is ready', () => journal.ready === true)
      await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
      await until('the link is lost', () => journal.ready === false)
      await until('the journal is ready again', () => journal.ready === true)
      await redis.command('PUBLISH', `{${prefix}}:instances`, 'hello')
      await until('all are reported', () => report.mock.calls.length === 4)
    } finally {
      report.mockRestore()
      await journal.close()
    }
  })

  async function open(
    handler: Partial<JournalHandler> = {},
    ignored: (error: Error) => void = () => {},
  ) {
    const prefix = newPrefix()
    let lost = 0
    const deliveries: Parameters<JournalHandler['deliver']>[0][] = []
    const journal = createRedisJournal({
      url: redis.url,
      prefix,
      observer: {
        disconnected: () => {
          lost += 1
        },
        ignored,
      },
    })
    closing.push(journal)
    journal.open(recordingHandler(deliveries, handler))
    journal.backplane?.subscribe?.(ALICE)
    await until('the journal is ready', () => journal.ready === true)
    return {
      journal,
      prefix,
      deliveries,
      lost: () => lost,
      name: (channel: string) => `{${prefix}}:${channel}`,
      delivered: (count: number) => until('it came', () => deliveries.length >= count),
    }
  }

  const closing: { close(): unknown }[] = []
  afterEach(async () => {
    for (const journal of closing.splice(0)) await journal.close()
  })
})
