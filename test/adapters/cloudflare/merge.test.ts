/** Lists of shards are merged in order, up to the limit, and to where a list ends that was cut. */
import { expect, test } from 'vitest'
import { mergeLists, type ShardList } from '../../../src/adapters/cloudflare/merge.ts'

/** A list with clients that have been connected since these minutes. */
function listOf(minutes: readonly number[], total = minutes.length): ShardList {
  return {
    total,
    clients: minutes.map((minute) => ({
      client: `client-${minute}`,
      connections: 1,
      since: `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`,
      queuedBytes: 0,
    })),
  }
}

const merge = (query: string, ...lists: (ShardList | undefined)[]) => {
  const { clients, ...rest } = mergeLists(`http://hub/clients${query}`, lists, 'clients')
  return { ...rest, clients: clients?.map(({ client }) => client) }
}

test('rows of several shards are in order, and a shard that did not respond is counted', () => {
  expect(merge('', listOf([1, 4]), undefined, listOf([2, 3]))).toEqual({
    total: 4,
    asked: 3,
    answered: 2,
    clients: ['client-1', 'client-2', 'client-3', 'client-4'],
  })
})

test('lists that are as long as the limit are merged up to the limit', () => {
  expect(merge('?limit=2', listOf([3, 4], 9), listOf([1, 5], 7))).toMatchObject({
    total: 16,
    clients: ['client-1', 'client-3'],
  })
})

test('rows end where a list does that is shorter than the limit and its total', () => {
  expect(merge('?limit=4', listOf([1, 3], 9), listOf([2, 4, 5], 3))).toMatchObject({
    total: 12,
    clients: ['client-1', 'client-2', 'client-3'],
  })
  expect(merge('?limit=4', listOf([], 9), listOf([2], 1))).toMatchObject({ total: 10, clients: [] })
})

test('topics of several shards are added up in alphabetical order, up to where a list was cut', () => {
  const list = (names: string, total = names.length): ShardList => ({
    total,
    topics: [...names].map((topic) => ({ topic, connections: 1 })),
  })
  const merged = (query: string, ...lists: (ShardList | undefined)[]) => {
    const { topics = [], ...rest } = mergeLists(`http://hub/topics${query}`, lists, 'topics')
    return { ...rest, topics: topics.map(({ topic, connections }) => `${topic}${connections}`) }
  }
  expect(merged('', list('bd'), undefined, list('ab'))).toEqual({
    total: 3,
    asked: 3,
    answered: 2,
    topics: ['a1', 'b2', 'd1'],
  })
  expect(merged('?limit=2', list('ac', 9), list('bc', 7))).toMatchObject({ topics: ['a1', 'b1'] })
  expect(merged('', list('ac', 9), list('bde'))).toMatchObject({ topics: ['a1', 'b1', 'c1'] })
  expect(merged('', list('', 9), list('b'))).toMatchObject({ topics: [], total: 10 })
})
