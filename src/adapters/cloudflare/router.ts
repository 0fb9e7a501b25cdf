/**
 * Makes several shards one hub. Each client belongs to one shard, found by a hash of its id: requests
 * about one client go there. Broadcasts, topics and lists go to every shard, and their responses are merged.
 */
import { type Clock, systemClock } from '../../core/clock.ts'
import { maxLineBytes } from '../../http/batch/answer-lines.ts'
import type { Disconnected, Published } from '../../http/schemas/responses.ts'
import { createBatchAnswers } from './batch/answer-batch.ts'
import { answerInTime, bodyInTime, headInTime } from './deadline.ts'
import { isRefusal, isTransient, mayHaveRun } from './failures.ts'
import {
  type ListedRows,
  mergeLists,
  mergeMetrics,
  mergePublished,
  type ShardList,
  withBody,
} from './merge.ts'
import { createPipeAnswers } from './piping/pipe-answers.ts'
import { createRefusals } from './refusals.ts'
import {
  BrokenBodyError,
  bodyOf,
  cloneRequest,
  maxBodyBytes,
  type ShardRequest,
  withShardCount,
} from './request.ts'
import {
  isEvent,
  isEventStream,
  isLines,
  publishes,
  type ShardRoute,
  shardRoute,
  ticketClient,
} from './routes.ts'
import { newClientId, shardOf } from './sharding.ts'

/** A Durable Object that serves the whole HTTP interface to its part of the clients. */
export interface Shard {
  fetch(request: Request): Promise<Response>
}

/** What the router needs. */
export interface RouterInit {
  /** The number of shards. */
  readonly count: number
  /** The minimum number of milliseconds before clients reconnect; the maximum is twice as long. */
  readonly retryMs: number
  /** Origins whose pages may read responses. @defaultValue none */
  readonly corsOrigins?: readonly string[] | undefined
  /** The maximum number of bytes of data in one event. */
  readonly maxEventBytes: number
  /** The maximum number of events of a batch that is a JSON array. */
  readonly maxBatchEvents: number
  /** Returns the shard with this number, from 0 up to `count`. */
  shard(index: number): Shard
  /** Receives the reason why a shard is unavailable. @defaultValue ignored */
  report?(error: unknown): void
  /** A number from 0 up to 1. @defaultValue `Math.random` */
  random?(): number
  /** Measures how long shards are silent. @defaultValue the system clock */
  readonly clock?: Pick<Clock, 'every' | 'monotonic'> | undefined
}

/** Makes one hub of several shards. */
export function createRouter(init: RouterInit): Shard {
  const { count, retryMs, corsOrigins = [], maxEventBytes } = init
  const { random = Math.random, clock = systemClock } = init
  const shards = Array.from({ length: count }, (_, index) => index)
  const refusals = createRefusals({ retryMs, corsOrigins, maxEventBytes, random, clock })
  const { retryLater, unavailable, unconfirmed, respond } = refusals
  const report = (error: unknown) => init.report?.(error)
  const shared = { count, clock, report, respond }
  const batches = createBatchAnswers({
    ...shared,
    maxLineBytes: maxLineBytes(maxEventBytes),
    maxBatchEvents: init.maxBatchEvents,
    ask,
  })
  const passToFirst = (request: Request) => pass(0, request, { to: 'any' })
  const answerPipe = createPipeAnswers({ ...shared, maxEventBytes, send, pass: passToFirst })
  return { fetch }

  async function fetch(request: Request): Promise<Response> {
    const route = shardRoute(request)
    try {
      return await (count === 1 ? pass(0, request, route) : dispatch(request, route))
    } catch (error) {
      if (error instanceof BrokenBodyError) return await refusals.broken(request)
      if (!isTransient(error)) throw error
      report(error)
      if (route.to === 'stream') return await retryLater(request)
      return publishes(request, route) && mayHaveRun(error)
        ? await unconfirmed(request, 'The shard')
        : await unavailable(request)
    }
  }

  async function dispatch(request: Request, route: ShardRoute): Promise<Response> {
    switch (route.to) {
      case 'stream':
        return await openStream(request, route)
      case 'client':
      case 'stop':
        return await pass(shardOf(route.client, count), request, route)
      case 'block':
        return await block(request, shardOf(route.client, count))
      case 'ticket':
        return await issueTicket(request)
      case 'publish':
        if (isEventStream(request)) return await answerPipe(request)
        return await (isLines(request) ? batches.lines(request, false) : publish(request))
      case 'batch':
        return await (isLines(request) ? batches.lines(request, true) : batches.array(request))
      case 'clients':
      case 'topics':
      case 'connections':
      case 'metrics':
        return await gather(request, route.to)
      case 'any':
        return await pass(0, request, route)
    }
  }

  /** Assigns a client id to a connection without one, because its shard depends on it. */
  async function openStream(request: Request, route: ShardRoute & { to: 'stream' }) {
    const { client = newClientId(route.cursor, count) } = route
    const index = shardOf(client, count)
    if (route.named) return await pass(index, request, route)
    const separator = request.url.includes('?') ? '&' : '?'
    const url = `${request.url}${separator}id=${encodeURIComponent(client)}`
    return await pass(index, new Request(url, request), route)
  }

  /** The client's own shard knows whether it is blocked, and which of its tickets are used. */
  async function issueTicket(request: Request): Promise<Response> {
    const body = await bodyOf(request, maxBodyBytes(maxEventBytes))
    const client = ticketClient(body)
    const index = client === undefined ? 0 : shardOf(client, count)
    return await ask(index, cloneRequest(request, body))
  }

  async function publish(request: Request): Promise<Response> {
    const body = await bodyOf(request, maxBodyBytes(maxEventBytes))
    refusals.noteKey(request, body)
    const { first, results, isConflict } = await sendToAll<Published>(request, body, 0)
    if (!first.ok) return first
    if (isConflict) return await refusals.conflict(request, results.length, count)
    if (results.length === count) return withBody(first, JSON.stringify(mergePublished(results)))
    return await unconfirmed(request, `${count - results.length} of ${count} shards`)
  }

  /** The client's own shard disconnects it; every shard refuses its tokens. */
  async function block(request: Request, own: number): Promise<Response> {
    const { first, results } = await sendToAll<Disconnected>(request, null, own)
    if (!first.ok) return first
    if (results.length === count) return withBody(first, JSON.stringify(results[0]))
    const detail = `Only ${results.length} of ${count} shards block the client. Try again.`
    return await unavailable(request, detail)
  }

  /**
   * Sends a request to the primary shard, which decides for all whether it is allowed, and only then
   * to the others. The primary's result comes first; a shard that fails has none. `isConflict`: another one knows
   * the idempotency key of the request from another event, which the primary does not.
   */
  async function sendToAll<T>(
    request: Request,
    body: Uint8Array<ArrayBuffer> | null,
    primary: number,
  ) {
    const first = await ask(primary, cloneRequest(request, body))
    if (!first.ok) return { first, results: [] }
    // One request has one id in the logs of all shards.
    const id = first.headers.get('X-Request-Id')
    const others = shards
      .filter((index) => index !== primary)
      .map((index) => ask(index, cloneRequest(request, body, id)))
    const outcomes = await Promise.allSettled(others)
    const responses = [first]
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') responses.push(outcome.value)
      else report(outcome.reason)
    }
    const accepted = responses.filter(({ ok }) => ok)
    const results = (await Promise.all(accepted.map((one) => one.json()))) as T[]
    return { first, results, isConflict: responses.some(({ status }) => status === 422) }
  }

  /** Merges what all shards respond. HEAD asks them as GET does, because only bodies can be merged. */
  async function gather(request: Request, what: 'metrics' | ListedRows): Promise<Response> {
    if (request.method === 'HEAD') {
      const response = await gather(new Request(request, { method: 'GET' }), what)
      return new Response(null, response)
    }
    return await (what === 'metrics' ? scrape(request) : list(request, what))
  }

  /** Merges the lists of the shards that respond and reports how many did. */
  async function list(request: Request, what: ListedRows): Promise<Response> {
    const responses = await fetchFromAll(request)
    const first = responses.find((one) => one?.ok)
    const refused = responses.find((one) => one && isRefusal(one))
    if (refused || !first) return refused ?? (await unavailable(request))
    const bodies = responses.map((one) => (one?.ok ? one.json() : undefined))
    const lists = (await Promise.all(bodies)) as (ShardList | undefined)[]
    return withBody(first, JSON.stringify(mergeLists(request.url, lists, what)))
  }

  /** Merges the metrics of the shards that respond. */
  async function scrape(request: Request): Promise<Response> {
    const responses = await fetchFromAll(request)
    const first = responses.find((one) => one?.ok)
    // All shards refused, for the same reason.
    if (!first) return responses.find((one) => one) ?? (await unavailable(request))
    const texts = responses.map((one) => (one?.ok ? one.text() : undefined))
    return withBody(first, mergeMetrics(await Promise.all(texts)))
  }

  /** Sends a request to all shards, without its body. One that fails has no response; if all fail, so does this. */
  async function fetchFromAll(request: Request): Promise<readonly (Response | undefined)[]> {
    const pending = shards.map((index) => ask(index, cloneRequest(request, null)))
    const outcomes = await Promise.allSettled(pending)
    if (outcomes.every(({ status }) => status === 'rejected')) await Promise.race(pending)
    return outcomes.map((outcome) => {
      if (outcome.status === 'fulfilled') return outcome.value
      report(outcome.reason)
      return undefined
    })
  }

  /** Sends a request whose body has been read. @throws {LateError} if the shard hangs */
  function ask(index: number, request: Request): Promise<Response> {
    return bodyInTime(answerInTime(send(index, request), clock), clock)
  }

  /** Sends a request as it comes in. @throws {LateError} if the shard hangs */
  async function pass(index: number, request: Request, route: ShardRoute): Promise<Response> {
    const passing = isEvent(request, route) ? refusals.noteInPassing(request) : request
    const head = headInTime(passing, (sent) => send(index, sent), clock)
    // Answers to lines come while the lines do.
    return await (route.to === 'stream' || isLines(request) ? head : bodyInTime(head, clock))
  }

  function send(index: number, request: Request, more?: ShardRequest): Promise<Response> {
    return init.shard(index).fetch(withShardCount(request, count, more))
  }
}
