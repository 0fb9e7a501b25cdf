/** A connection to Redis says what it is connected to, and ends when Redis can't keep the promises of a journal. */
import { afterEach, describe, expect, test } from 'vitest'
import { connectRedis, type RedisConnection } from '../../../src/journal/redis/connection.ts'
import { SCRIPTS } from '../../../src/journal/redis/scripts/index.ts'
import { MEMBERS, REMOVE, STORED_REQUESTS } from '../../../src/journal/redis/scripts/membership.ts'
import { until } from '../../support/eventually.ts'
import { type FakeRedis, type Reply, reply, startFakeRedis } from '../../support/fake-redis.ts'

const ALL = [...SCRIPTS, MEMBERS, REMOVE, STORED_REQUESTS]

const INFO = {
  redis_version: '8.0.0',
  other_run_id: 'wrong',
  run_id: 'run1',
  role: 'master',
  other_role: 'slave',
  master_replid: 'history1',
  maxmemory: '0',
  total_maxmemory: '0',
  other_maxmemory_policy: 'noeviction',
  maxmemory_policy: 'noeviction',
}

type Info = Partial<Record<keyof typeof INFO, string | undefined>>
type Answer = (command: readonly string[]) => Reply

const open: FakeRedis[] = []
const connections: RedisConnection[] = []
afterEach(() => {
  for (const connection of connections.splice(0)) connection.close(new Error('The test is over.'))
  for (const server of open.splice(0)) server.close()
})

/** A server with these changes of its INFO. @param answer - replies to other commands than those of opening */
async function serve(info: Info = {}, answer: Answer = () => '+OK\r\n'): Promise<FakeRedis> {
  const lines = Object.entries({ ...INFO, ...info })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}:${value}\r\n`)
  let loaded = 0
  const server = await startFakeRedis((command) => {
    if (command[0] === 'INFO') return reply.text(`# Server\r\n${lines.join('')}`)
    if (command[0] !== 'SCRIPT') return answer(command)
    loaded += 1
    return reply.text(`sha${loaded}`)
  })
  open.push(server)
  return server
}

async function connect(
  { url }: Pick<FakeRedis, 'url'>,
  { acceptEviction = false, signal = new AbortController().signal } = {},
) {
  const messages: [string, string][] = []
  const onMessage = (channel: string, message: Uint8Array) => {
    const text = new TextDecoder().decode(message)
    messages.push([channel, text])
    if (text === 'last') connection.close(new Error(text))
  }
  const connection = await connectRedis({ url, acceptEviction, onMessage }, signal)
  connections.push(connection)
  return { connection, messages }
}

describe('a connection', () => {
  test('loads all scripts, and runs them by their hash', async () => {
    const server = await serve({}, () => reply.number(7))
    const { connection } = await connect(server)
    expect(connection).toMatchObject({
      serverId: 'run1:history1',
      eviction: undefined,
      closed: false,
    })
    const loaded = server.commands.slice(1)
    const texts = loaded.map(([, , text = '']) => text)
    expect(loaded).toEqual([...new Set(texts)].map((text) => ['SCRIPT', 'LOAD', text]))
    expect(texts).toEqual(expect.arrayContaining(ALL.map(({ text }) => text)))
    expect(await connection.evalScript(MEMBERS, 'key', ['ä', ''])).toBe(7)
    const hash = `sha${texts.indexOf(MEMBERS.text) + 1}`
    expect(server.commands.at(-1)).toEqual(['EVALSHA', hash, '1', 'key', 'ä', ''])
  })

  test('loads a script again that Redis has lost', async () => {
    const server = await serve({}, ([name]) =>
      name === 'EVALSHA' ? reply.error('NOSCRIPT No matching script.') : reply.number(8),
    )
    const { connection } = await connect(server)
    expect(await connection.evalScript(REMOVE, 'key', ['a'])).toBe(8)
    expect(server.commands.at(-1)).toEqual(['EVAL', REMOVE.text, '1', 'key', 'a'])
    expect(connection.closed).toBe(false)
  })

  test.each([
    ['READONLY You can’t write against a read only replica.', true],
    ['FORMAT of a newer version', true],
    ['ERR Error running script: @user_script:1: @user_script: 1: -READONLY replica', true],
    ['OOM command not allowed', false],
    ['ERR not READONLY at all', false],
    ['READONLYISH is no code', false],
    ['ERR NOSCRIPT elsewhere', false],
  ])('on which a script fails with “%s” ends: %j', async (message, ends) => {
    const { connection } = await connect(await serve({}, () => reply.error(message)))
    const text = message.replace(/^.*: -/, '')
    await expect(connection.evalScript(REMOVE, 'key', [])).rejects.toThrow(text)
    expect(connection.closed).toBe(ends)
    if (ends) expect((await connection.ended).message).toBe(text)
  })

  test('publishes, and receives the messages of its channels as bytes until it ends', async () => {
    const server = await serve({}, () => reply.number(3))
    const { connection, messages } = await connect(server)
    expect(await connection.publish('a', 'hello')).toBe(3)
    expect(server.commands.at(-1)).toEqual(['PUBLISH', 'a', 'hello'])
    await connection.subscribe(['a', 'b'])
    expect(server.commands.at(-1)?.slice(1)).toEqual(['a', 'b'])
    await connection.unsubscribe(['b'])
    server.send('b', 'too late')
    server.send('a', 'ä€')
    await until('it is received', () => messages.length > 0)
    expect(messages).toEqual([['a', 'ä€']])
    server.send('a', 'last', 'after the end')
    await connection.ended
    await until('the sockets are closed', () => server.sockets.size === 0)
    expect(messages.map(([, message]) => message)).toEqual(['ä€', 'last'])
  })

  test('has 20,000 commands in flight at most: any further one fails at once', async () => {
    const { connection } = await connect(await serve({}, () => undefined))
    const failures: string[] = []
    for (let n = 0; n < 20_001; n++) {
      connection.publish('a', 'b').catch(({ message }) => failures.push(message))
    }
    await new Promise(setImmediate)
    expect(failures).toEqual(['The queue is full'])
  })

  test.each([0, 1])('ends with both of its sockets when socket %i is lost', async (index) => {
    const server = await serve()
    const { connection } = await connect(server)
    expect(server.sockets.size).toBe(2)
    ;[...server.sockets][index]?.destroy()
    expect(await connection.ended).toBeInstanceOf(Error)
    expect(connection.closed).toBe(true)
    await until('both are closed', () => server.sockets.size === 0)
  })

  test('ends with the first reason that it is closed for', async () => {
    const { connection } = await connect(await serve())
    connection.close(new Error('one'))
    connection.close(new Error('two'))
    expect(await connection.ended).toEqual(new Error('one'))
  })

  test('ends when its signal is aborted', async () => {
    const abort = new AbortController()
    const { connection } = await connect(await serve(), abort)
    abort.abort()
    expect((await connection.ended).message).toBe('Redis does not respond.')
  })
})

describe('no connection is opened', () => {
  test('when its signal is aborted already', async () => {
    const server = await serve()
    await expect(connect(server, { signal: AbortSignal.abort() })).rejects.toThrow('aborted')
    expect(server.sockets.size).toBe(0)
  })

  test('when its signal is aborted before Redis has replied', async () => {
    const abort = new AbortController()
    const server = await startFakeRedis(() => undefined)
    open.push(server)
    const opening = connect(server, abort)
    await until('Redis is asked', () => server.commands.length > 0)
    abort.abort()
    await expect(opening).rejects.toThrow('Redis does not respond.')
    await until('both are closed', () => server.sockets.size === 0)
  })

  test('where no server listens', async () => {
    const server = await serve()
    server.close()
    await expect(connect(server)).rejects.toThrow('ECONNREFUSED')
  })

  test.each<[string, Info, string]>([
    ['a replica', { role: 'slave' }, 'Redis is a replica: connect to its primary.'],
    ['a server without a run id', { run_id: undefined }, 'lacks run_id or master_replid'],
    ['a server without a history', { master_replid: undefined }, 'lacks run_id or master_replid'],
    [
      'a server that evicts keys',
      { maxmemory: '100', maxmemory_policy: 'allkeys-lru' },
      'Redis may evict events: its maxmemory-policy is allkeys-lru.',
    ],
  ])('to %s', async (_, info, message) => {
    const server = await serve(info)
    await expect(connect(server)).rejects.toThrow(message)
    await until('both are closed', () => server.sockets.size === 0)
  })
})

test.each<[Info, string | undefined]>([
  [{ maxmemory: '0', maxmemory_policy: 'allkeys-lru' }, undefined],
  [{ maxmemory: '0\nwithout:return', maxmemory_policy: 'allkeys-lru' }, undefined],
  [{ maxmemory: '100', maxmemory_policy: 'noeviction' }, undefined],
  [{ maxmemory: '100', maxmemory_policy: undefined }, undefined],
  [{ maxmemory: '0100', maxmemory_policy: 'volatile-ttl' }, 'volatile-ttl'],
  [{ maxmemory: undefined, maxmemory_policy: 'allkeys-lru' }, 'allkeys-lru'],
])('a server with %j evicts keys by the policy %s, which may be accepted', async (info, policy) => {
  const { connection } = await connect(await serve(info), { acceptEviction: true })
  expect(connection.eviction).toBe(policy)
})
