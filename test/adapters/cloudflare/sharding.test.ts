/** Clients are spread evenly, for good, and most stay where they are when objects are added. */
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

test('one object has all clients', () => {
  expect(new Set(CLIENTS.map((client) => shardOf(client, 1)))).toEqual(new Set([0]))
})

test.each([2, 3, 16, 256])('%i objects have about as many clients each', (count) => {
  const sizes = new Array<number>(count).fill(0)
  for (const client of CLIENTS)
    sizes[shardOf(client, count)] = (sizes[shardOf(client, count)] ?? 0) + 1
  const fair = CLIENTS.length / count
  // Five standard deviations of a spread by chance.
  const slack = 5 * Math.sqrt(fair)
  expect(Math.min(...sizes)).toBeGreaterThan(fair - slack)
  expect(Math.max(...sizes)).toBeLessThan(fair + slack)
})

test('a client has the same object today and tomorrow', () => {
  const clients = ['alice', 'bob', 'zoë', '🙂', 'a'.repeat(128)]
  expect(clients.map((client) => shardOf(client, 16))).toEqual(FOREVER)
})

test('with one object more a client stays, or moves to the new one', () => {
  for (const count of [1, 3, 16, 255]) {
    const moved = CLIENTS.filter((client) => shardOf(client, count) !== shardOf(client, count + 1))
    expect(moved.every((client) => shardOf(client, count + 1) === count)).toBe(true)
    const fair = CLIENTS.length / (count + 1)
    expect(Math.abs(moved.length - fair)).toBeLessThan(5 * Math.sqrt(fair))
  }
})

const TIMES = [Date.now(), Date.UTC(2070)]
const epochAt = (time: number) =>
  newEpoch({ now: () => time, every: () => () => {}, soon: () => {} })
const homes = (cursor: string, count: number) =>
  new Set(Array.from({ length: 200 }, () => shardOf(newClientId(cursor, count), count)))

test('a cursor says which of how many objects it is from', () => {
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
      expect(cursorOrigin(`${epochAt(time)}${suffix}-12000041`)).toEqual({ suffix, shard, count })
    }
    const suffix = fenceSuffix(256)
    const origin = { suffix, shard: undefined, count: 256 }
    expect(cursorOrigin(`${epochAt(time)}${suffix}-0`)).toEqual(origin)
  }
  for (const cursor of ['', 'earliest', 'nonsense', 'lz3k9q7ab012s07-1']) {
    expect(cursorOrigin(cursor)).toBeUndefined()
  }
})

test('the epochs of a lone object have no suffix, and all others have one of their own', () => {
  expect(epochSuffix(0, 1)).toBe('')
  const counts = Array.from({ length: 256 }, (_, i) => i + 1)
  const marks = counts.flatMap((count) => [epochSuffix(0, count), fenceSuffix(count)])
  expect(new Set(marks).size).toBe(512)
})

test('who comes with a cursor and without a name gets one of the object that the cursor is from', () => {
  for (const time of TIMES) {
    for (const shard of [0, 1, 35, 36, 255]) {
      const cursor = `${epochAt(time)}${epochSuffix(shard, 256)}-12000041`
      expect(shardOf(newClientId(cursor, 256), 256)).toBe(shard)
    }
  }
})

test('any other cursor, or one of another number of objects, gets a name of any', () => {
  const marks = [
    epochSuffix(0, 1),
    epochSuffix(1, 2),
    epochSuffix(1, 4),
    epochSuffix(7, 8),
    fenceSuffix(3),
  ]
  const cursors = marks.map((suffix) => `${epochAt(Date.now())}${suffix}-1`)
  for (const cursor of ['', 'earliest', 'nonsense', 'lz3k9q7ab012s07-1', ...cursors]) {
    expect(homes(cursor, 3).size).toBe(3)
  }
})

/** Once deployed, they must never change. */
const FOREVER = [10, 5, 8, 7, 1]
