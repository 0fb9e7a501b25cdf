/** Answers batches for several shards as one hub would: a JSON array with an array, and lines with lines while they arrive. */
import type { Context } from 'hono'
import type { Clock } from '../../../core/clock.ts'
import { MAX_BATCH_BYTES } from '../../../http/batch/answer-array.ts'
import { NDJSON, respondToLines } from '../../../http/batch/respond-to-lines.ts'
import { decodeUtf8, fromJson } from '../../../http/middleware/readers.ts'
import { withBody } from '../merge.ts'
import { bodyOf, cloneRequest } from '../request.ts'
import { BatchRefusal, type BatchSplitter, createBatchSplitter, writeLine } from './split-batch.ts'

/** What answering batches requires. */
export interface BatchAnswersInit {
  /** The number of shards. */
  readonly count: number
  /** The maximum number of bytes of an event as JSON, with its recipients. */
  readonly maxLineBytes: number
  /** The maximum number of events of a JSON array. */
  readonly maxBatchEvents: number
  readonly clock: Pick<Clock, 'every' | 'monotonic'>
  /** Sends a request whose body has been read, and resolves with the response, which is read to its end. */
  ask(shard: number, request: Request): Promise<Response>
  report(error: unknown): void
  /** Responds in the name of all shards. */
  respond(
    request: Request,
    respond: (c: Context) => Response | Promise<Response>,
  ): Promise<Response>
}

/** Answers batches. */
export interface BatchAnswers {
  /** Answers `POST /publish` with a JSON array. */
  array(request: Request): Promise<Response>
  /** Answers NDJSON. @param isAddressed - whether each line names its recipients; otherwise each concerns all shards */
  lines(request: Request, isAddressed: boolean): Promise<Response>
}

/** Creates the answers to batches. */
export function createBatchAnswers(init: BatchAnswersInit): BatchAnswers {
  const { count, maxLineBytes, maxBatchEvents, clock, ask, report, respond } = init
  return { array, lines }

  async function array(request: Request): Promise<Response> {
    const body = await bodyOf(request, Math.max(MAX_BATCH_BYTES, maxLineBytes))
    const events = eventsIn(body)
    if (!events?.length || events.length > maxBatchEvents) {
      return await ask(0, cloneRequest(request, body))
    }
    const splitter = splitterOf(request, true)
    try {
      const results = [...(await splitter.publishAll(events.map(writeLine)))]
      return responseOf(splitter, await respond(request, (c) => c.json(results)))
    } catch (error) {
      return refusalOf(error)
    }
  }

  async function lines(request: Request, isAddressed: boolean): Promise<Response> {
    const splitter = splitterOf(request, isAddressed)
    let refusal: unknown
    const response = await respond(request, (c) =>
      respondToLines(c, {
        maxLineBytes,
        publishAll: async (some) => {
          const texts = some.map(({ bytes }) => bytes)
          try {
            return await splitter.publishAll(texts)
          } catch (error) {
            refusal = error
            throw error
          }
        },
        flushed: async () => {},
        clock,
        isClosing: () => false,
      }),
    )
    if (refusal) return refusalOf(refusal)
    return response.ok ? responseOf(splitter, response) : response
  }

  function splitterOf(request: Request, isAddressed: boolean): BatchSplitter {
    // One request has one id in the logs of all shards.
    const id = request.headers.get('X-Request-Id') ?? crypto.randomUUID()
    return createBatchSplitter({
      count,
      isAddressed,
      maxLineBytes,
      ask: (shard, lines) => {
        const part = cloneRequest(request, lines, id)
        part.headers.set('Content-Type', NDJSON)
        return ask(shard, part)
      },
      report,
    })
  }
}

function refusalOf(error: unknown): Response {
  if (!(error instanceof BatchRefusal)) throw error
  return error.response
}

/** The events of an array; undefined for anything else. */
function eventsIn(body: Uint8Array): readonly unknown[] | undefined {
  try {
    const events = fromJson(decodeUtf8(body) ?? '')
    return Array.isArray(events) ? events : undefined
  } catch {
    return undefined
  }
}

/** A response with the headers of a shard’s, if one has accepted lines. */
function responseOf({ accepted }: BatchSplitter, own: Response): Response {
  const response = withBody(accepted ?? own, own.body)
  response.headers.set('Content-Type', own.headers.get('Content-Type') ?? '')
  return response
}
