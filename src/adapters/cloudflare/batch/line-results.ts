/** The results of lines that were sent to shards: from their answers, or from why there are none. */
import { RETRY_AFTER } from '../../../core/errors.ts'
import { type Explanation, problemBody } from '../../../http/problem.ts'
import type { BatchProblem, BatchResult } from '../../../http/schemas/batches.ts'
import type { Published } from '../../../http/schemas/responses.ts'
import { isTransient, mayHaveRun } from '../failures.ts'
import { mergePublished } from '../merge.ts'
import { conflictAfter, UNAVAILABLE, UNAVAILABLE_CODE, unconfirmedBy } from '../refusals.ts'

/** The result of a line that a shard may have published. */
export const UNCONFIRMED: BatchProblem = problemOf({
  status: 503,
  detail: unconfirmedBy('The shard'),
})

/** The result of a line that its shard has not published. */
export const SHARD_UNAVAILABLE: BatchProblem = {
  ...problemOf({ status: 503, detail: UNAVAILABLE, code: UNAVAILABLE_CODE }),
  retryAfter: Number(RETRY_AFTER),
}

function problemOf(explanation: Explanation): BatchProblem {
  return problemBody(explanation)
}

/** The result of lines whose shard has failed. */
export function resultOfFailure(error: unknown): BatchProblem {
  return isTransient(error) && !mayHaveRun(error) ? SHARD_UNAVAILABLE : UNCONFIRMED
}

/** Whether an event may have been published in spite of its result: of a refusal, the code or the time to repeat it is known. */
function mayBePublished(result: BatchResult): boolean {
  const { status, code, retryAfter } = result as Partial<BatchProblem>
  return status === 503 && code === undefined && retryAfter === undefined
}

/** Lines as a body. */
export function joinLines(lines: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lines.reduce((sum, line) => sum + line.byteLength + 1, 0))
  let at = 0
  for (const line of lines) {
    bytes.set(line, at)
    at += line.byteLength + 1
    bytes[at - 1] = LINE_FEED
  }
  return bytes
}

const LINE_FEED = 10

/** A result without what is true of the lines of one shard only. */
export function resultInLine(text: string): BatchResult {
  const { line, published, ...result } = JSON.parse(text) as BatchProblem
  return result
}

/**
 * The result of an event from those of the shards that it concerns.
 * @param hasKey - whether the event has an idempotency key, so that it may be repeated. @defaultValue it has none
 */
export function mergeResults(results: readonly BatchResult[], hasKey = () => false): BatchResult {
  const result = results.length === 1 ? (results[0] ?? UNCONFIRMED) : mergeSeveral(results, hasKey)
  return mayBePublished(result) && hasKey()
    ? { ...(result as BatchProblem), retryAfter: Number(RETRY_AFTER) }
    : result
}

function mergeSeveral(results: readonly BatchResult[], hasKey: () => boolean): BatchResult {
  const published = results.filter((result): result is Published => !('status' in result))
  const failed = results.filter((result): result is BatchProblem => 'status' in result)
  if (failed.length === 0) return mergePublished(published)
  const [first = UNCONFIRMED] = failed
  if (published.length === 0) return failed.find(mayBePublished) ?? first
  // A shard may know the idempotency key from an event of its own.
  if (failed.some(({ status }) => status === 422)) {
    const detail = conflictAfter(published.length, results.length)
    return problemOf({ status: 422, detail, code: 'idempotency-conflict' })
  }
  const before = `${published.length} of ${results.length} shards have published the event to their recipients.`
  const refusal = failed.find(isRefusal)
  if (refusal) {
    const { status, detail } = refusal
    return problemOf({ status, detail: `${before} For the others: ${detail}` })
  }
  if (failed.every(({ status }) => status === 429)) {
    if (!hasKey()) return problemOf({ status: 429, detail: `${before} ${LIMITED}` })
    const retryAfter = Math.max(...failed.map((one) => one.retryAfter ?? 0))
    const detail = `${before} For the others: ${first.detail}`
    return { ...problemOf({ status: 429, detail }), retryAfter }
  }
  return problemOf({
    status: 503,
    detail: unconfirmedBy(`${failed.length} of ${results.length} shards`),
  })
}

const LIMITED =
  'For the others, there were too many events within a minute: publishing it again could duplicate it, unless it has an idempotency key.'

/** Whether a shard refuses an event whenever it is repeated. */
function isRefusal({ status }: BatchProblem): boolean {
  return status < 500 && status !== 429
}
