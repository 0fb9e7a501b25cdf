/** Stored control requests are read part by part, each after the last request of the one before. */
import { expect, test } from 'vitest'
import {
  readStoredRequests,
  type StoredRequest,
} from '../../../../src/journal/redis/control/stored-requests.ts'

test('each part starts after the last request of the one before', async () => {
  const parts = [[100, 'a', '150', 'b', '160'], [110, 'c', '160'], [120]]
  const args: (readonly string[])[] = []
  const stored: StoredRequest[] = []
  let progress = 0
  await readStoredRequests(
    async (after) => parts[args.push(after) - 1],
    (one) => void stored.push(one),
    () => {
      progress += 1
    },
  )
  expect(args).toEqual([
    ['', '0'],
    ['b', '160'],
    ['c', '160'],
  ])
  expect(stored).toEqual([
    { text: 'a', remainingMs: 50 },
    { text: 'b', remainingMs: 60 },
    { text: 'c', remainingMs: 50 },
  ])
  expect(progress).toBe(2)
})
