/** Publishes an event stream that is the body of a request, each event as it arrives, and says at the end how many there were. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type Address, addressKey } from '../../core/address.ts'
import { internalsOf } from '../../hub/internals.ts'
import { ABORT_EVENT_RULE, abortEvent, acceptsAbort } from '../../hub/piping/pipe.ts'
import {
  type EarlyEnd,
  type PipeEnd,
  type PublishPiped,
  runPipe,
} from '../../hub/piping/run-pipe.ts'
import { bodyStream } from '../batch/body-stream.ts'
import { discardRest } from '../batch/discard-rest.ts'
import { asResult, type BatchInit, CLOSING, createBatchPublisher } from '../batch/publisher.ts'
import { watchBatch } from '../batch/watch-batch.ts'
import { invalid } from '../middleware/validate.ts'
import { type Explanation, explain, invalidFields, problem } from '../problem.ts'
import type { BatchProblem } from '../schemas/batches.ts'
import { type Piped, PipeQuery } from '../schemas/pipes.ts'

/** The media type of an event stream. */
export const EVENT_STREAM = 'text/event-stream'

/** No proxy may hold back what says that the stream is being published. */
const HEADERS = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}

/** Why a stream ended: the result of the event that was not published. */
class Refused extends Error {
  readonly result: BatchProblem
  constructor(result: BatchProblem) {
    super('An event was refused.')
    this.result = result
  }
}

/** Responds to a request whose body is an event stream. */
export async function answerStream(
  init: BatchInit,
  c: Context,
  address: Address,
): Promise<Response> {
  const query = PipeQuery.safeParse(queryOf(c))
  if (!query.success) return invalid(c, 'query', query.error)
  const { hub } = init
  const { clock, events, flushed, producers } = internalsOf(hub)
  const keys = addressKey(address)
  const { onAbort, ...fields } = query.data
  const { key } = fields
  if (events && onAbort !== undefined && !(await acceptsAbort(onAbort, key, events))) {
    return invalidFields(c, 'query', [{ path: 'onAbort', message: ABORT_EVENT_RULE }])
  }
  const publisher = createBatchPublisher(init, c, address)
  const reader = (await bodyStream(c)).getReader()
  const controller = new AbortController()
  const end = (reason: EarlyEnd) => controller.abort(reason)
  const watch = watchBatch({ clock, isClosing: () => hub.closing })
  const remove = producers.add(keys, key, end)
  watch.start((reason) => end(endFor(reason)))
  let begin = () => {}
  const begun = new Promise<undefined>((resolve) => {
    begin = () => resolve(undefined)
  })
  const run = runPipe({
    source: { [Symbol.asyncIterator]: () => ({ next: () => reader.read() as Promise<never> }) },
    fields,
    maxEventBytes: hub.maxEventBytes,
    signal: controller.signal,
    startTurn,
    flushed,
    onWait: (isWaiting) => watch.wait(isWaiting ? 'body' : undefined),
  })
    .then(finish)
    .finally(remove)
  // Until the first event is published, the status can say what is wrong.
  const early = await Promise.race([begun, run])
  if (early) return respond(c, early)
  // Who no longer reads the answer has left.
  return c.body(
    streamOf(run, () => end({ ending: 'broken' })),
    200,
    HEADERS,
  )

  function startTurn(): PublishPiped {
    if (hub.closing) end(endFor({ status: 503, detail: CLOSING }))
    const publish = publisher.startTurn()
    return async (event) => {
      const result = await publish(event)
      if ('status' in result) throw new Refused(result)
      begin()
      return result.id
    }
  }

  async function finish(ended: PipeEnd): Promise<Piped> {
    watch.stop()
    const { ending, published, id } = ended
    const result = id === undefined ? { published } : { published, id }
    if (ending === 'complete') return result
    // The client may send everything before it reads.
    void discardRest(reader, clock)
    const why = reasonOf(ended)
    const mayPublish = published > 0 || !why || !NOT_ALLOWED.has(why.status)
    // It counts as any event does. A refusal is counted, and leaves nobody to answer.
    if (onAbort !== undefined && mayPublish) {
      await publisher.startTurn()(abortEvent(onAbort, ending, key))
    }
    return why ? { ...why, ...result } : { ...result, stopped: true }
  }

  /** Why a stream ended early; undefined if it was stopped. */
  function reasonOf({ ending, error, published }: PipeEnd): BatchProblem | undefined {
    if (ending === 'aborted') return undefined
    if (error instanceof Refused) return error.result
    if (ending === 'broken') return asResult(published > 0 ? BROKEN : BROKEN_AT_ONCE)
    return asResult(explain(error, (unexpected) => init.onError(unexpected, c)))
  }
}

/** The statuses of publishers who may not publish a last event either. */
const NOT_ALLOWED: ReadonlySet<number> = new Set([401, 403, 429])

/** How a stream ends that waits in vain, or whose hub closes. */
function endFor(reason: Explanation): EarlyEnd {
  return {
    ending: reason.status === 503 ? 'closing' : 'broken',
    error: new Refused(asResult(reason)),
  }
}

/** The query, with a list where a parameter is repeated. */
function queryOf(c: Context): Record<string, unknown> {
  const lists = Object.entries(c.req.queries())
  return Object.fromEntries(lists.map(([name, list]) => [name, list.length > 1 ? list : list[0]]))
}

const BROKEN: Explanation = {
  status: 400,
  detail: 'The body ended early: the events before were published.',
}

const BROKEN_AT_ONCE: Explanation = {
  status: 400,
  detail: 'The body ended early: nothing was published.',
}

function respond(c: Context, result: Piped): Response {
  if (!('status' in result)) return c.json(result)
  const { retryAfter, status, detail, issues } = result
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  return problem(c, status as ContentfulStatusCode, detail, issues)
}

/** A body that begins with white space, so that its headers are sent: RFC 8259 §2 allows it. */
function streamOf(run: Promise<Piped>, onLeave: () => void): ReadableStream<Uint8Array> {
  let isOpen = true
  return new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(encoder.encode('\n'))
      const result = await run
      if (!isOpen) return
      controller.enqueue(encoder.encode(JSON.stringify(result)))
      controller.close()
    },
    cancel() {
      isOpen = false
      onLeave()
    },
  })
}

const encoder = new TextEncoder()
