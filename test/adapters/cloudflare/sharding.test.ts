/** Clients are spread evenly, always in the same way, and most stay on their shard when shards are added. */
import { expect, test } from 'vitest'
import {
  cursorOrigin,
  epochSuffix,
  fenceSuffix,
  newClientId,
  shardOf,
} from '../../../src/adapters/cloudflare/sharding.ts'
import { newEpoch } from '../../../src/core/cursor.ts'

const CLIENTS = Array.from({ length: 20_000 }, (_, i) => `user-${i}`)

test('a single shard has all clients', () => {
  expect(new Set(CLIENTS.map((client) => shardOf(client, 1)))).toEqual(new Set([0]))
})

test.each([2, 3, 16, 256])('%i shards have about the same number of clients each', (count) => {
  const sizes = new Array<number>(count).fill(0)
  for (const client of CLIENTS)
    sizes[shardOf(client, count)] = (sizes[shardOf(client, count)] ?? 0) + 1
  const fair = CLIENTS.length / count
  // Five standard deviations of a random spread.
  const slack = 5 * Math.sqrt(fair)
  expect(Math.min(...sizes)).toBeGreaterThan(fair - slack)
  expect(Math.max(...sizes)).toBeLessThan(fair + slack)
})

test('the shard of a client never changes', () => {
  const clients = ['alice', 'bob', 'zoë', '🙂', 'a'.repeat(128)]
  expect(clients.map((client) => shardOf(client, 16))).toEqual(FOREVER)
})

test('when a shard is added, a client stays on its shard or moves to the new one', () => {
  for (const count of [1, 3, 16, 255]) {
    const moved = CLIENTS.filter((client) => shardOf(client, count) !== shardOf(client, count + 1))
    expect(moved.every((client) => shardOf(client, count + 1) === count)).toBe(true)
    const fair = CLIENTS.length / (count + 1)
    expect(Math.abs(moved.length - fair)).toBeLessThan(5 * Math.sqrt(fair))
  }
})

const TIMES = [Date.now(), Date.UTC(2070)]
const epochAt = (time: number) =>
  newEpoch({ now: () => time, monotonic: () => time, every: () => () => {}, soon: () => {} })
const homes = (cursor: string, count: number) =>
  new Set(Array.from({ length: 200 }, () => shardOf(newClientId(cursor, count), count)))

test('a cursor names the shard that issued it, and the number of shards', () => {
  for (const time of TIMES) {
    for (const [shard, count] of [
      [0, 1],
      [0, 2],
      [1, 2],
      [35, 36],
      [36, 256],
      [255, 256],
    ] as const) {
      const suffix = epochSuffix(shard, count)
      const origin = { suffix, shard, count }
      expect(cursorOrigin(`${epochAt(time)}${suffix}-12000041`)).toEqual(origin)
      expect(cursorOrigin(`${epochAt(time)}${suffix}-12000041r`)).toEqual(origin)
    }
    const suffix = fenceSuffix(256)
    const origin = { suffix, shard: undefined, count: 256 }
    expect(cursorOrigin(`${epochAt(time)}${suffix}-0`)).toEqual(origin)
  }
  for (const cursor of ['', 'earliest', 'nonsense', 'lz3k9q7ab012s07-1']) {
    expect(cursorOrigin(cursor)).toBeUndefined()
  }
})

test('the epochs of a single shard have no suffix, and no two other suffixes are the same', () => {
  expect(epochSuffix(0, 1)).toBe('')
  const counts = Array.from({ length: 256 }, (_, i) => i + 1)
  const suffixes = counts.flatMap((count) => [epochSuffix(0, count), fenceSuffix(count)])
  expect(new Set(suffixes).size).toBe(512)
})

test('a connection with a cursor and without a client id gets an id on the shard that issued the cursor', () => {
  for (const time of TIMES) {
    for (const shard of [0, 1, 35, 36, 255]) {
      const cursor = `${epochAt(time)}${epochSuffix(shard, 256)}-12000041`
      expect(shardOf(newClientId(cursor, 256), 256)).toBe(shard)
    }
  }
})

test('with any other cursor, or one from another number of shards, a connection gets an id on any shard', () => {
  const suffixes = [
    epochSuffix(0, 1),
    epochSuffix(1, 2),
    epochSuffix(1, 4),
    epochSuffix(7, 8),
    fenceSuffix(3),
  ]
  const cursors = suffixes.map((suffix) => `${epochAt(Date.now())}${suffix}-1`)
  for (const cursor of ['', 'earliest', 'nonsense', 'lz3k9q7ab012s07-1', ...cursors]) {
    expect(homes(cursor, 3).size).toBe(3)
  }
})

/** Deployed hubs rely on these: they must never change. */
const FOREVER = [10, 5, 8, 7, 1]
