/** Shards that fence each other before they serve with a new number of shards. Each has an epoch that outlives it. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createFencedJournal,
  createResharding,
  initialEpochSuffix,
  isResharding,
  REQUESTS_PER_CALL,
  type Resharding,
} from '../../../src/adapters/cloudflare/resharding.ts'
import { epochSuffix, shardOf } from '../../../src/adapters/cloudflare/sharding.ts'
import { clientKey, clientOf, EVERYONE, topicKey } from '../../../src/core/address.ts'
import { newEpoch } from '../../../src/core/cursor.ts'
import type { SqliteJournal, StoredControlRequest } from '../../../src/journal/sqlite/journal.ts'
import { manualClock } from '../../support/clock.ts'

let ms = 1_800_000_000_000
/** No two epochs start in the same millisecond. */
const epochClock = { ...manualClock(), now: () => ms++ }

/** Lets the event loop turn: work that waits only for promises is done by then. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Shards and their disks. The test decides which of them run, and with which number of shards. */
function setUp() {
  const disks = new Map<number, string>()
  const blocks = new Map<number, Map<string, number>>()
  const running = new Map<number, Resharding>()
  const counts = new Map<number, number>()
  const unreachable = new Set<number>()
  /** Shards whose calls are never answered. */
  const hanging = new Set<number>()
  const clock = manualClock()
  const fenced: number[] = []
  /** What each shard retains: the value of the address with this key. */
  const retained = new Map<number, Map<string, number>>()
  const calls: number[] = []
  let configured = 0

  /** Restarts all shards with a new number of shards, except those in `keep`, which run on unchanged. */
  function deploy(count: number, keep: readonly number[] = []): void {
    configured = count
    for (const shard of running.keys()) if (!keep.includes(shard)) running.delete(shard)
  }

  function at(shard: number): Resharding {
    const resharding = running.get(shard) ?? start(shard, configured)
    running.set(shard, resharding)
    return resharding
  }

  function start(shard: number, count: number): Resharding {
    let epoch = disks.get(shard) ?? newEpoch(epochClock) + initialEpochSuffix(count)
    disks.set(shard, epoch)
    counts.set(shard, count)
    const journal = {
      head: () => ({ id: `${epoch}-1`, sequence: 1 }),
      startEpoch: (suffix: string, isKept: (key: string) => boolean) => {
        epoch = newEpoch(epochClock) + suffix
        const own = [...(retained.get(shard) ?? [])]
        retained.set(shard, new Map(own.filter(([key]) => isKept(key))))
      },
      backplane: {
        request: async (request: unknown, keepMs: number) => {
          block(shard, JSON.stringify(request), keepMs)
          return { responses: [], asked: 1 }
        },
      },
    }
    const sync = async () => {
      await turns(2)
      disks.set(shard, epoch)
    }
    const fenceShard = async (other: number) => {
      expect(shard).toBe(0)
      fenced.push(other)
      await Promise.resolve()
      if (hanging.has(other)) await new Promise(() => {})
      // Fails only after the others have responded.
      if (unreachable.has(other)) await turns(20)
      if (unreachable.has(other)) throw new Error('It is unreachable.')
      await at(other).fence(count)
    }
    const requestsOfFirst = async (after: string): Promise<readonly StoredControlRequest[]> => {
      calls.push(shard)
      await Promise.resolve()
      if (unreachable.has(0)) throw new Error('It is unreachable.')
      if (after && hanging.has(0)) await new Promise(() => {})
      await at(0).ensureReady(count)
      const stored = [...(blocks.get(0) ?? [])].filter(([text]) => text > after).sort()
      return stored
        .slice(0, REQUESTS_PER_CALL)
        .map(([text, remainingMs]) => ({ text, remainingMs }))
    }
    const others = { sync, endStreams: () => {}, fenceShard, requestsOfFirst }
    return createResharding({ shard, count, journal, clock, ...others })
  }

  /** Stores a block on a shard. */
  function block(shard: number, text: string, ms: number): void {
    blocks.set(shard, (blocks.get(shard) ?? new Map()).set(text, ms))
  }

  /** Serves one request on a shard, from a Worker of its deployment; returns the epoch that it is served in. */
  async function serve(shard: number): Promise<string> {
    const resharding = at(shard)
    await resharding.ensureReady(counts.get(shard) ?? configured)
    return disks.get(shard) ?? ''
  }

  return {
    unreachable,
    hanging,
    clock,
    fenced,
    calls,
    deploy,
    serve,
    at,
    block,
    blocks,
    retained,
    epoch: (shard: number) => disks.get(shard),
  }
}

const refuses = (promise: Promise<unknown>) => promise.then(() => undefined, isResharding)

test('a single shard fences no others and keeps its epoch', async () => {
  const { deploy, serve, fenced } = setUp()
  deploy(1)
  const epoch = await serve(0)
  deploy(1)
  expect(await serve(0)).toBe(epoch)
  expect(fenced).toEqual([])
})

test('the first shard fences each other shard once, each calls the first once, and epochs end with the suffix', async () => {
  const { deploy, serve, fenced, calls } = setUp()
  deploy(3)
  const epochs = [await serve(0), await serve(1), await serve(2)]
  expect(epochs.map((epoch) => epoch.slice(12))).toEqual(
    [0, 1, 2].map((shard) => epochSuffix(shard, 3)),
  )
  deploy(3)
  expect([await serve(0), await serve(1), await serve(2)]).toEqual(epochs)
  expect([fenced, calls]).toEqual([
    [1, 2],
    [1, 2],
  ])
})

test('concurrent requests wait for the same fencing', async () => {
  const { deploy, serve, fenced, calls } = setUp()
  deploy(3)
  const epochs = await Promise.all([0, 1, 2, 2, 1, 0].map(serve))
  expect(epochs.slice(3)).toEqual(epochs.slice(0, 3).reverse())
  expect([fenced.length, calls.length]).toEqual([2, 2])
})

test('no request is served before the epoch is stored', async () => {
  const { deploy, serve } = setUp()
  deploy(2)
  const first = serve(0)
  let over = false
  void first.then(() => {
    over = true
  })
  const others: Promise<string>[] = []
  while (!over) {
    others.push(serve(0))
    await turns(1)
  }
  expect(new Set(await Promise.all(others))).toEqual(new Set([await first]))
})

describe('no epoch becomes valid again when the number of shards changes back, whichever shards served meanwhile:', () => {
  const deployments = [
    [3, 1, 3],
    [1, 2, 1],
    [2, 4, 3, 2],
    [4, 3, 1, 4],
    [3, 4, 3],
    [1, 2, 3, 1],
  ]
  test.each(deployments)('%j', async (...counts) => {
    const first = counts[0] ?? 0
    // Every deployment between the first and the last serves on one shard only.
    const paths = counts
      .slice(1, -1)
      .reduce<number[][]>(
        (longer, count) =>
          longer.flatMap((path) => Array.from({ length: count }, (_, shard) => [...path, shard])),
        [[]],
      )
    for (const path of paths) {
      const { deploy, serve } = setUp()
      deploy(first)
      const range = Array.from({ length: first }, (_, shard) => shard)
      const before = await Promise.all(range.map(serve))
      for (const [i, shard] of path.entries()) {
        deploy(counts[i + 1] ?? 0)
        await serve(shard)
      }
      deploy(first)
      for (const shard of range) expect(await serve(shard)).not.toBe(before[shard])
    }
  })
})

test('no shard serves before the first has fenced all others, and the first stores their number', async () => {
  const { deploy, serve, unreachable, epoch } = setUp()
  deploy(3)
  const before = [await serve(0), await serve(1), await serve(2)]
  unreachable.add(2)
  deploy(2)
  expect(await refuses(serve(1))).toBe(true)
  // The first shard has served as one of three, and remembers after a restart that shard 2 exists.
  expect(epoch(0)).toBe(before[0])
  deploy(2)
  expect(await refuses(serve(0))).toBe(true)
  unreachable.clear()
  await serve(0)
  deploy(3)
  expect(await serve(2)).not.toBe(before[2])
})

test('a shard that missed a deployment serves nothing, and none of its cursors becomes valid again', async () => {
  const { deploy, serve } = setUp()
  deploy(3)
  for (const own of [0, 1, 2]) await serve(own)
  const before = await serve(2)
  // Shard 2 runs on as one of three; the first restarts as one of two.
  deploy(2, [2])
  const two = await serve(0)
  expect(await refuses(serve(2))).toBe(true)
  // A shard that is fenced while it asks does not become ready either.
  deploy(3, [0])
  const asking = refuses(serve(2))
  expect(await asking).toBe(true)
  deploy(3)
  expect([await serve(0), await serve(2)]).not.toContain(before)
  expect(await serve(0)).not.toBe(two)
})

test('a shard that is fenced with another number while it waits for the first shard does not serve', async () => {
  const { deploy, serve, at } = setUp()
  deploy(3)
  await serve(0)
  const asking = refuses(serve(1))
  await at(1).fence(2)
  expect(await asking).toBe(true)
  expect(await refuses(serve(1))).toBe(undefined)
})

test('when the number of shards changes, each shard is called once', async () => {
  const { deploy, serve, fenced, calls } = setUp()
  const everywhere = (count: number) =>
    Promise.all(Array.from({ length: count }, (_, shard) => serve(shard)))
  deploy(64)
  await everywhere(64)
  fenced.length = 0
  calls.length = 0
  deploy(128)
  await everywhere(128)
  expect([fenced.length, calls.length]).toEqual([127, 127])
})

test('a call without a response ends after ten seconds, and only that shard is called again', async () => {
  const { deploy, serve, fenced, hanging, clock } = setUp()
  deploy(4)
  hanging.add(2)
  const outcomes = Promise.all([refuses(serve(0)), refuses(serve(1))])
  await turns(10)
  expect(fenced).toEqual([1, 2, 3])
  await clock.advance(10_000)
  expect(await outcomes).toEqual([true, true])
  hanging.clear()
  await serve(1)
  expect(fenced).toEqual([1, 2, 3, 2])
  await turns(10)
  expect(clock.timers).toBe(0)
})

test('shards that stay keep what is retained, and no shard has an old value of it', async () => {
  const count = fc.integer({ min: 1, max: 5 })
  /** The shards that serve requests between two deployments; the others sleep. */
  const awake = fc.uniqueArray(fc.integer({ min: 0, max: 4 }))
  const deployment = fc.record({ count, awake, isReached: fc.boolean() })
  const clients = Array.from({ length: 20 }, (_, n) => `user-${n}`)
  const addresses = [EVERYONE, topicKey('news'), ...clients.map(clientKey)]
  const belongs = (key: string, shard: number, all: number) => {
    const client = clientOf(key)
    return shard < all && (client === undefined || shardOf(client, all) === shard)
  }
  await fc.assert(
    fc.asyncProperty(fc.array(deployment, { minLength: 2, maxLength: 8 }), async (steps) => {
      const { deploy, serve, unreachable, retained } = setUp()
      const shards = [0, 1, 2, 3, 4]
      let value = 0
      /** The shards that have had each address all the time, whichever deployments were tried. */
      const stayed = new Map<string, number[]>()
      for (const step of steps) {
        deploy(step.count)
        if (!step.isReached) unreachable.add(step.count - 1)
        for (const shard of step.awake) await serve(shard).catch(() => {})
        unreachable.clear()
        for (const [key, kept] of stayed) {
          stayed.set(
            key,
            kept.filter((shard) => belongs(key, shard, step.count)),
          )
        }
        if (!step.isReached) continue
        for (const shard of shards.slice(0, step.count)) await serve(shard)
        for (const key of addresses) {
          const own = shards.filter((shard) => belongs(key, shard, step.count))
          const values = own.map((shard) => retained.get(shard)?.get(key))
          for (const one of values) expect([undefined, value]).toContain(one)
          for (const shard of stayed.get(key) ?? []) {
            expect(retained.get(shard)?.get(key)).toBe(value)
          }
          stayed.set(key, own)
        }
        value += 1
        for (const key of addresses) {
          for (const shard of stayed.get(key) ?? []) {
            retained.set(shard, (retained.get(shard) ?? new Map()).set(key, value))
          }
        }
      }
    }),
    { numRuns: 200 },
  )
})

test('a shard beyond the number of shards serves nothing', async () => {
  const { deploy, serve } = setUp()
  deploy(2)
  expect(await refuses(serve(2))).toBe(true)
})

test('a shard serves no request from a Worker with another number of shards', async () => {
  const { deploy, serve, at, epoch } = setUp()
  deploy(3)
  const before = await serve(1)
  for (const count of [1, 2, 4, Number.NaN]) {
    expect(await refuses(at(1).ensureReady(count))).toBe(true)
  }
  expect(epoch(1)).toBe(before)
  expect(await serve(1)).toBe(before)
})

const MANY = Array.from({ length: 2 * REQUESTS_PER_CALL + 1 }, (_, i) => `"user ${i}"`)

test('a shard has all blocks of the first one before it serves', async () => {
  const { deploy, serve, block, blocks, calls } = setUp()
  deploy(1)
  await serve(0)
  for (const text of MANY) block(0, text, 1_000)
  deploy(3)
  await serve(2)
  expect(blocks.get(2)).toEqual(blocks.get(0))
  expect(calls).toEqual([2, 2, 2])
  // A shard that has served before missed the blocks of the time between.
  deploy(2)
  await serve(1)
  block(0, '"late"', 2_000)
  deploy(3)
  await serve(2)
  expect(blocks.get(2)?.get('"late"')).toBe(2_000)
})

test('a shard does not serve while the first one lists only some of its blocks', async () => {
  const { deploy, serve, block, blocks, hanging, clock } = setUp()
  deploy(1)
  await serve(0)
  for (const text of MANY) block(0, text, 1_000)
  deploy(2)
  hanging.add(0)
  const refused = refuses(serve(1))
  while (!blocks.get(1)) await turns(1)
  await clock.advance(10_000)
  expect(await refused).toBe(true)
  hanging.clear()
  await serve(1)
  expect(blocks.get(1)?.size).toBe(MANY.length)
  expect(clock.timers).toBe(0)
})

test('a fenced shard stores no block: it could serve later without one that others have', async () => {
  const stored: unknown[] = []
  let serving = true
  const request = async (body: unknown) => {
    stored.push(body)
    return { responses: [], asked: 1 }
  }
  const journal = { backplane: { request, useOnce: () => true } } as unknown as SqliteJournal
  const presence = { follow: () => ({ update: () => {}, close: () => {} }) }
  const { backplane } = createFencedJournal(journal, presence, () => serving)
  expect(backplane?.presence).toBe(presence)
  await backplane?.request('block', 1_000)
  serving = false
  await expect(backplane?.request('block', 1_000)).rejects.toMatchObject({
    code: 'journal-unavailable',
  })
  await backplane?.request('list', 0)
  expect(stored).toEqual(['block', 'list'])
})
