/** What is reported of an event whose shards have different results. */
import { expect, test } from 'vitest'
import {
  mergeResults,
  resultOfFailure,
  UNCONFIRMED,
} from '../../../../src/adapters/cloudflare/batch/line-results.ts'
import { asResult } from '../../../../src/http/batch/publisher.ts'

const FULL = asResult({ status: 503, detail: 'full', code: 'at-capacity', retryAfter: 2 })
const MOVED = resultOfFailure(Object.assign(new Error('moved'), { retryable: true }))

test.each([
  ['is full', FULL],
  ['has moved', MOVED],
])('if one shard %s, what another may have stored is unconfirmed', (_, one) => {
  expect(mergeResults([one, UNCONFIRMED])).toEqual(UNCONFIRMED)
  expect(mergeResults([UNCONFIRMED, one])).toEqual(UNCONFIRMED)
})

test('if no shard may have stored it, the result is that of the first', () => {
  expect(mergeResults([FULL, MOVED])).toEqual(FULL)
  expect(mergeResults([MOVED, FULL])).toEqual(MOVED)
})

test('what a shard refuses to its recipients is refused, and says that others have it', () => {
  const refusal = asResult({ status: 403, detail: 'No.' })
  const published = { id: 'a-1', connections: 1 }
  expect(mergeResults([published, refusal, UNCONFIRMED])).toMatchObject({
    status: 403,
    detail: '1 of 3 shards have published the event to their recipients. For the others: No.',
  })
  const later = asResult({ status: 429, detail: 'later', retryAfter: 2 })
  expect(mergeResults([published, later])).toMatchObject({ status: 503 })
  expect(mergeResults([published, later])).not.toHaveProperty('retryAfter')
})
