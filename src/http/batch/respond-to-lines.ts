/** Responds to lines while they arrive, with a line for each. It reads no faster than its answers are read. */
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { type Explanation, problem } from '../problem.ts'
import { bodyStream } from './body-stream.ts'
import { discardRest } from './discard-rest.ts'
import { createLineAnswers, type LineAnswers, type LineAnswersInit } from './line-answers.ts'
import { asResult, isPiped } from './publisher.ts'
import { type BatchWatch, type BatchWatchInit, watchBatch } from './watch-batch.ts'

/** The media type of JSON with one value per line. */
export const NDJSON = 'application/x-ndjson'

/** Neither a cache nor a proxy may hold answers back. */
const HEADERS = {
  'Content-Type': NDJSON,
  'Cache-Control': 'no-store, no-transform',
  'X-Accel-Buffering': 'no',
}

type BodyReader = ReadableStreamDefaultReader<Uint8Array>

/** What responding to lines needs. */
export interface RespondToLinesInit extends BatchWatchInit {
  /** @see LineAnswersInit */
  readonly maxLineBytes: number
  /** @see LineAnswersInit */
  publishAll: LineAnswersInit['publishAll']
  flushed(): Promise<void>
}

/** Responds to a request whose body is NDJSON. */
export async function respondToLines(c: Context, init: RespondToLinesInit): Promise<Response> {
  const reader = (await bodyStream(c)).getReader()
  const watch = watchBatch(init)
  const answers = createLineAnswers({
    ...init,
    reader,
    endsAtRefusal: isPiped(c),
    onWait: (isWaiting) => watch.wait(isWaiting ? 'body' : undefined),
  })
  const ended = new Promise<Explanation>((resolve) => watch.start(resolve))
  const discard = () => discardRest(reader, init.clock)
  // Not before the first line is answered: until then, the status can say what is wrong.
  const first = await Promise.race([answers.next().catch(() => BROKEN_AT_ONCE), ended])
  if (first instanceof Uint8Array) {
    return c.body(streamOf({ first, answers, reader, watch, ended, discard }), 200, HEADERS)
  }
  const { status, detail, code } = first ?? NO_LINES
  watch.stop()
  answers.stop(asResult(NO_LINES))
  void discard()
  return problem(c, status as ContentfulStatusCode, detail, undefined, code)
}

interface StreamInit {
  readonly first: Uint8Array
  readonly answers: LineAnswers
  readonly reader: BodyReader
  readonly watch: BatchWatch
  /** Resolves if the batch waits in vain. */
  readonly ended: Promise<Explanation>
  discard(): void
}

function streamOf(init: StreamInit): ReadableStream<Uint8Array> {
  const { first, answers, reader, watch, ended, discard } = init
  let isOpen = true
  return new ReadableStream<Uint8Array>({ start, pull, cancel })

  function start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    void ended.then((reason) => end(controller, reason))
    send(controller, first)
  }

  async function pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    watch.wait(undefined)
    const next = await answers.next().catch(() => BROKEN)
    if (!isOpen) return
    if (next instanceof Uint8Array) send(controller, next)
    else end(controller, next)
  }

  async function cancel(): Promise<void> {
    isOpen = false
    watch.stop()
    answers.stop(asResult(BROKEN))
    await reader.cancel()
  }

  function send(controller: ReadableStreamDefaultController<Uint8Array>, answer: Uint8Array): void {
    controller.enqueue(answer)
    watch.wait('reader')
  }

  function end(
    controller: ReadableStreamDefaultController<Uint8Array>,
    reason: Explanation | undefined,
  ): void {
    if (!isOpen) return
    isOpen = false
    watch.stop()
    if (reason) controller.enqueue(answers.stop(asResult(reason)))
    controller.close()
    discard()
  }
}

const NO_LINES: Explanation = {
  status: 400,
  detail: 'The body has no lines: send an event in each.',
}

/** Why nothing of a body is published. */
export const BROKEN_AT_ONCE: Explanation = {
  status: 400,
  detail: 'The body ended early: send it again.',
}

const BROKEN: Explanation = {
  status: 400,
  detail:
    'The body ended early, in this line: neither this line nor anything after it was published.',
}
