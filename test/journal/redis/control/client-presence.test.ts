/** Clients come and go at several hubs on one Redis: one hub reports each of them online and offline, whatever fails. */
import { afterEach, describe, expect, test } from 'vitest'
import { connectRedis } from '../../../../src/journal/redis/connection.ts'
import { createClientPresence } from '../../../../src/journal/redis/control/client-presence.ts'
import {
  CLIENTS_PER_CALL,
  FOLLOW_CLIENTS,
} from '../../../../src/journal/redis/scripts/follow-clients.ts'
import { manualClock } from '../../../support/clock.ts'
import { eventually, until } from '../../../support/eventually.ts'
import {
  createPresences,
  type Presences,
  type PresencesOptions,
} from '../../../support/presences.ts'
import { REDIS_IS_MISSING } from '../../../support/redis.ts'
import { newPrefix, redisForSuite } from '../../../support/redis-journals.ts'

const open: Presences[] = []

describe.skipIf(REDIS_IS_MISSING)('with several hubs on one Redis', () => {
  const redis = redisForSuite()
  afterEach(async () => {
    for (const one of open.splice(0)) await one.end()
  })

  async function setUp(options: Partial<PresencesOptions> = {}) {
    const prefix = newPrefix()
    const all = await createPresences({ url: redis.url, prefix, ...options })
    open.push(all)
    const { hooks } = all
    const reported = (...expected: string[]) =>
      eventually(() => expect([...hooks].sort()).toEqual(expected.sort()))
    return { ...all, prefix, reported, a: all.hub('a'), b: all.hub('b') }
  }

  const keys = async (prefix: string) => (await redis.command('KEYS', `{${prefix}}:*`)) as string[]
  const names = (count: number) => Array.from({ length: count }, (_, n) => `client-${n}`)

  test('a client is online with its first connection, and offline after its last one', async () => {
    const { a, b, reported } = await setUp()
    a.connect('alice')
    await reported('alice+')
    b.connect('alice', 'bob')
    a.disconnect('alice')
    await reported('alice+', 'bob+')
    // Bob leaves after alice has left a: her time would have passed as well.
    b.disconnect('bob')
    await reported('alice+', 'bob+', 'bob-')
    b.disconnect('alice')
    await reported('alice+', 'bob+', 'bob-', 'alice-')
    a.connect('alice')
    await reported('alice+', 'bob+', 'bob-', 'alice-', 'alice+')
  })

  test('reports have the times of Redis, whichever hub makes them, and however late', async () => {
    const { a, b, hooks, times, reported } = await setUp()
    const [seconds, microseconds] = ((await redis.command('TIME')) as string[]).map(Number)
    const start = (seconds ?? 0) * 1_000 + Math.floor((microseconds ?? 0) / 1_000)
    a.connect('alice')
    await reported('alice+')
    // Each hub receives its replies half a second late: what it reports happened before.
    a.fail('slow')
    b.fail('slow')
    a.disconnect('alice')
    await until('she is offline', () => hooks.length === 2)
    b.connect('alice')
    await until('she is online', () => hooks.length === 3)
    expect(times[0]).toBeGreaterThanOrEqual(start)
    expect(times).toEqual([...times].sort((one, other) => one - other))
    expect(new Set(times).size).toBe(3)
  })

  test('a client of several hubs counts once', async () => {
    const { a, b, reported } = await setUp()
    a.connect('alice', 'bob')
    b.connect('alice', 'carol')
    await reported('alice+', 'bob+', 'carol+')
    await eventually(async () => expect(await a.count()).toBe(3))
    expect(await b.count()).toBe(3)
    b.disconnect('alice', 'carol')
    await reported('alice+', 'bob+', 'carol+', 'carol-')
    expect(await b.count()).toBe(2)
  })

  test('clients are not counted while a hub does not follow them, or Redis can’t be asked', async () => {
    const { a, reported } = await setUp({ instances: 3 })
    a.connect('alice')
    await reported('alice+')
    expect(await a.count()).toBeUndefined()
    const other = await setUp({ graceMs: 0 })
    other.a.connect('bob')
    await other.reported('bob+')
    await eventually(async () => expect(await other.a.count()).toBe(1))
    other.b.fail('dead')
    await eventually(async () => expect(await other.a.count()).toBeUndefined())
    other.a.fail('parting')
    expect(await other.a.count()).toBeUndefined()
    expect(await other.a.count()).toBeUndefined()
    expect(other.errors).toEqual([])
  })

  test('20,000 clients come and go with few calls', async () => {
    const { a, b, hooks, online } = await setUp({ deadAfterMs: 60_000 })
    const many = names(20_000)
    a.connect(...many)
    b.connect(...many)
    await until('all are online', () => hooks.length >= many.length, 60_000)
    expect([hooks.length, online().length]).toEqual([many.length, many.length])
    a.disconnect(...many)
    b.disconnect(...many)
    await until('all are offline', () => hooks.length >= 2 * many.length, 60_000)
    expect([hooks.length, online().length]).toEqual([2 * many.length, 0])
    // Each hub sends its clients twice, and finds up to all of them offline.
    expect(a.calls + b.calls).toBeLessThan((5 * many.length) / 128 + 100)
  })

  test('replies that are lost are repeated, and each hook is called once', async () => {
    const { a, b, reported, hooks } = await setUp({ graceMs: 0 })
    a.fail('deaf')
    b.fail('deaf')
    for (let n = 0; n < 5; n++) {
      const before = Array.from({ length: n }, () => ['alice+', 'alice-']).flat()
      a.connect('alice')
      await reported(...before, 'alice+')
      b.connect('alice')
      a.disconnect('alice')
      b.disconnect('alice')
      await reported(...before, 'alice+', 'alice-')
    }
    expect(hooks.filter((_, n) => n % 2 === 0)).toEqual(Array(5).fill('alice+'))
  })

  test('the clients of a hub that has died go offline, except those at other hubs', async () => {
    const { a, b, reported, prefix } = await setUp()
    // More than one call takes offline.
    const others = names(300)
    a.connect('bob', ...others)
    const online = ['bob', ...others].map((name) => `${name}+`)
    await reported(...online)
    a.fail('dead')
    b.connect('bob')
    const offline = others.map((name) => `${name}-`)
    await reported(...online, ...offline)
    await until('nothing of it is left', async () =>
      (await keys(prefix)).every((key) => !key.includes(':a.1')),
    )
    b.disconnect('bob')
    await reported(...online, ...offline, 'bob-')
  })

  test('what a hub could not report before it died is reported by another', async () => {
    const { a, b, hooksOf, reported, prefix } = await setUp()
    b.connect('bob')
    await reported('bob+')
    // Redis will have stored the client when the hub dies, before the reply arrives.
    a.fail('dying')
    a.connect('alice')
    await eventually(() => expect(hooksOf.get('b')).toEqual(['bob+', 'alice+', 'alice-']))
    expect((await keys(prefix)).filter((key) => key.includes(':a.1'))).toEqual([])
  })

  test('a client that has left and returns to a hub that was cut off meanwhile is online again', async () => {
    const { a, b, hooksOf, reported } = await setUp()
    a.connect('alice')
    await reported('alice+')
    a.fail('parting')
    a.disconnect('alice')
    await eventually(() => expect(hooksOf.get('b')).toEqual(['alice-']))
    a.connect('alice')
    a.fail(undefined)
    await reported('alice+', 'alice-', 'alice+')
    b.connect('alice')
    a.disconnect('alice')
    b.disconnect('alice')
    await reported('alice+', 'alice-', 'alice+', 'alice-')
  })

  test('the clients of a hub that closes too early are reported by another', async () => {
    const { a, hooksOf, reported } = await setUp()
    a.connect('alice')
    await reported('alice+')
    await a.close()
    await eventually(() => expect(hooksOf.get('b')).toEqual(['alice-']))
  })

  test('a hub that was cut off reports its clients anew, if they were taken for offline', async () => {
    const { a, b, hooksOf, reported } = await setUp()
    a.connect('alice', 'bob', 'carol')
    b.connect('bob')
    await eventually(() => expect(new Set(hooksOf.get('a'))).toContain('carol+'))
    a.fail('cut')
    a.disconnect('carol')
    await eventually(() => expect(hooksOf.get('b')).toContain('alice-'))
    await eventually(() => expect(hooksOf.get('b')).toContain('carol-'))
    a.fail(undefined)
    await eventually(() => expect(hooksOf.get('a')?.at(-1)).toBe('alice+'))
    await reported('alice+', 'bob+', 'carol+', 'alice-', 'carol-', 'alice+')
  })

  test('a hub that returns while its clients are taken for offline keeps all of them', async () => {
    const { a, b, hooks, prefix } = await setUp({ graceMs: 60_000 })
    const clients = names(300)
    a.connect(...clients)
    await until('all are online', () => hooks.length === 300)
    for (const hub of [a, b]) hub.fail('cut')
    const init = { url: redis.url, acceptEviction: false, onMessage: () => {} }
    const connection = await connectRedis(init, new AbortController().signal)
    try {
      // A hub for which every other one has died takes as many clients as fit into one call.
      const args = ['other.1', connection.serverId, '', '1', 'join', '0', '60000', '0']
      const left = async () => {
        await connection.evalScript(FOLLOW_CLIENTS, `{${prefix}}:presence`, args)
        return await redis.command('SCARD', `{${prefix}}:presence:clients:a.1`)
      }
      // It may come to b first, which has no clients.
      const first = await left()
      expect(first === 300 ? await left() : first).toBe(300 - CLIENTS_PER_CALL)
    } finally {
      connection.close(new Error('The test has ended.'))
    }
    for (const hub of [a, b]) hub.fail(undefined)
    const online = (name: string) => redis.command('HEXISTS', `{${prefix}}:presence:counts`, name)
    await eventually(async () => expect(await Promise.all(clients.map(online))).not.toContain(0))
    expect(hooks.filter((hook) => hook.endsWith('-'))).toEqual([])
  })

  test('a hub that was cut off for a short time reports nothing', async () => {
    const { a, b, reported } = await setUp()
    a.connect('alice')
    b.connect('bob')
    await reported('alice+', 'bob+')
    const before = b.calls
    a.fail('cut')
    await until('b has called', () => b.calls > before + 3)
    a.fail(undefined)
    b.disconnect('bob')
    await reported('alice+', 'bob+', 'bob-')
  })

  test('nobody goes offline because Redis was away', async () => {
    const { a, b, reported, prefix } = await setUp()
    a.connect('alice')
    b.connect('bob')
    await reported('alice+', 'bob+')
    a.fail('cut')
    b.fail('cut')
    // For the script, a minute has passed since the last call.
    await redis.command('HINCRBY', `{${prefix}}:presence`, 'offset', '-60000')
    a.fail(undefined)
    const before = a.calls
    await until('a has called', () => a.calls > before + 3)
    b.fail(undefined)
    a.disconnect('alice')
    await reported('alice+', 'bob+', 'alice-')
  })

  test('the time that Redis is away does not count', async () => {
    const { a, b, reported, prefix } = await setUp({ graceMs: 30_000 })
    const data = `{${prefix}}:presence`
    a.connect('alice')
    await reported('alice+')
    a.disconnect('alice')
    await until('she is away', async () => (await redis.command('EXISTS', `${data}:away`)) === 1)
    a.fail('cut')
    b.fail('cut')
    await redis.command('HINCRBY', data, 'offset', '-60000')
    a.fail(undefined)
    const read = async (field: string) => Number(await redis.command('HGET', data, field))
    await until('she may go offline', async () => {
      const quietUntil = await read('quietUntil')
      return quietUntil > 0 && (await read('last')) > quietUntil
    })
    b.fail(undefined)
    b.connect('alice', 'bob')
    await reported('alice+', 'bob+')
  })

  test('nobody is reported again when Redis has lost all data', async () => {
    const { a, b, reported } = await setUp()
    a.connect('stays', 'leaves', 'leaves a')
    b.connect('bob', 'leaves a')
    const before = ['stays+', 'leaves+', 'leaves a+', 'bob+']
    await reported(...before)
    a.fail('cut')
    b.fail('cut')
    await redis.command('FLUSHALL')
    b.fail(undefined)
    const calls = b.calls
    await until('b has called', () => b.calls > calls + 3)
    a.disconnect('leaves', 'leaves a')
    a.connect('comes')
    a.fail(undefined)
    await reported(...before, 'comes+', 'leaves-')
    a.disconnect('stays')
    b.disconnect('bob', 'leaves a')
    await reported(...before, 'comes+', 'leaves-', 'stays-', 'bob-', 'leaves a-')
  })

  test('nobody goes offline before all hubs have found that Redis has lost all data', async () => {
    const { a, b, reported } = await setUp()
    a.connect('alice', 'bob')
    b.connect('alice')
    await reported('alice+', 'bob+')
    a.fail('cut')
    b.fail('cut')
    await redis.command('FLUSHALL')
    a.disconnect('alice')
    a.fail(undefined)
    const { calls } = a
    await until('a has called', () => a.calls > calls + 3)
    b.fail(undefined)
    a.disconnect('bob')
    await reported('alice+', 'bob+', 'bob-')
  })

  test('nobody goes offline because a hub needs long to store its clients anew', async () => {
    const { a, b, reported, failOver } = await setUp()
    const many = names(1_200)
    a.connect(...many)
    b.connect('bob')
    const before = [...many, 'bob'].map((name) => `${name}+`)
    await reported(...before)
    a.fail('slow')
    failOver()
    const { sent } = a
    await until('all are stored', () => a.sent === sent + many.length)
    b.disconnect('bob')
    await reported(...before, 'bob-')
  })

  test('nobody goes offline before all hubs have found the server that took over', async () => {
    const { a, b, reported, failOver, prefix } = await setUp()
    a.connect('bob')
    b.connect('alice')
    await reported('alice+', 'bob+')
    a.fail('cut')
    b.fail('cut')
    failOver()
    // The other server lacks that alice, who was away, has connected to b.
    const data = `{${prefix}}:presence`
    await redis.command('SREM', `${data}:clients:b.1`, 'alice')
    await redis.command('HDEL', `${data}:counts`, 'alice')
    await redis.command('ZADD', `${data}:away`, '1', 'alice')
    a.fail(undefined)
    const before = a.calls
    await until('a has called', () => a.calls > before + 3)
    b.fail(undefined)
    a.disconnect('bob')
    await reported('alice+', 'bob+', 'bob-')
    b.disconnect('alice')
    await reported('alice+', 'bob+', 'bob-', 'alice-')
  })

  test('hubs that close leave nothing behind', async () => {
    const { a, b, reported, prefix } = await setUp({ graceMs: 60_000 })
    a.connect(...names(600))
    b.connect('bob')
    const all = [...names(600), 'bob']
    await reported(...all.map((name) => `${name}+`))
    a.disconnect(...names(600))
    b.disconnect('bob')
    await a.close()
    await reported(...all.map((name) => `${name}+`))
    await b.close()
    await reported(...all.flatMap((name) => [`${name}+`, `${name}-`]))
    expect(await keys(prefix)).toEqual([`{${prefix}}:presence`])
  })

  test('a hub that closes does not wait for a Redis that stands still', async () => {
    const { a, hooksOf, reported } = await setUp()
    a.connect('alice')
    await reported('alice+')
    a.disconnect('alice')
    a.fail('still')
    await a.close()
    await eventually(() => expect(hooksOf.get('b')).toEqual(['alice-']))
  })

  test('all keys expire, and at most 100,000 clients are away', async () => {
    const { a, prefix, reported } = await setUp({ graceMs: 60_000 })
    a.connect('alice', 'bob')
    await reported('alice+', 'bob+')
    a.disconnect('alice')
    const awayKey = `{${prefix}}:presence:away`
    await until('she is away', async () => Number(await redis.command('ZCARD', awayKey)) === 1)
    for (const key of await keys(prefix)) {
      expect(Number(await redis.command('PTTL', key)), key).toBeGreaterThan(0)
    }
    const fill = `for i = 1, 100000 do redis.call('ZADD', KEYS[1], '9e15', i) end`
    await redis.command('EVAL', fill, '1', awayKey)
    await reported('alice+', 'bob+', 'alice-')
  })

  test('clients that came and went while Redis was away are not sent one by one', async () => {
    const { a, reported } = await setUp()
    a.connect('alice')
    await reported('alice+')
    a.fail('cut')
    for (const name of names(150_000)) {
      a.connect(name)
      a.disconnect(name)
    }
    a.connect('bob')
    const before = a.calls
    a.fail(undefined)
    await reported('alice+', 'bob+')
    expect(a.calls - before).toBeLessThan(100)
  })

  test('a further connection of a client is not sent', async () => {
    const { a, reported } = await setUp()
    a.connect('alice')
    await reported('alice+')
    const { calls, sent } = a
    a.connect('alice')
    await until('it has called', () => a.calls > calls + 2)
    expect(a.sent).toBe(sent)
  })

  test('an error of Redis is reported once, and the calls are repeated', async () => {
    const { a, reported, errors, prefix } = await setUp()
    await redis.command('SET', `{${prefix}}:presence`, 'not a hash')
    a.connect('alice')
    await until('it has called', () => a.calls > 5)
    const error = expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE/) })
    // One for each hub.
    expect(errors).toEqual([error, error])
    await redis.command('DEL', `{${prefix}}:presence`)
    await reported('alice+')
  })
})

test('times never go back, even if the clock of Redis does', async () => {
  const clock = manualClock()
  const reports: string[] = []
  const replies = [
    ['id', 1, 1, 2_000, '+alice'],
    ['id', 1, 1, 1_000, '-alice'],
    ['id', 1, 1, 3_000, '+alice'],
  ]
  const evalScript = async () => replies.shift() ?? ['id', 1, 0, 4_000]
  const { follow } = createClientPresence({
    tag: '{test}',
    instance: 'a',
    members: { alive: 1 },
    connection: () => ({ serverId: 'same', closed: false, evalScript }),
  })
  const online = follow({
    clock,
    graceMs: 0,
    isConnected: () => true,
    clients: () => ['alice'],
    count: () => ({ clients: 1 }),
    hooks: {
      onClientOnline: (client, at) => reports.push(`${client}+ ${at}`),
      onClientOffline: (client, at) => reports.push(`${client}- ${at}`),
      onError: (error) => reports.push(`${error}`),
    },
  })
  online.update('alice')
  await clock.advance(1_000)
  expect(reports).toEqual(['alice+ 2000', 'alice- 2000', 'alice+ 3000'])
  await online.close()
})
