/** Shards that fence each other before they serve with a new number of shards. Each has an epoch that outlives it. */
import { describe, expect, test } from 'vitest'
import {
  createResharding,
  initialEpochSuffix,
  isResharding,
  type Resharding,
} from '../../../src/adapters/cloudflare/resharding.ts'
import { epochSuffix } from '../../../src/adapters/cloudflare/sharding.ts'
import { newEpoch } from '../../../src/core/cursor.ts'

let ms = 1_800_000_000_000
/** No two epochs start in the same millisecond. */
const clock = { now: () => ms++, monotonic: () => ms++, every: () => () => {}, soon: () => {} }

/** Lets the event loop turn: work that waits only for promises is done by then. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Shards and their disks. The test decides which of them run, and with which number of shards. */
function setUp() {
  const disks = new Map<number, string>()
  const running = new Map<number, Resharding>()
  const counts = new Map<number, number>()
  const unreachable = new Set<number>()
  const fenced: [by: number, shard: number][] = []
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
    let epoch = disks.get(shard) ?? newEpoch(clock) + initialEpochSuffix(count)
    disks.set(shard, epoch)
    counts.set(shard, count)
    const journal = {
      head: () => ({ id: `${epoch}-1`, sequence: 1 }),
      startEpoch: (suffix: string) => {
        epoch = newEpoch(clock) + suffix
      },
    }
    const sync = async () => {
      await turns(2)
      disks.set(shard, epoch)
    }
    const fenceShard = async (other: number) => {
      fenced.push([shard, other])
      await Promise.resolve()
      // Fails only after the others have responded.
      if (unreachable.has(other)) await turns(20)
      if (unreachable.has(other)) throw new Error('It is unreachable.')
      await at(other).fence(count)
    }
    return createResharding({ shard, count, journal, sync, fenceShard })
  }

  /** Serves one request on a shard, from a Worker of its deployment; returns the epoch that it is served in. */
  async function serve(shard: number): Promise<string> {
    const resharding = at(shard)
    await resharding.ensureReady(counts.get(shard) ?? configured)
    return disks.get(shard) ?? ''
  }

  return { unreachable, fenced, deploy, serve, at, epoch: (shard: number) => disks.get(shard) }
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

test('each shard fences all others once, when it first serves, and its epoch ends with its suffix', async () => {
  const { deploy, serve, fenced } = setUp()
  deploy(3)
  const epochs = [await serve(0), await serve(1), await serve(2)]
  expect(epochs.map((epoch) => epoch.slice(12))).toEqual(
    [0, 1, 2].map((shard) => epochSuffix(shard, 3)),
  )
  expect(fenced).toHaveLength(6)
  deploy(3)
  expect([await serve(0), await serve(1), await serve(2)]).toEqual(epochs)
  expect(fenced).toHaveLength(6)
})

test('concurrent requests wait for the same fencing', async () => {
  const { deploy, serve, fenced } = setUp()
  deploy(3)
  const epochs = await Promise.all([0, 1, 2, 2, 1, 0].map(serve))
  expect(epochs.slice(3)).toEqual(epochs.slice(0, 3).reverse())
  expect(fenced).toHaveLength(6)
})

test('no request is served before the epoch is on disk', async () => {
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

test('a shard serves nothing until it has fenced all others, and remembers how many that is', async () => {
  const { deploy, serve, unreachable, epoch } = setUp()
  deploy(3)
  const before = [await serve(0), await serve(1), await serve(2)]
  unreachable.add(2)
  deploy(2)
  expect(await refuses(serve(1))).toBe(true)
  expect(epoch(1)).toBe(before[1])
  // Shard 1 has fenced shard 0 as one of two; shard 0 must still remember that shard 2 exists.
  deploy(2)
  expect(await refuses(serve(0))).toBe(true)
  unreachable.clear()
  await serve(0)
  deploy(3)
  expect(await serve(2)).not.toBe(before[2])
})

test('of two shards with different numbers of shards, at most one gets ready at a time', async () => {
  const { deploy, serve, at } = setUp()
  deploy(3)
  for (const own of [0, 1, 2]) await serve(own)
  // Shard 2 runs on as one of three; shard 0 restarts as one of two.
  deploy(2, [2])
  await Promise.allSettled([at(2).fence(4)])
  const both = await Promise.all([refuses(serve(0)), refuses(serve(2))])
  expect(both).toContain(true)
  // Only the epoch of the shard that got ready last stays valid.
  const two = await serve(0)
  expect(await serve(2)).not.toBe(two)
  expect(await serve(0)).not.toBe(two)
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
