/** How the page words what the hub lists. */
import { expect, test } from 'vitest'
import { ageOf, factsOf } from '../../../src/dashboard/clients/listing.ts'

const SINCE = '2026-01-01T00:00:00.000Z'
const at = (seconds: number) => Date.parse(SINCE) + seconds * 1_000

test.each([
  [-1, '0 s'],
  [59, '59 s'],
  [60, '1 min'],
  [3_600, '1 h'],
  [200_000, '2 d'],
])('after %d seconds the age is %s', (seconds, text) => {
  expect(ageOf(SINCE, at(seconds))).toBe(text)
})

test('the facts of a connection are those that the hub lists', () => {
  const least = { connection: 'c-1', topics: [], since: SINCE, queuedBytes: 0, queuedEvents: 1 }
  expect(factsOf(least, at(5))).toEqual([
    ['Topics', 'none'],
    ['Age', '5 s'],
    ['Queue', '1 event, 0 B'],
  ])
  const all = factsOf(
    {
      ...least,
      topics: ['news', 'sports'],
      cursor: 'e-7',
      remoteAddress: '::1',
      opener: 'native',
      shard: 0,
      requestId: 'r-1',
    },
    at(5),
  )
  expect(Object.fromEntries(all)).toMatchObject({
    Topics: 'news, sports',
    Cursor: 'e-7',
    Address: '::1',
    Opener: 'native',
    Instance: 'shard 0',
    'Request id': 'r-1',
  })
})
