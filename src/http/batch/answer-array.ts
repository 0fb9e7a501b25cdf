/** Responds to a batch that is one JSON array, with the array of its results. */
import type { Context } from 'hono'
import type { TypedResponse } from 'hono/types'
import { internalsOf } from '../../hub/internals.ts'
import { problem } from '../problem.ts'
import { jsonResponse } from '../routes/types.ts'
import type { BatchResult } from '../schemas/batches.ts'
import {
  type BatchInit,
  createBatchPublisher,
  MAX_AT_ONCE,
  MAX_BYTES_AT_ONCE,
} from './publisher.ts'

/** The maximum number of bytes of a batch, unless a single event may be larger. */
export const MAX_BATCH_BYTES = 4_194_304

/** Publishes the events of a batch. Returns 413 if there are more than `maxEvents`. */
export async function answerArray(
  init: BatchInit,
  c: Context,
  events: readonly unknown[],
  maxEvents: number,
): Promise<Response & TypedResponse<BatchResult[], 200, 'json'>> {
  if (events.length > maxEvents) {
    const detail = `A batch is limited to ${maxEvents} events: send less, or application/x-ndjson.`
    return problem(c, 413, detail) as never
  }
  const { flushed } = internalsOf(init.hub)
  const publishAll = createBatchPublisher(init, c)
  const { byteLength } = await c.req.arrayBuffer()
  const perTurn = Math.ceil((MAX_BYTES_AT_ONCE * events.length) / byteLength)
  const results: BatchResult[] = []
  while (results.length < events.length) {
    if (results.length > 0) await flushed()
    const some = events.slice(results.length, results.length + Math.min(perTurn, MAX_AT_ONCE))
    results.push(...(await publishAll(some, (event) => event)))
  }
  return jsonResponse<BatchResult[]>(c, results)
}
