/** What is reported of an event whose shards have different results. */
import { expect, test } from 'vitest'
import {
  mergeResults,
  resultOfFailure,
  UNCONFIRMED,
} from '../../../../src/adapters/cloudflare/batch/line-results.ts'
import { asResult } from '../../../../src/http/batch/publisher.ts'
import type { BatchProblem } from '../../../../src/http/schemas/batches.ts'

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
})

test('what a shard limits is limited, and may be repeated only if its key makes that safe', () => {
  const published = { id: 'a-1', connections: 1 }
  const [later, muchLater] = [2, 30].map((retryAfter) => {
    return asResult({ status: 429, detail: 'Later.', retryAfter })
  }) as [BatchProblem, BatchProblem]
  const before = '1 of 3 shards have published the event to their recipients.'
  const limited = { type: 'about:blank', title: 'Too Many Requests', status: 429 }
  const all = [later, published, muchLater]
  const detail = `${before} For the others: Later.`
  expect(mergeResults(all, () => true)).toEqual({ ...limited, detail, retryAfter: 30 })
  expect(mergeResults(all)).toEqual({
    ...limited,
    detail: `${before} For the others, there were too many events within a minute: publishing it again could duplicate it, unless it has an idempotency key.`,
  })
  // Another one may have published it.
  expect(mergeResults([...all, UNCONFIRMED])).toMatchObject({ status: 503 })
  expect(mergeResults([later, muchLater])).toEqual(later)
})

test('what may have been published may be repeated if its key makes that safe', () => {
  expect(mergeResults([UNCONFIRMED], () => true)).toEqual({ ...UNCONFIRMED, retryAfter: 2 })
  expect(mergeResults([UNCONFIRMED])).toEqual(UNCONFIRMED)
})
