/** A shard reports clients offline that have moved only if they are not online where they belong now. */
import { expect, test } from 'vitest'
import { createShardPresence } from '../../../../src/adapters/cloudflare/presence/shard-presence.ts'
import { shardOf } from '../../../../src/adapters/cloudflare/sharding.ts'
import { createOnlineClients } from '../../../../src/journal/online-clients.ts'
import { manualClock } from '../../../support/clock.ts'

const COUNT = 3
const RETRY_MS = 10_000

/** Three clients of each shard. */
const [, ofOne = [], ofTwo = []] = Array.from({ length: COUNT }, (_, shard) =>
  Array.from({ length: 200 }, (_, n) => `user-${n}`)
    .filter((client) => shardOf(client, COUNT) === shard)
    .slice(0, 3),
)
const [own = ''] = ofOne

/** The first shard but one, to which these clients were connected before. */
function setUp(...known: string[]) {
  const clock = manualClock()
  const connected = new Set<string>(known)
  const reports: string[] = []
  const asked: (readonly [number, readonly string[]])[] = []
  /** Who is online at the other shards; undefined while they can't be reached. */
  let elsewhere: Set<string> | undefined = new Set()
  let serving = true
  let canServe = true
  let isElsewhere = (_client: string) => false
  const presence = createShardPresence({
    shard: 1,
    count: COUNT,
    presence: {
      follow: (init) => {
        isElsewhere = init.isElsewhere ?? isElsewhere
        return createOnlineClients(init, known)
      },
    },
    resharding: {
      get serving() {
        return serving
      },
      ensureReady: async (count) => {
        if (!canServe || count !== COUNT) throw new Error('not yet')
        serving = true
      },
    },
    onlineAt: async (shard, clients) => {
      asked.push([shard, clients])
      if (!elsewhere) throw new Error('unreachable')
      return clients.filter((client) => elsewhere?.has(client))
    },
    clock,
  })
  const online = presence.follow({
    clock,
    graceMs: 1_000,
    isConnected: (client) => connected.has(client),
    clients: () => connected,
    count: () => ({ clients: connected.size }),
    hooks: {
      onClientOnline: (client, at) => reports.push(`${client}+ ${at - start}`),
      onClientOffline: (client, at) => reports.push(`${client}- ${at - start}`),
      onError: (error) => reports.push(`${error}`),
    },
  })
  const start = clock.now()
  const update =
    (isConnected: boolean) =>
    (...clients: string[]) => {
      for (const client of clients) connected[isConnected ? 'add' : 'delete'](client)
      for (const client of clients) online.update(client)
    }
  return {
    clock,
    reports,
    asked,
    isElsewhere,
    connect: update(true),
    leave: update(false),
    isOnlineElsewhere: (...clients: string[]) => {
      elsewhere = new Set(clients)
    },
    cutOff: () => {
      elsewhere = undefined
    },
    fence: (isFinal: boolean) => {
      serving = false
      canServe = !isFinal
    },
  }
}

test('its own clients come online and go offline at once', async () => {
  const { clock, reports, asked, connect, leave } = setUp()
  connect(own)
  leave(own)
  await clock.advance(1_000)
  expect(reports).toEqual([`${own}+ 0`, `${own}- 1000`])
  expect(asked).toEqual([])
})

test('of clients that have moved, those that are online at their new shard are not reported', async () => {
  const [here = '', there = '', alsoHere = ''] = ofTwo
  const { clock, reports, asked, leave, isOnlineElsewhere } = setUp(...ofTwo, own)
  isOnlineElsewhere(there)
  leave(...ofTwo, own)
  await clock.advance(1_000)
  expect(asked).toEqual([[2, ofTwo]])
  expect(reports).toEqual([`${own}- 1000`, `${here}- 1000`, `${alsoHere}- 1000`])
  expect(clock.timers).toBe(0)
})

test('a shard that can’t be reached is asked again until it answers', async () => {
  const { clock, reports, asked, leave, isOnlineElsewhere, cutOff } = setUp(...ofTwo)
  const [gone = '', moved = '', second = ''] = ofTwo
  cutOff()
  leave(gone, moved)
  await clock.advance(1_000 + 2 * RETRY_MS)
  expect([asked.length, reports]).toEqual([3, []])
  isOnlineElsewhere(moved)
  leave(second)
  await clock.advance(1_000)
  expect(reports).toEqual([`${second}- ${2_000 + 2 * RETRY_MS}`])
  await clock.advance(RETRY_MS)
  expect(reports[1]).toEqual(`${gone}- 1000`)
  expect([reports.length, clock.timers]).toEqual([2, 0])
})

test('a client that returns while the question is open is not reported', async () => {
  const [client = ''] = ofTwo
  const { clock, reports, connect, leave, isOnlineElsewhere, cutOff } = setUp(client)
  cutOff()
  leave(client)
  await clock.advance(2_000)
  connect(client)
  isOnlineElsewhere()
  await clock.advance(RETRY_MS)
  expect(reports).toEqual([`${client}+ 2000`])
})

test('a shard that was fenced reports nobody offline before it serves again', async () => {
  const { clock, reports, leave, fence } = setUp(own)
  fence(true)
  leave(own)
  await clock.advance(40_000)
  expect(reports).toEqual([])
  fence(false)
  await clock.advance(RETRY_MS)
  expect(reports).toEqual([`${own}- 1000`])
})

test('a question about many clients is asked in parts that SQLite and RPC can carry', async () => {
  const many = Array.from({ length: 10_000 }, (_, n) => `user-${n}`).filter(
    (client) => shardOf(client, COUNT) === 2,
  )
  const [there = ''] = many.slice(-1)
  const { clock, reports, asked, leave, isOnlineElsewhere } = setUp(...many)
  isOnlineElsewhere(there)
  leave(...many)
  await clock.advance(1_000)
  expect(asked.flatMap(([, clients]) => clients)).toEqual(many)
  expect(Math.max(...asked.map(([, clients]) => clients.length))).toBe(1_000)
  expect(reports).toHaveLength(many.length - 1)
})

test('a question that keeps failing is an error once a minute', async () => {
  const [client = ''] = ofTwo
  const { clock, reports, leave, cutOff } = setUp(client)
  cutOff()
  leave(client)
  await clock.advance(1_000 + 5 * RETRY_MS - 1)
  expect(reports).toEqual([])
  await clock.advance(1)
  expect(reports).toEqual(['Error: unreachable'])
  await clock.advance(60_000)
  expect(reports).toHaveLength(2)
})

test('clients of other shards are known as such to the presence of the journal', () => {
  const { isElsewhere } = setUp()
  expect([own, ...ofTwo].map((client) => isElsewhere(client))).toEqual([false, true, true, true])
})
