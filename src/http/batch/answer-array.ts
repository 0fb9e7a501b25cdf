/** Responds to a batch that is one JSON array, with the array of its results. */
import type { Context } from 'hono'
import type { TypedResponse } from 'hono/types'
import { internalsOf } from '../../hub/internals.ts'
import { MAX_AT_ONCE, MAX_BYTES_AT_ONCE } from '../../hub/piping/turn.ts'
import { problem } from '../problem.ts'
import { jsonResponse } from '../routes/types.ts'
import type { BatchResult } from '../schemas/batches.ts'
import { type BatchInit, createBatchPublisher } from './publisher.ts'

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
  const { publishAll } = createBatchPublisher(init, c)
  const results: BatchResult[] = []
  while (results.length < events.length) {
    if (results.length > 0) await flushed()
    const some = events.slice(results.length, endOfTurn(events, results.length))
    results.push(...(await publishAll(some, (event) => event)))
  }
  return jsonResponse<BatchResult[]>(c, results)
}

/** Returns where a turn that starts at this event ends. Large events may stand together, so each is measured. */
function endOfTurn(events: readonly unknown[], start: number): number {
  let end = start
  for (let length = 0; end < start + MAX_AT_ONCE && length < MAX_BYTES_AT_ONCE; end += 1) {
    length += lengthOf(events[end])
  }
  return end
}

/** The length of an event. One that is nested too deeply is refused, and queued nowhere. */
function lengthOf(event: unknown): number {
  try {
    return JSON.stringify(event ?? null).length
  } catch {
    return 0
  }
}
