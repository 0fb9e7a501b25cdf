/**
 * One hub over several objects: each client has its own, found by a hash. What is for one client
 * goes to one object; broadcasts, topics and lists go to all, and their answers are put together.
 */
import { Hono } from 'hono'
import { byeFrame } from '../../core/control-events.ts'
import { allowOrigins } from '../../http/middleware/origins.ts'
import { mergeMetrics } from './merge.ts'
import { cloneRequest, readBody } from './request.ts'
import { isResharding } from './resharding.ts'
import { type ShardRoute, shardRoute, ticketClient } from './routes.ts'
import { newClientId, shardOf } from './sharding.ts'

/** An object that holds a part of the clients, and serves the whole interface to them. */
export interface Shard {
  fetch(request: Request): Promise<Response>
}

/** What the objects are. */
export interface RouterInit {
  readonly count: number
  /** Milliseconds that clients wait before they reconnect. */
  readonly retryMs: number
  /** Origins whose pages may read answers. @defaultValue none */
  readonly corsOrigins?: readonly string[] | undefined
  /** Bytes of a body that are read here before it is sent on: more than any object takes. */
  readonly maxBodyBytes: number
  /** The object with this number, from 0 up to `count`. */
  shard(index: number): Shard
  /** Hears why an object can't be reached. @defaultValue nobody */
  report?(error: unknown): void
  /** A number from 0 up to 1. @defaultValue `Math.random` */
  random?(): number
}

/** Rows of a list when nobody says how many. */
const DEFAULT_ROWS = 1_000

/** Makes one hub of several objects. */
export function createRouter(init: RouterInit): Shard {
  const { count, retryMs, corsOrigins = [], maxBodyBytes, shard, random = Math.random } = init
  // An EventSource of another origin would take an answer that it may not read for a refusal for good.
  const readable = new Hono<{ Bindings: { answer: Response } }>()
    .use(allowOrigins(corsOrigins))
    .all('*', (c) => c.env.answer)
  return { fetch }

  async function fetch(request: Request): Promise<Response> {
    const route = shardRoute(request)
    try {
      if (count === 1) return await shard(0).fetch(request)
      return await take(request, route)
    } catch (error) {
      if (!isForNow(error)) throw error
      init.report?.(error)
      return route.to === 'stream' ? await comeBack(request) : await unavailable(request, NOBODY)
    }
  }

  async function take(request: Request, route: ShardRoute): Promise<Response> {
    switch (route.to) {
      case 'stream':
        return await listen(request, route)
      case 'client':
        return await of(route.client).fetch(request)
      case 'ticket':
        return await issue(request)
      case 'block':
        return await block(request, shardOf(route.client, count))
      case 'all':
        return await askAll(request, route.what)
      case 'any':
        return await shard(0).fetch(request)
    }
  }

  async function askAll(request: Request, what: (ShardRoute & { to: 'all' })['what']) {
    if (what === 'event') return await publish(request)
    if (what === 'metrics') return await scrape(request)
    return await list(request, what)
  }

  function of(client: string): Shard {
    return shard(shardOf(client, count))
  }

  /** The client must be known before its object is: who comes without an id is given one here. */
  async function listen(
    request: Request,
    { named, cursor, ...route }: ShardRoute & { to: 'stream' },
  ) {
    const { client = newClientId(cursor, count) } = route
    if (named) return await of(client).fetch(request)
    const sign = request.url.includes('?') ? '&' : '?'
    const url = `${request.url}${sign}id=${encodeURIComponent(client)}`
    return await of(client).fetch(new Request(url, request))
  }

  /** The client's own object knows whether it is blocked. */
  async function issue(request: Request): Promise<Response> {
    const body = await readBody(request, maxBodyBytes)
    const client = ticketClient(body)
    const chosen = client === undefined ? shard(0) : of(client)
    return await chosen.fetch(cloneRequest(request, body))
  }

  /** The first object judges for all whether the event may be published. */
  async function publish(request: Request): Promise<Response> {
    const body = await readBody(request, maxBodyBytes)
    const { judgement, receipts } = await tellAll<Receipt>(request, body, 0)
    if (!judgement.ok) return judgement
    if (receipts.length < count) {
      const some = `The event was published to ${receipts.length} of ${count} objects: to publish it again is to publish it twice to those.`
      const answer = await unavailable(request, some)
      // Whoever obeyed it would do just that.
      answer.headers.delete('Retry-After')
      return answer
    }
    const ids = receipts.flatMap(({ id }) => (id === undefined ? [] : [id]))
    const connections = receipts.reduce((sum, one) => sum + one.connections, 0)
    return json(judgement, ids.length > 0 ? { ids, connections } : { connections })
  }

  /** The client's own object says goodbye to it; all of them refuse its tokens. */
  async function block(request: Request, own: number): Promise<Response> {
    const { judgement, receipts } = await tellAll<{ disconnected: number }>(request, NOTHING, own)
    if (!judgement.ok) return judgement
    if (receipts.length === count) return json(judgement, receipts[0])
    const kept = `Only ${receipts.length} of ${count} objects keep the client away. Try again.`
    return await unavailable(request, kept)
  }

  /** One object judges for all, and only if it consents the others are told; its receipt is the first. */
  async function tellAll<T>(request: Request, body: Uint8Array<ArrayBuffer>, judge: number) {
    const judgement = await shard(judge).fetch(cloneRequest(request, body))
    if (!judgement.ok) return { judgement, receipts: [] }
    // In the logs of all it is one request.
    const id = judgement.headers.get('X-Request-Id')
    const others = range(0, count)
      .filter((index) => index !== judge)
      .map((index) => shard(index).fetch(cloneRequest(request, body, id)))
    const settled = await Promise.allSettled(others)
    const answers = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    for (const one of settled) if (one.status === 'rejected') init.report?.(one.reason)
    const told = [judgement, ...answers].filter(({ ok }) => ok)
    return { judgement, receipts: (await Promise.all(told.map((one) => one.json()))) as T[] }
  }

  async function list(request: Request, what: 'clients' | 'connections'): Promise<Response> {
    const answers = await Promise.all(
      range(0, count).map((index) => shard(index).fetch(new Request(request))),
    )
    const refused = answers.find(({ ok }) => !ok)
    const [first] = answers
    if (refused || !first) return refused ?? (await unavailable(request, NOBODY))
    const lists = (await Promise.all(answers.map((one) => one.json()))) as List[]
    const limit = Number(new URL(request.url).searchParams.get('limit') ?? DEFAULT_ROWS)
    const rows = lists
      // Two objects may call a connection by the same name.
      .flatMap((one, index) => (one[what] ?? []).map((row) => ({ shard: index, ...row })))
      .sort((one, other) => (one.since < other.since ? -1 : 1))
    const total = lists.reduce((sum, one) => sum + one.total, 0)
    return json(first, { ...lists[0], [what]: rows.slice(0, limit), total })
  }

  /** Figures of all that answer: of the others it is told that they do not. */
  async function scrape(request: Request): Promise<Response> {
    const asked = range(0, count).map((index) => shard(index).fetch(new Request(request)))
    const settled = await Promise.allSettled(asked)
    const answers = settled.map((one) => (one.status === 'fulfilled' ? one.value : undefined))
    const first = answers.find((one) => one?.ok)
    // Refused, or failed: by all of them, and for the same reason.
    if (!first) return answers.find((one) => one !== undefined) ?? (await Promise.race(asked))
    const texts = answers.map((one) => (one?.ok ? one.text() : undefined))
    return answer(first, mergeMetrics(await Promise.all(texts)))
  }

  async function comeBack(request: Request): Promise<Response> {
    const bye = byeFrame('shutdown', retryMs * (1 + random()))
    const headers = {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
    }
    return await readable.fetch(request, { answer: new Response(bye.slice(), { headers }) })
  }

  async function unavailable(request: Request, detail: string): Promise<Response> {
    const problem = { type: 'about:blank', title: 'Service Unavailable', status: 503, detail }
    const headers = { 'Content-Type': 'application/problem+json', 'Retry-After': '2' }
    const answer = new Response(JSON.stringify(problem), { status: 503, headers })
    return await readable.fetch(request, { answer })
  }
}

const NOBODY = 'The object that holds the hub can’t be reached now. Try again.'

/** The body of a request that needs none. */
const NOTHING = new Uint8Array()

interface Receipt {
  readonly id?: string
  readonly connections: number
}

interface List {
  readonly total: number
  readonly clients?: readonly Row[]
  readonly connections?: readonly Row[]
}

interface Row {
  /** ISO 8601. */
  readonly since: string
}

/**
 * Whether the platform says that it is only now: an object moves, restarts, or has too much to do.
 * @see https://developers.cloudflare.com/durable-objects/best-practices/error-handling/
 */
function isForNow(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { retryable, overloaded, durableObjectReset } = error as Error & Record<string, unknown>
  // Of what an object had in hand when it was reset the platform says no more than that.
  return [retryable, overloaded, durableObjectReset].includes(true) || isResharding(error)
}

function json(first: Response, body: unknown): Response {
  return answer(first, JSON.stringify(body))
}

/** An answer with the headers of the first object's: those of CORS, say. */
function answer(first: Response, body: string): Response {
  const headers = new Headers(first.headers)
  headers.delete('Content-Length')
  return new Response(body, { status: 200, headers })
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
