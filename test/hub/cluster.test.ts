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
    connections: () => ({ rows: [], total: 0 }),
    disconnect: (...args) => {
      ended.push(args)
      return 1
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

test('a hub that is alone on its backplane stores a block only, and counts no instances', async () => {
  const { instance: _, ...plane } = backplane(1, 1)
  const cluster = createCluster(plane, member())
  expect(await cluster.disconnect('alice', 0)).toEqual({ disconnected: 1 })
  expect(plane.requests.map(([, keepMs]) => keepMs)).toEqual([0])
  expect(await cluster.clients(10)).not.toHaveProperty('asked')
})
