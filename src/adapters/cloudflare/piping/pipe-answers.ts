/** Answers an event stream for all shards as one hub would: the first shard decides on each event, and then the others receive it. */
import type { Context } from 'hono'
import type { Clock } from '../../../core/clock.ts'
import { type EventInput, prepareEvent } from '../../../core/event.ts'
import { asResult, isRefused } from '../../../http/batch/publisher.ts'
import { NDJSON } from '../../../http/batch/respond-to-lines.ts'
import { bodyTypeOf } from '../../../http/middleware/body.ts'
import { unreadFields } from '../../../http/middleware/query.ts'
import { EVENT_STREAM, pipeQueryOf } from '../../../http/piping/answer-stream.ts'
import {
  Refused,
  type RespondToEventsInit,
  respondToEvents,
} from '../../../http/piping/respond-to-events.ts'
import type { BatchResult } from '../../../http/schemas/batches.ts'
import { type PipedResult, PipeQuery } from '../../../http/schemas/pipes.ts'
import type { EarlyEnd } from '../../../hub/piping/run-pipe.ts'
import { mergeResults, UNCONFIRMED } from '../batch/line-results.ts'
import { bodyInTime } from '../deadline.ts'
import { withBody } from '../merge.ts'
import { cloneRequest, type ShardRequest } from '../request.ts'
import { type LineChannel, openLineChannel } from './line-channel.ts'
import { readAhead } from './read-ahead.ts'

/** What answering event streams requires. */
export interface PipeAnswersInit {
  /** The number of shards. */
  readonly count: number
  /** The maximum number of bytes of data in one event. */
  readonly maxEventBytes: number
  readonly clock: Pick<Clock, 'every' | 'monotonic'>
  /** Sends a request to a shard. Resolves with the response, whose body may still arrive. */
  send(shard: number, request: Request, more: ShardRequest): Promise<Response>
  /** Sends a request to the first shard as it comes in. */
  pass(request: Request): Promise<Response>
  report(error: unknown): void
  /** Responds in the name of all shards. */
  respond(
    request: Request,
    respond: (c: Context) => Response | Promise<Response>,
  ): Promise<Response>
}

/** Creates what answers a request whose body is an event stream for all shards. */
export function createPipeAnswers(init: PipeAnswersInit): (request: Request) => Promise<Response> {
  const { pass, respond } = init
  return async (request) => {
    let pipe: ShardPipe | undefined
    const response = await respond(request, (c) => {
      const query = PipeQuery.safeParse(pipeQueryOf(c))
      if (bodyTypeOf(request) !== EVENT_STREAM) return c.body(null)
      const isRefused = unreadFields(c).length > 0 || request.headers.has('Idempotency-Key')
      if (!query.success || isRefused) return c.body(null)
      pipe = openPipe(init, request)
      return respondToEvents(c, query.data, pipe)
    })
    // The first shard says what is wrong with the request.
    if (!pipe) return await pass(request)
    const { refusal, accepted } = pipe
    if (refusal) return refusal
    if (!response.ok) return response
    // Nothing was sent: whether it may be, the first shard knows.
    if (!accepted) return await pass(cloneRequest(request, new Uint8Array(0)))
    const answer = withBody(accepted, response.body)
    answer.headers.set('Content-Type', 'application/json')
    return answer
  }
}

/** An event stream on its way to all shards. */
interface ShardPipe extends RespondToEventsInit {
  /** The response of the first shard if it publishes nothing of the stream. */
  readonly refusal: Response | undefined
  /** Its response, without the body, once it has published an event. */
  readonly accepted: Response | undefined
}

/**
 * Sends each turn to the first shard, and what that has published to the others. The request to the first one is
 * opened at once, as its response says whether the sender may publish.
 */
function openPipe(init: PipeAnswersInit, request: Request): ShardPipe {
  const { count, maxEventBytes, clock, report } = init
  // One request has one id in the logs of all shards.
  const id = request.headers.get('X-Request-Id') ?? crypto.randomUUID()
  const url = new URL(request.url)
  // In a request with lines, it would be a credential.
  url.searchParams.delete('key')
  const { method, headers } = request
  const turn: Uint8Array[] = []
  let result: PipedResult = { published: 0 }
  let refusal: Response | undefined
  let accepted: Response | undefined
  let end: ((reason: EarlyEnd) => void) | undefined
  /** One to the first shard, and then one to each. */
  const channels: LineChannel[] = []
  return {
    clock,
    maxEventBytes,
    isClosing: () => false,
    readAhead,
    startTurn: (begin) => async (event) => {
      turn.push(lineOf(event))
      // The first shard says why. What follows must not be published.
      if (!isValid(event, maxEventBytes)) await flushed(begin)
      return undefined
    },
    flushed,
    publishLast: async (event) => {
      const { length } = openAll()
      for (let shard = 0; shard < length; shard += 1) {
        if (channels[shard]?.hasEnded) reopen(shard)
      }
      const lines = [lineOf(event)]
      const [first, ...others] = channels
      const [own = UNCONFIRMED] = (await first?.publish(lines)) ?? []
      // A shard that is unavailable decides on nothing.
      if (isRefused(own) && own.status < 500) return
      await Promise.all(others.map((one) => one.publish(lines)))
    },
    resultOf: () => result,
    onError: report,
    onStart: (own) => {
      end = own
      channels.push(openLineChannel({ clock, report, send: sendToFirst }))
      return () => {
        end = undefined
        for (const one of channels) one.close()
      }
    },
    get refusal() {
      return refusal
    },
    get accepted() {
      return accepted
    },
  }

  async function flushed(begin: () => void): Promise<void> {
    for (const one of await publish(turn.splice(0))) {
      if (isRefused(one)) throw new Refused(one)
      const { ids = result.ids } = one
      result = { published: result.published + 1, ...(ids && { ids }) }
      begin()
    }
  }

  /** Returns the results up to the first line that is refused. */
  async function publish(lines: readonly Uint8Array[]): Promise<readonly BatchResult[]> {
    const own = (await channels[0]?.publish(lines)) ?? []
    const refused = own.findIndex(isRefused)
    const passed = refused < 0 ? lines : lines.slice(0, refused)
    const others = passed.length > 0 ? openAll().slice(1) : []
    const shares = await Promise.all(others.map((other) => other.publish(passed)))
    const results = passed.map((_, n) => {
      return mergeResults([own, ...shares].map((share) => share[n] ?? UNCONFIRMED))
    })
    return refused < 0 ? results : [...results, own[refused] ?? UNCONFIRMED]
  }

  function openAll(): readonly LineChannel[] {
    while (channels.length < count) channels.push(open(channels.length))
    return channels
  }

  function reopen(shard: number): void {
    channels[shard]?.close()
    channels[shard] = open(shard)
  }

  function open(shard: number): LineChannel {
    return openLineChannel({ clock, report, send: (body) => sendTo(shard, body) })
  }

  async function sendToFirst(body: ReadableStream<Uint8Array>): Promise<Response> {
    const response = await sendTo(0, body)
    const { status } = response
    if (response.ok) {
      accepted = new Response(null, response)
      return response
    }
    const problem = await (await bodyInTime(Promise.resolve(response), clock)).text()
    if (end) {
      refusal = new Response(problem, response)
      end({ ending: 'refused', error: new Refused(asResult({ status, detail: '' })) })
    }
    return new Response(problem, response)
  }

  function sendTo(shard: number, body: ReadableStream<Uint8Array>): Promise<Response> {
    const sent = cloneRequest(new Request(url, { method, headers }), body, id)
    sent.headers.set('Content-Type', NDJSON)
    return init.send(shard, sent, { isPiped: true })
  }
}

function isValid(event: EventInput, maxEventBytes: number): boolean {
  try {
    prepareEvent(event, maxEventBytes)
    return true
  } catch {
    return false
  }
}

function lineOf(event: EventInput): Uint8Array {
  return encoder.encode(JSON.stringify(event))
}

const encoder = new TextEncoder()
