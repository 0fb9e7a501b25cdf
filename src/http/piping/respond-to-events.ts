/** Responds to an event stream that is the body of a request: each event is published as it arrives, and the end says how many there were. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { EventInput } from '../../core/event.ts'
import { abortEvent } from '../../hub/piping/pipe.ts'
import {
  type EarlyEnd,
  type PipeEnd,
  type PublishPiped,
  runPipe,
} from '../../hub/piping/run-pipe.ts'
import { bodyStream } from '../batch/body-stream.ts'
import { discardRest } from '../batch/discard-rest.ts'
import { asResult, CLOSING } from '../batch/publisher.ts'
import { type BatchWatchInit, watchBatch } from '../batch/watch-batch.ts'
import { type Explanation, explain } from '../problem.ts'
import type { BatchProblem } from '../schemas/batches.ts'
import type { Piped, PipedResult, PipeQuery } from '../schemas/pipes.ts'

/** No proxy may hold back what says that the stream is being published. */
const HEADERS = {
  'Content-Type': 'application/json',
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}

/** Why a stream ended: the result of the event that was not published. */
export class Refused extends Error {
  readonly result: BatchProblem
  constructor(result: BatchProblem) {
    super('An event was refused.')
    this.result = result
  }
}

type ReadBody = () => Promise<IteratorResult<Uint8Array, unknown>>

/** What responding to events needs. */
export interface RespondToEventsInit extends BatchWatchInit {
  /** The maximum number of bytes of data in one event. */
  readonly maxEventBytes: number
  /**
   * Returns what publishes the events of one turn. It throws `Refused`.
   * @param begin - called when an event is published: until the first is, the status of the response can say what is wrong
   */
  startTurn(begin: () => void): PublishPiped
  /** Resolves when a turn is published, and sent, as far as connections accept it. May throw `Refused`. */
  flushed(begin: () => void): Promise<void>
  /** Publishes the event that says that the stream did not end by itself. */
  publishLast(event: EventInput): Promise<unknown>
  /** What was published. */
  resultOf(ended: PipeEnd): PipedResult
  /** Receives unexpected errors. */
  onError(error: unknown): void
  /** Returns what reads the body instead. @defaultValue it is read as it is */
  readAhead?(read: ReadBody): ReadBody
  /** Called at the start with what ends the stream. Returns what is called at its end. @defaultValue nothing else ends it */
  onStart?(end: (reason: EarlyEnd) => void): () => void
}

/** Responds to a request whose body is an event stream. */
export async function respondToEvents(
  c: Context,
  { onAbort, ...fields }: PipeQuery,
  init: RespondToEventsInit,
): Promise<Response> {
  const { clock, isClosing, maxEventBytes, startTurn, flushed } = init
  const reader = (await bodyStream(c)).getReader()
  const controller = new AbortController()
  const end = (reason: EarlyEnd) => controller.abort(reason)
  const watch = watchBatch(init)
  const remove = init.onStart?.(end)
  watch.start((reason) => end(endFor(reason)))
  let begin = () => {}
  const begun = new Promise<undefined>((resolve) => {
    begin = () => resolve(undefined)
  })
  const read: ReadBody = () => reader.read() as Promise<IteratorResult<Uint8Array, unknown>>
  const next = init.readAhead?.(read) ?? read
  const run = runPipe({
    source: { [Symbol.asyncIterator]: () => ({ next }) },
    fields,
    maxEventBytes,
    signal: controller.signal,
    startTurn: () => {
      if (isClosing()) end(endFor(CLOSING))
      return startTurn(begin)
    },
    flushed: () => flushed(begin),
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

  async function finish(ended: PipeEnd): Promise<Piped> {
    watch.stop()
    const { ending } = ended
    if (ending === 'complete') return init.resultOf(ended)
    // The client may send everything before it reads.
    void discardRest(reader, clock)
    const result = init.resultOf(ended)
    const why = reasonOf(ended, result)
    const mayPublish = result.published > 0 || !why || !NOT_ALLOWED.has(why.status)
    // It counts against the limits like any other event. No one receives the reason if it is refused.
    if (onAbort !== undefined && mayPublish) {
      await init.publishLast(abortEvent(onAbort, ending, fields.key))
    }
    return why ? { ...why, ...result } : { ...result, stopped: true }
  }

  /** Why a stream ended early; undefined if it was stopped. */
  function reasonOf(
    { ending, error }: PipeEnd,
    { published }: PipedResult,
  ): BatchProblem | undefined {
    if (ending === 'aborted') return undefined
    if (error instanceof Refused) return error.result
    if (ending === 'broken') return asResult(published > 0 ? BROKEN : BROKEN_AT_ONCE)
    return asResult(explain(error, init.onError))
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
  // Nothing was published.
  const { published, ...refusal } = result
  const { status, retryAfter } = refusal
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  const headers = { 'Content-Type': 'application/problem+json' }
  return c.body(JSON.stringify(refusal), status as ContentfulStatusCode, headers)
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
