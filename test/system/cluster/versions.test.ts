/** Versions beside each other on one Redis, as during a rolling deploy: older builds of this repository and this one. */
import { createClient } from '@redis/client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { addressKeys, clientKey, topicKey } from '../../../src/core/address.ts'
import { run } from '../../support/cli.ts'
import { until } from '../../support/eventually.ts'
import { buildCommit, isMissing } from '../../support/older-build.ts'
import { type Server, startServer } from '../../support/process.ts'
import { type Reader, readEvents } from '../../support/reader.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { closeJournals, openRedisJournal } from '../../support/redis-journals.ts'
import { COMMANDS } from '../../support/runtimes.ts'

/** Shares keys, events and control requests with this version. Later: the last release. */
const OLDER = '9afb3503c5421fb1a5cf9d33bfca23d678f6a219'

/** Shares keys and events; each of its control requests is unknown to this version, and the other way round. */
const FOREIGN = '6dcdad14d971a3643e02c75f0c3957416e9b22d0'

const PUBLISH_KEY = 'key-of-both-versions-0123456789'

/** A name that says why. `.ci/run` accepts that these are skipped, and no others. */
const named = (name: string, commit: string) =>
  isMissing(commit) ? `${name} (not without the history: it lacks ${commit.slice(0, 7)})` : name

const servers: Server[] = []
afterAll(async () => {
  for (const server of servers.splice(0)) await server.kill()
})

async function start(redis: RedisServer, prefix: string, commit?: string): Promise<Server> {
  const command = commit === undefined ? COMMANDS.node : await buildCommit(commit)
  const settings = { REDIS_URL: redis.url, REDIS_PREFIX: prefix, CLOCK_SECONDS: '0', PUBLISH_KEY }
  const server = await startServer(command, settings)
  servers.push(server)
  return server
}

function send(server: Server, method: string, path: string, value?: object): Promise<Response> {
  const headers = { Authorization: `Bearer ${PUBLISH_KEY}`, 'Content-Type': 'application/json' }
  const body = value === undefined ? {} : { body: JSON.stringify(value) }
  return fetch(server.url + path, { method, headers, ...body })
}

async function ask(server: Server, method: string, path: string, value?: object): Promise<unknown> {
  return await (await send(server, method, path, value)).json()
}

async function ticketOf(issuer: Server, client: string, topics: string[] = []): Promise<string> {
  const { ticket } = (await ask(issuer, 'POST', '/tickets', { client, topics })) as {
    ticket: string
  }
  return ticket
}

/** Opens a stream with a ticket of the other version. */
async function listen(server: Server, ticket: string, cursor?: string): Promise<Reader> {
  const headers = cursor === undefined ? {} : { 'Last-Event-ID': cursor }
  const response = await fetch(`${server.url}/sse?ticket=${ticket}`, { headers })
  expect(response.status).toBe(200)
  const reader = readEvents(response)
  await reader.next(({ event }) => event === 'hub:ready')
  return reader
}

describe.skipIf(REDIS_IS_MISSING || isMissing(OLDER))(
  named('an older build and this one on one Redis', OLDER),
  () => {
    let redis: RedisServer
    const by = {} as Record<'older' | 'newer', Server>
    let early = ''
    beforeAll(async () => {
      redis = await startRedis()
      by.older = await start(redis, 'shared', OLDER)
      early = await ticketOf(by.older, 'blocked')
      await send(by.older, 'POST', '/clients/carol', { data: 'before' })
      await send(by.older, 'DELETE', '/clients/blocked?block=600')
      by.newer = await start(redis, 'shared')
    })
    afterAll(() => redis.close())

    test('a newer one that starts later has what the older one stored: events and blocks', async () => {
      const carol = await listen(by.newer, await ticketOf(by.older, 'carol'), 'earliest')
      expect((await carol.next(({ data }) => data === 'before')).id).toBeDefined()
      expect(carol.events.filter(({ event }) => event === 'hub:gap')).toEqual([])
      await carol.close()
      expect((await fetch(`${by.newer.url}/sse?ticket=${early}`)).status).toBe(204)
    })

    test('the older one ignores idempotency keys, and delivers what the newer one has stored once', async () => {
      const reader = await listen(by.older, await ticketOf(by.newer, 'once'))
      const publish = async (server: Server) => {
        const headers = {
          Authorization: `Bearer ${PUBLISH_KEY}`,
          'Content-Type': 'text/plain',
          'Idempotency-Key': 'order-1',
        }
        const init = { method: 'POST', headers, body: 'paid' }
        return (await (await fetch(`${server.url}/clients/once`, init)).json()) as { id: string }
      }
      const first = await publish(by.newer)
      expect(await publish(by.newer)).toEqual(first)
      const other = await publish(by.older)
      expect(other.id).not.toBe(first.id)
      expect(await publish(by.newer)).toEqual(first)
      await send(by.newer, 'POST', '/clients/once', { data: 'end' })
      await reader.next(({ data }) => data === 'end')
      const received = reader.events.filter(({ data }) => data === 'paid')
      expect(received.map(({ id }) => id)).toEqual([first.id, other.id])
      await reader.close()
    })

    test('the command sends the older one an event without a key, unless one is given', async () => {
      const publish = ['publish', by.older.url, 'paid', '--client', 'command', '--key', PUBLISH_KEY]
      const { stdout, exit } = await run(publish)
      expect(JSON.parse(stdout)).toMatchObject({ id: expect.any(String) })
      expect(exit).toBe(0)
      const refused = await run([...publish, '--idempotency-key', 'order-1'])
      expect(refused.stderr).toMatch(/400: .*"idempotencyKey"/)
      expect(refused.exit).toBe(1)
      const reader = await listen(by.newer, await ticketOf(by.newer, 'command'), 'earliest')
      await send(by.newer, 'POST', '/clients/command', { data: 'end' })
      await reader.next(({ data }) => data === 'end')
      expect(reader.events.filter(({ data }) => data === 'paid').length).toBe(1)
      await reader.close()
    })

    describe.each([
      ['older', 'newer'],
      ['newer', 'older'],
    ] as const)('from the %s to the %s', (from, to) => {
      const client = `${from}-client`
      const topics = [`${from}-topic`]

      test('events arrive on both, in order', async () => {
        const readers = [
          await listen(by[from], await ticketOf(by[to], client, topics)),
          await listen(by[to], await ticketOf(by[from], client, topics)),
        ]
        const wanted = ['1', '2', '3', '4']
        const paths = [`/clients/${client}`, `/topics/${topics[0]}`, '/broadcast']
        for (const [index, path] of paths.entries()) {
          const answer = await ask(by[from], 'POST', path, { data: wanted[index] })
          expect(answer).toMatchObject({ instances: 2 })
        }
        const last = { data: '4', ephemeral: true }
        expect(await ask(by[from], 'POST', '/broadcast', last)).toMatchObject({ instances: 2 })
        for (const reader of readers) {
          await reader.next(({ data }) => data === '4')
          const plain = reader.events.filter(({ event }) => event === undefined)
          expect(plain.map(({ data }) => data)).toEqual(wanted)
          await reader.close()
        }
      })

      test('a client continues without a gap', async () => {
        const reader = await listen(by[from], await ticketOf(by[to], client))
        await send(by[to], 'POST', `/clients/${client}`, { data: 'seen' })
        const { id } = await reader.next(({ data }) => data === 'seen')
        await reader.close()
        await send(by[from], 'POST', `/clients/${client}`, { data: 'missed' })
        await send(by[to], 'POST', `/clients/${client}`, { data: 'missed, too' })
        const resumed = await listen(by[to], await ticketOf(by[from], client), id)
        await resumed.next(({ data }) => data === 'missed, too')
        expect(resumed.events.map(({ event, data }) => event ?? data)).toEqual([
          'hub:ready',
          'missed',
          'missed, too',
        ])
        await resumed.close()
      })

      test('listings and DELETE cover both, and blocks hold on both', async () => {
        const name = `${from}-gone`
        const reader = await listen(by[to], await ticketOf(by[from], name, topics))
        const coverage = { asked: 2, answered: 2 }
        for (const path of ['/clients', `/clients/${name}`, `/topics/${topics[0]}`]) {
          const listed = await ask(by[from], 'GET', path)
          expect(listed).toMatchObject(coverage)
          expect(JSON.stringify(listed)).toContain(name)
        }
        const tickets = [await ticketOf(by[from], name), await ticketOf(by[to], name)]
        const done = await send(by[from], 'DELETE', `/clients/${name}?block=600`)
        expect(done.status).toBe(200)
        expect(await done.json()).toMatchObject({ disconnected: 1, ...coverage })
        await reader.next(({ event }) => event === 'hub:bye')
        const asked = tickets.flatMap((ticket) =>
          [by[from], by[to]].map(({ url }) => `${url}/sse?ticket=${ticket}`),
        )
        expect(await Promise.all(asked.map(async (url) => (await fetch(url)).status))).toEqual(
          asked.map(() => 204),
        )
      })

      test('a ticket opens one stream', async () => {
        const ticket = await ticketOf(by[from], client)
        await (await listen(by[from], ticket)).close()
        const again = { headers: { 'User-Agent': 'another' } }
        expect((await fetch(`${by[to].url}/sse?ticket=${ticket}`, again)).status).toBe(401)
      })
    })

    test('an event for several addresses is stored only while the older one, which would lose it, is away', async () => {
      const keys = [clientKey('carol'), topicKey('news')]
      const beside = await openRedisJournal(redis, {}, [], 'shared')
      await expect(beside.journal.append(keys, { data: 'lost' })).rejects.toMatchObject({
        code: 'journal-unavailable',
        message: expect.stringMatching(/older version/),
      })
      const before = await openRedisJournal(redis, {}, [], 'before')
      await before.journal.append(keys, { data: 'both' })
      await before.journal.append(clientKey('carol'), { data: 'one' })
      const late = await start(redis, 'before', OLDER)
      const carol = await listen(late, await ticketOf(late, 'carol', ['news']), 'earliest')
      await carol.next(({ data }) => data === 'one')
      expect(carol.events.map(({ event, data }) => event ?? data)).toEqual([
        'hub:ready',
        'both',
        'one',
      ])
      await carol.close()
      await closeJournals()
    })

    test('topics with levels reach the older one, and patterns are followed once it has left', async () => {
      const older = await start(redis, 'patterns', OLDER)
      const topic = { topic: 'orders/7' }
      const carol = await listen(older, await ticketOf(older, 'carol', [topic.topic]))
      const { journal } = await openRedisJournal(redis, {}, [], 'patterns')
      const { id } = await journal.append(addressKeys(topic), { data: 'paid' })
      await carol.next(({ data }) => data === 'paid')
      await expect(journal.read(['p:orders/*'], id, 1e6)).rejects.toThrow(/older version/)
      await carol.close()
      await older.kill()
      const follow = () => Promise.resolve(journal.read(['p:orders/*'], id, 1e6))
      await until('it has left', () => follow().then(Boolean, () => false))
      expect((await follow()).gap).toBe(undefined)
      // It exits at once: it would not store events at patterns.
      await expect(start(redis, 'patterns', OLDER)).rejects.toThrow()
      await closeJournals()
    })

    test('the older one is not ready while events have to be published to shared channels', async () => {
      // Stands for an instance with too many addresses for a channel each.
      const instance = createClient({ url: redis.url })
      await instance.connect()
      await instance.subscribe('{shared}:buckets', () => {})
      await redis.command('HSET', '{shared}:head', 'format', '2')
      const isReady = async ({ url }: Server) => (await fetch(`${url}/readyz`)).ok
      await until('it has noticed', async () => !(await isReady(by.older)))
      expect((await send(by.older, 'POST', '/clients/carol', { data: 'x' })).status).toBe(503)
      expect(await isReady(by.newer)).toBe(true)
      instance.destroy()
      await until('it is back', () => isReady(by.older))
    })
  },
)

describe.skipIf(REDIS_IS_MISSING || isMissing(FOREIGN))(
  named('a build that sends other control requests', FOREIGN),
  () => {
    test('shares events; what it does not answer is reported, and nothing fails', async () => {
      const redis = await startRedis()
      try {
        const foreign = await start(redis, 'foreign', FOREIGN)
        const own = await start(redis, 'foreign')
        for (const [here, there, client] of [
          [own, foreign, 'alice'],
          [foreign, own, 'bob'],
        ] as const) {
          const reader = await listen(there, await ticketOf(there, client))
          await send(here, 'POST', `/clients/${client}`, { data: 'a' })
          await reader.next(({ data }) => data === 'a')
          const partial = { asked: 2, answered: 1 }
          for (const path of ['/clients', `/clients/${client}`, '/topics/news']) {
            const listed = await send(here, 'GET', path)
            expect(listed.status).toBe(200)
            expect(await listed.json()).toMatchObject(partial)
          }
          const done = await send(here, 'DELETE', `/clients/${client}?block=1`)
          expect(done.status).toBe(202)
          expect(await done.json()).toMatchObject({ disconnected: 0, ...partial })
          await reader.close()
        }
      } finally {
        await redis.close()
      }
    })
  },
)
