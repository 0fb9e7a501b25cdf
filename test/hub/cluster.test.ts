/** What several hubs answer is merged, and a partial result says so; hubs of other versions do no harm. */
import { expect, test } from 'vitest'
import { type ClusterMember, createCluster } from '../../src/hub/cluster.ts'
import type { Listing } from '../../src/hub/presence.ts'
import type { Backplane } from '../../src/journal/backplane.ts'

const LISTING = {
  rows: [{ client: 'alice', connections: 1, since: 7, queuedBytes: 0 }],
  total: 1,
}

const ROW = { connection: 'c-1', client: 'alice', since: 7, queuedBytes: 0, queuedEvents: 0 }

/** A hub that records how its connections were ended. */
function member(): ClusterMember & { readonly ended: unknown[][] } {
  const ended: unknown[][] = []
  return {
    ended,
    maxLifetimeMs: 60_000,
    clients: () => LISTING,
    topics: () => ({ rows: [], total: 0 }),
    connections: () => ({ rows: [], total: 0 }),
    disconnect: (...args) => {
      ended.push(args)
      return 1
    },
    stop: (...args) => {
      ended.push(args)
      return 2
    },
  }
}

/** A backplane on which `asked` hubs give these responses to every request. */
function backplane(asked: number, ...responses: unknown[]) {
  const requests: unknown[][] = []
  const fake: Backplane = {
    instance: 'i',
    request: async (...args) => {
      requests.push(args)
      return { responses, asked }
    },
    useOnce: () => true,
  }
  return { ...fake, requests }
}

test('a list counts the instances that were asked, and those that answered', async () => {
  const cluster = createCluster(backplane(3, LISTING, LISTING), member())
  expect(await cluster.clients(10)).toMatchObject({ total: 1, asked: 3, answered: 2 })
  expect(await cluster.connections('t:news', 10)).toMatchObject({ total: 2, asked: 3, answered: 2 })
})

test.each([
  ['nothing', undefined],
  ['null', null],
  ['a word', 'unknown'],
  ['a list without a total', { rows: [] }],
  ['rows that are not objects', { rows: [null], total: 1 }],
  ['a row without a time', { rows: [{ client: 'alice' }], total: 1 }],
  ['one row of two without a time', { rows: [...LISTING.rows, { client: 'bob' }], total: 2 }],
])(
  'an instance of another version that answers with %s counts as not answering',
  async (_, odd) => {
    const cluster = createCluster(backplane(2, LISTING, odd), member())
    expect(await cluster.clients(10)).toMatchObject({ total: 1, asked: 2, answered: 1 })
    expect(await cluster.connections('t:news', 10)).toMatchObject({ asked: 2, answered: 1 })
    expect(await cluster.disconnect('alice', 0)).toEqual({ disconnected: 0, asked: 2, answered: 0 })
  },
)

test.each([
  ['null', null],
  ['a word', 'clients'],
  ['an unknown request', { type: 'weather', client: 'alice' }],
  ['a request without its client', { type: 'disconnect' }],
  ['a request without its time', { type: 'dismiss', client: 'alice' }],
  ['an unknown request with a time', { type: 'weather', client: 'alice', keepMs: 1 }],
  ['an unknown request with a key', { type: 'weather', key: 't:news', limit: 1 }],
  ['a request without its key', { type: 'connections', limit: 1 }],
])('%s gets no response', (_, request) => {
  const self = member()
  expect(createCluster(backplane(1), self).respond(request, 0)).toBeUndefined()
  expect(self.ended).toEqual([])
})

test('a disconnect is stored for as long as a connection can last, and ends only those that were open', async () => {
  const plane = backplane(3, 1, 2)
  const self = member()
  const cluster = createCluster(plane, self)
  expect(await cluster.disconnect('alice', 0)).toEqual({ disconnected: 3, asked: 3, answered: 2 })
  const [[request]] = plane.requests as [[unknown]]
  expect(plane.requests).toEqual([[request, 60_000, 'answered']])
  cluster.respond(request, 60_000)
  cluster.respond(request, 45_000)
  expect(self.ended).toEqual([
    ['alice', 0, 0],
    ['alice', 0, 15_000],
  ])
})

test('a block is stored until it ends, however many instances answered', async () => {
  const plane = backplane(1, 1)
  const self = member()
  await createCluster(plane, self).disconnect('alice', 5_000)
  expect(plane.requests.map(([, ...rest]) => rest)).toEqual([
    [5_000, undefined],
    [60_000, 'answered'],
  ])
  createCluster(plane, self).respond(plane.requests[0]?.[0], 4_000)
  expect(self.ended).toEqual([['alice', 4_000]])
})

test('a response that one message can’t carry is cut, and its total stays complete', () => {
  const topics = Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(128, 'x'))
  const connections = (count: number) => () => {
    const rows = Array.from({ length: count }, () => ({ ...ROW, topics }))
    return { rows, total: count }
  }
  const answer = (count: number) => {
    const self = { ...member(), connections: connections(count) }
    const request = { type: 'connections', key: 't:news', limit: 10_000 }
    return createCluster(backplane(1), self).respond(request, 0) as Listing<unknown>
  }
  expect(answer(100).rows).toHaveLength(100)
  const { rows, total } = answer(3_000)
  expect(total).toBe(3_000)
  expect(rows.length).toBeGreaterThan(100)
  expect(JSON.stringify(rows).length).toBeLessThan(1_100_000)
})

test.each([
  [1_024, 1_024],
  [1_025, 1_024],
  [10_240, 1_024],
])('of %d rows of 1 KiB a response carries %d', (count, carried) => {
  const rows = Array.from({ length: count }, () => ({ pad: 'x'.repeat(1_014) }))
  const connections = () => ({ rows: rows as unknown as [], total: count })
  const request = { type: 'connections', key: 't:news', limit: count }
  const response = createCluster(backplane(1), { ...member(), connections }).respond(request, 0)
  expect((response as Listing<unknown>).rows).toHaveLength(carried)
  expect(response).toHaveProperty('total', count)
})

test('a hub that is alone on its backplane stores a block only, and counts no instances', async () => {
  const { instance: _, ...plane } = backplane(1, 1)
  const cluster = createCluster(plane, member())
  expect(await cluster.disconnect('alice', 0)).toEqual({ disconnected: 1 })
  expect(plane.requests.map(([, keepMs]) => keepMs)).toEqual([0])
  expect(await cluster.clients(10)).not.toHaveProperty('asked')
})

test('the clients of several hubs are merged: longest connected first, up to the limit', async () => {
  const row = (client: string, since: number) => ({ client, connections: 1, since, queuedBytes: 5 })
  const one = { rows: [row('alice', 7), row('bob', 9)], total: 3 }
  const other = { rows: [row('carol', 1), row('alice', 3)], total: 2 }
  const cluster = createCluster(backplane(2, one, other), member())
  const alice = { client: 'alice', connections: 2, since: 3, queuedBytes: 10 }
  expect(await cluster.clients(2)).toMatchObject({ rows: [row('carol', 1), alice], total: 4 })
  expect((await cluster.clients(9)).rows).toEqual([row('carol', 1), alice, row('bob', 9)])
})

test('the topics of several hubs are merged in alphabetical order, up to the limit', async () => {
  const row = (topic: string, connections: number) => ({ topic, connections })
  const one = { rows: [row('b', 1), row('d', 2)], total: 2 }
  const other = { rows: [row('a', 4), row('b', 8)], total: 2 }
  const plane = backplane(2, one, other)
  const cluster = createCluster(plane, member())
  expect(await cluster.topics(2)).toEqual({
    rows: [row('a', 4), row('b', 9)],
    total: 3,
    asked: 2,
    answered: 2,
  })
  expect((await cluster.topics(9)).rows).toEqual([row('a', 4), row('b', 9), row('d', 2)])
  expect(plane.requests[0]).toEqual([
    { type: 'topics', limit: 2, maxCharacters: 1_048_576 },
    0,
    undefined,
  ])
})

test('an instance of an earlier version, which has no list of topics, counts as not answering', async () => {
  const listing = { rows: [{ topic: 'a', connections: 1 }], total: 1 }
  for (const odd of [undefined, LISTING, { rows: [{ topic: 'b' }], total: 1 }]) {
    const cluster = createCluster(backplane(2, listing, odd), member())
    expect(await cluster.topics(10)).toEqual({ ...listing, asked: 2, answered: 1 })
  }
})

test('the topics of many hubs are exact up to where the first list was cut', async () => {
  const name = (at: number) => `${String(at).padStart(6, '0')}`.padEnd(128, 'x')
  // Each of 20 hubs has twice the rows that its response may have; every third topic is on two hubs.
  const lists = Array.from({ length: 20 }, (_, hub) => {
    const topics = Array.from({ length: 4_000 }, (_, at) => at * 20 + hub)
    const others = topics.filter((at) => at % 3 === 0).map((at) => at + 1)
    const all = [...new Set([...topics, ...others])].sort((one, other) => one - other)
    return all.map((at) => ({ topic: name(at), connections: 1 }))
  })
  const members = lists.map((rows) => ({
    ...member(),
    topics: (limit: number) => ({ rows: rows.slice(0, limit), total: rows.length }),
  }))
  const plane: Backplane = {
    ...backplane(20),
    instances: 20,
    request: async (request) => {
      const responses = members.map((self) => createCluster(plane, self).respond(request, 0))
      expect(JSON.stringify(responses).length).toBeLessThan(10_000_000)
      return { responses, asked: 20 }
    },
  }
  const { rows } = await createCluster(plane, member()).topics(10_000)
  expect(rows).toHaveLength(10_000)
  expect(rows).toEqual(
    rows.map((_, at) => ({ topic: name(at), connections: at % 3 === 1 ? 2 : 1 })),
  )
})

test('the connections of several hubs are listed up to the limit', async () => {
  const listing = { rows: [ROW, ROW], total: 2 }
  const cluster = createCluster(backplane(2, listing, listing), member())
  expect(await cluster.connections('t:news', 3)).toMatchObject({ rows: [ROW, ROW, ROW], total: 4 })
})

/** Hubs on one backplane, each with these clients or connections. */
function hubs<Row extends { client: string; since: number }>(lists: readonly (readonly Row[])[]) {
  const sizes: number[] = []
  const members = lists.map((rows) => {
    const list = (limit: number) => ({ rows: rows.slice(0, limit), total: rows.length })
    const clients = (limit: number, names?: readonly string[]) => {
      const wanted = names && new Set(names)
      const found = wanted ? rows.filter(({ client }) => wanted.has(client)) : rows
      return { rows: found.slice(0, limit), total: found.length }
    }
    return { ...member(), clients, connections: (_: string, limit: number) => list(limit) }
  })
  const all: Backplane = {
    instance: 'i',
    instances: lists.length,
    request: async (request) => {
      const texts = members.map((self) =>
        JSON.stringify(createCluster(all, self as unknown as ClusterMember).respond(request, 0)),
      )
      sizes.push(texts.reduce((sum, { length }) => sum + length, 0))
      return { responses: texts.map((text) => JSON.parse(text) as unknown), asked: lists.length }
    },
    useOnce: () => true,
  }
  return { cluster: createCluster(all, member()), sizes }
}

test('the first connections of many hubs are listed in order, up to where the first list was cut', async () => {
  const topics = Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(128, 'x'))
  // 20 hubs, each with ten times the rows that one response may have.
  const lists = Array.from({ length: 20 }, (_, hub) =>
    Array.from({ length: 1_600 }, (_, at) => {
      return { ...ROW, connection: `${hub}-${at}`, since: at * 20 + hub + (hub % 3) * 500, topics }
    }),
  )
  const { cluster, sizes } = hubs(lists)
  const { rows, total, asked, answered } = await cluster.connections('t:news', 10_000)
  expect([total, asked, answered]).toEqual([32_000, 20, 20])
  const sorted = lists.flat().sort((one, other) => one.since - other.since)
  expect(rows.length).toBeGreaterThan(500)
  expect(rows.map(({ connection }) => connection)).toEqual(
    sorted.slice(0, rows.length).map(({ connection }) => connection),
  )
  // The bytes that Redis holds for a slow subscriber, at three bytes for each character.
  expect(sizes.every((size) => 3 * size < 32_000_000)).toBe(true)
})

test('the first clients of many hubs are listed with all their connections, however long the lists are', async () => {
  const name = (at: number) => `client-${at}`.padEnd(128, 'x')
  // Client n is connected to hub n modulo 20, and every tenth one also to the next hub, much later.
  const lists = Array.from({ length: 20 }, (_, hub) => {
    const row = (at: number, since: number) => {
      return { client: name(at), connections: 1, since, queuedBytes: 1 }
    }
    const own = Array.from({ length: 3_000 }, (_, i) => row(i * 20 + hub, i * 20 + hub))
    const others = own.filter((_, i) => i % 10 === 0)
    const late = others.map(({ since }) => row(since - (since % 20) + ((hub + 19) % 20), 1e9))
    return [...own, ...late]
  })
  const { cluster, sizes } = hubs(lists)
  const { rows, total, answered } = await cluster.clients(10_000)
  expect(answered).toBe(20)
  expect(rows).toHaveLength(10_000)
  expect(rows.map(({ client }) => client)).toEqual(rows.map((_, at) => name(at)))
  const doubled = rows.filter(({ connections }) => connections === 2)
  expect(doubled.map(({ since }) => Math.floor(since / 20) % 10)).toEqual(doubled.map(() => 0))
  expect(doubled).toHaveLength(1_000)
  // Those beyond the list count for each hub that they are connected to.
  expect(total).toBe(65_000)
  expect(sizes.every((size) => 3 * size < 32_000_000)).toBe(true)
})

test('a request is sent with what the other hubs need', async () => {
  const plane = backplane(1, LISTING)
  const cluster = createCluster(plane, member())
  await cluster.clients(3)
  await cluster.connections('t:news', 4)
  await cluster.disconnect('alice', 5_000)
  expect(plane.requests).toEqual([
    [{ type: 'clients', limit: 3, maxCharacters: 1_048_576 }, 0, undefined],
    [{ type: 'connections', key: 't:news', limit: 4, maxCharacters: 1_048_576 }, 0, undefined],
    [{ type: 'disconnect', client: 'alice' }, 5_000, undefined],
    [{ type: 'dismiss', client: 'alice', keepMs: 60_000 }, 60_000, 'answered'],
  ])
})

test('a request without a valid limit gets a list without rows', () => {
  const limits: number[] = []
  const self = {
    ...member(),
    clients: (limit: number) => {
      limits.push(limit)
      return LISTING
    },
  }
  for (const limit of ['x', -1, Number.NaN, 3]) {
    createCluster(backplane(1), self).respond({ type: 'clients', limit }, 0)
  }
  expect(limits).toEqual([0, 0, 0, 3])
})

test('an instance without clients answers, too', async () => {
  const cluster = createCluster(backplane(2, LISTING, { rows: [], total: 0 }), member())
  expect(await cluster.clients(10)).toMatchObject({ total: 1, asked: 2, answered: 2 })
})

test('of a block and what follows it the larger number was asked, and the smaller one answered', async () => {
  const results = [
    { responses: [1], asked: 3 },
    { responses: [0, 0], asked: 2 },
  ]
  const request = async () => results.shift() ?? { responses: [], asked: 0 }
  const cluster = createCluster({ ...backplane(0), request }, member())
  expect(await cluster.disconnect('alice', 5_000)).toEqual({
    disconnected: 1,
    asked: 3,
    answered: 1,
  })
})

const { instance: _, ...ALONE } = backplane(0)

test.each([
  ['without a backplane', undefined],
  ['alone on its backplane', ALONE],
])('the list of a hub %s is cut to a megabyte', async (_, plane) => {
  const rows = Array.from({ length: 1_000 }, () => ({ ...ROW, topics: ['x'.repeat(1_500)] }))
  const connections = () => ({ rows, total: 1_000 })
  const clients = () => ({
    rows: rows.map(() => ({ ...LISTING.rows[0], client: 'x'.repeat(1_500) })),
    total: 1_000,
  })
  const topics = () => ({
    rows: rows.map(() => ({ topic: 'x'.repeat(1_500), connections: 1 })),
    total: 1_000,
  })
  const cluster = createCluster(plane, {
    ...member(),
    clients,
    topics,
    connections,
  } as ClusterMember)
  for (const list of [
    await cluster.clients(1_000),
    await cluster.topics(1_000),
    await cluster.connections('t:news', 1_000),
  ]) {
    expect(list.total).toBe(1_000)
    expect(list.rows.length).toBeGreaterThan(600)
    expect(JSON.stringify(list.rows).length).toBeLessThan(1_048_576 + 1_000)
  }
})

/** A backplane whose first and second request get these responses. */
function answering(...answers: readonly (readonly unknown[])[]) {
  const plane = backplane(2)
  let count = 0
  const request: Backplane['request'] = async (...args) => {
    plane.requests.push(args)
    count += 1
    return { responses: answers[count - 1] ?? [], asked: 2 }
  }
  return { ...plane, request }
}

test('clients are asked for by name if a list of them was cut, and the fewest answers count', async () => {
  const row = (client: string) => ({ client, connections: 1, since: 7, queuedBytes: 0 })
  const cut = { rows: [row('bob')], total: 5 }
  const plane = answering([LISTING, cut], [LISTING])
  const list = await createCluster(plane, member()).clients(10)
  expect(plane.requests.map(([request]) => request)).toMatchObject([
    { type: 'clients', limit: 10 },
    { type: 'clients', limit: 2, of: ['alice', 'bob'] },
  ])
  expect(list).toMatchObject({ total: 6, asked: 2, answered: 1 })
})

test('if lists were cut or a hub did not respond, the total is the number that is stored', async () => {
  const row = (client: string) => ({ client, connections: 1, since: 7, queuedBytes: 0 })
  const cut = { rows: [row('alice')], total: 5 }
  const total = async (plane: Backplane, counted: number | undefined) => {
    const countClients = async () => counted
    return (await createCluster(plane, { ...member(), countClients }).clients(10)).total
  }
  // Alice is connected to both; so may others be.
  expect(await total(answering([cut, cut], [LISTING, LISTING]), 5)).toBe(5)
  expect(await total(answering([cut, cut], [LISTING, LISTING]), undefined)).toBe(9)
  expect(await total(answering([LISTING]), 4)).toBe(4)
  // It may be older than the lists.
  expect(await total(answering([LISTING]), 0)).toBe(1)
  expect(await total(answering([LISTING, LISTING]), 4)).toBe(1)
})

test.each([
  [0, []],
  [1_000, [1_000]],
  [1_001, [1_000, 1]],
])('of %i clients, a thousand are asked for at a time', async (count, parts) => {
  const rows = Array.from({ length: count }, (_, n) => ({ ...LISTING.rows[0], client: `c${n}` }))
  const listing = { rows, total: count + 1 }
  const plane = answering([listing], [listing], [listing])
  await createCluster(plane, member()).clients(10_000)
  const [, ...named] = plane.requests.map(([request]) => request as { of: string[] })
  expect(named.map(({ of }) => of.length)).toEqual(parts)
})

test.each([1_000, 1_001, 10_000])(
  'of %i clients that are asked for, a hub looks for a thousand',
  (count) => {
    const looked: unknown[] = []
    const clients = (limit: number, names?: readonly string[]) => {
      looked.push(limit, names?.length)
      return LISTING
    }
    const of = Array.from({ length: count }, (_, n) => n)
    createCluster(backplane(1), { ...member(), clients }).respond(
      { type: 'clients', limit: 7, of },
      0,
    )
    expect(looked).toEqual([7, 1_000])
  },
)

test('a stop ends the pipes of this hub, and is asked of all hubs', async () => {
  const plane = answering([0, 1, 'nonsense'])
  const own = member()
  const cluster = createCluster(plane, own)
  expect(await cluster.stop('alice', 'answer')).toEqual({ stopped: 3, asked: 2, answered: 2 })
  const [[request] = []] = plane.requests
  expect(cluster.respond(request, 0)).toBe(2)
  expect(own.ended).toEqual([
    ['alice', 'answer'],
    ['alice', 'answer'],
  ])
  expect(cluster.respond({ type: 'stop', client: 'alice' }, 0)).toBeUndefined()
})

test('a stop ends the pipes of this hub even if the others are out of reach', async () => {
  const own = member()
  const request = () => Promise.reject(new Error('no Redis'))
  const cluster = createCluster({ ...backplane(2), request }, own)
  await expect(cluster.stop('alice', 'answer')).rejects.toThrow('no Redis')
  expect(own.ended).toEqual([['alice', 'answer']])
})
