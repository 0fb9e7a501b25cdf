/** Objects that agree on how many they are, each with a journal that outlives it. */
import { describe, expect, test } from 'vitest'
import door from '../../../src/adapters/cloudflare/index.ts'
import {
  createResharding,
  initialEpochSuffix,
  isResharding,
  type Resharding,
  tellingOf,
  toldIn,
} from '../../../src/adapters/cloudflare/resharding.ts'
import { epochSuffix } from '../../../src/adapters/cloudflare/sharding.ts'
import { newEpoch } from '../../../src/core/cursor.ts'

let ms = 1_800_000_000_000
/** No two epochs begin in the same millisecond. */
const clock = { now: () => ms++, every: () => () => {}, soon: () => {} }

/** Lets the event loop turn: what has only promises to wait for is over by then. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Objects on their disks; which of them live, and with which number, is for the test. */
function setUp() {
  const disks = new Map<number, string>()
  const lives = new Map<number, Resharding>()
  const away = new Set<number>()
  const told: [from: number, to: number][] = []
  let now = 0

  /** From now on there are so many; those that `stay` go on as they were. */
  function deploy(count: number, stay: readonly number[] = []): void {
    now = count
    for (const own of lives.keys()) if (!stay.includes(own)) lives.delete(own)
  }

  function at(own: number): Resharding {
    const life = lives.get(own) ?? begin(own, now)
    lives.set(own, life)
    return life
  }

  function begin(own: number, count: number): Resharding {
    let epoch = disks.get(own) ?? newEpoch(clock) + initialEpochSuffix(count)
    disks.set(own, epoch)
    const journal = {
      head: () => ({ id: `${epoch}-1`, sequence: 1 }),
      startEpoch: (mark: string) => {
        epoch = newEpoch(clock) + mark
      },
    }
    const sync = async () => {
      await turns(2)
      disks.set(own, epoch)
    }
    const tell = async (to: number) => {
      told.push([own, to])
      await Promise.resolve()
      // Later than the others have answered.
      if (away.has(to)) await turns(20)
      if (away.has(to)) throw new Error('It is away.')
      await at(to).fence(count)
    }
    return createResharding({ own, count, journal, sync, tell })
  }

  /** Serves somebody there; the epoch in which it does. */
  async function serve(own: number): Promise<string> {
    await at(own).ensureReady()
    return disks.get(own) ?? ''
  }

  return { away, told, deploy, serve, at, epoch: (own: number) => disks.get(own) }
}

const refusal = (promise: Promise<unknown>) => promise.then(() => undefined, isResharding)

test('a lone object tells nobody, and keeps its epoch', async () => {
  const { deploy, serve, told } = setUp()
  deploy(1)
  const epoch = await serve(0)
  deploy(1)
  expect(await serve(0)).toBe(epoch)
  expect(told).toEqual([])
})

test('each tells all others once, in the first of its lives, and its epoch has its mark', async () => {
  const { deploy, serve, told } = setUp()
  deploy(3)
  const epochs = [await serve(0), await serve(1), await serve(2)]
  expect(epochs.map((epoch) => epoch.slice(12))).toEqual(
    [0, 1, 2].map((own) => epochSuffix(own, 3)),
  )
  expect(told).toHaveLength(6)
  deploy(3)
  expect([await serve(0), await serve(1), await serve(2)]).toEqual(epochs)
  expect(told).toHaveLength(6)
})

test('those who come at once wait for the same word', async () => {
  const { deploy, serve, told } = setUp()
  deploy(3)
  const epochs = await Promise.all([0, 1, 2, 2, 1, 0].map(serve))
  expect(epochs.slice(3)).toEqual(epochs.slice(0, 3).reverse())
  expect(told).toHaveLength(6)
})

test('nobody is served before the disk has the epoch', async () => {
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

describe('no epoch is good again when the number goes back, whoever was asked meanwhile:', () => {
  const walks = [
    [3, 1, 3],
    [1, 2, 1],
    [2, 4, 3, 2],
    [4, 3, 1, 4],
    [3, 4, 3],
    [1, 2, 3, 1],
  ]
  test.each(walks)('%j', async (...counts) => {
    const first = counts[0] ?? 0
    // Each deploy but the first touches one object only.
    const touched = counts
      .slice(1, -1)
      .reduce<number[][]>(
        (ways, count) =>
          ways.flatMap((way) => Array.from({ length: count }, (_, own) => [...way, own])),
        [[]],
      )
    for (const way of touched) {
      const { deploy, serve } = setUp()
      deploy(first)
      const range = Array.from({ length: first }, (_, own) => own)
      const before = await Promise.all(range.map(serve))
      for (const [i, own] of way.entries()) {
        deploy(counts[i + 1] ?? 0)
        await serve(own)
      }
      deploy(first)
      for (const own of range) expect(await serve(own)).not.toBe(before[own])
    }
  })
})

test('who can’t reach all others serves nobody, and nobody forgets who was not told', async () => {
  const { deploy, serve, away, epoch } = setUp()
  deploy(3)
  const before = [await serve(0), await serve(1), await serve(2)]
  away.add(2)
  deploy(2)
  expect(await refusal(serve(1))).toBe(true)
  expect(epoch(1)).toBe(before[1])
  // The first was told of two by the second; that there is a third it must not forget.
  deploy(2)
  expect(await refusal(serve(0))).toBe(true)
  away.clear()
  await serve(0)
  deploy(3)
  expect(await serve(2)).not.toBe(before[2])
})

test('of two that are of different minds at once not both get their way', async () => {
  const { deploy, serve, at } = setUp()
  deploy(3)
  for (const own of [0, 1, 2]) await serve(own)
  // The last runs on as one of three; the first begins anew, as one of two.
  deploy(2, [2])
  await Promise.allSettled([at(2).fence(4)])
  const both = await Promise.all([refusal(serve(0)), refusal(serve(2))])
  expect(both).toContain(true)
  // The one that serves last is the only one whose epoch holds.
  const two = await serve(0)
  expect(await serve(2)).not.toBe(two)
  expect(await serve(0)).not.toBe(two)
})

test('one that has no part of the clients serves none', async () => {
  const { deploy, serve } = setUp()
  deploy(2)
  expect(await refusal(serve(2))).toBe(true)
})

test('what objects tell each other is no request that anybody else may make', async () => {
  expect(toldIn(tellingOf(256))).toBe(256)
  for (const url of ['https://hub/3', 'http://localhost/hub.invalid', 'https://a.hub.invalid/1']) {
    expect(toldIn(new Request(url, { method: 'POST' }))).toBeUndefined()
  }
  const nobody = () => {
    throw new Error('An object was asked.')
  }
  const env = { HUB: { idFromName: nobody, get: nobody } }
  for (const url of [
    'https://hub.invalid/3',
    'http://HUB.invalid:8080/1?id=a',
    'https://hub.invalid/sse',
  ]) {
    expect((await door.fetch(new Request(url), env)).status).toBe(404)
  }
})
