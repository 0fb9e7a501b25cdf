/** Which shard a request goes to. Nothing is verified here: the hub that receives the request does that. */

import { HonoRequest } from 'hono/request'
import { TrieRouter } from 'hono/router/trie-router'
import type { ExtractSchema } from 'hono/types'
import { getPath } from 'hono/utils/url'
import { decodeJwt } from 'jose'
import { NAME } from '../../core/address.ts'
import type { AppType } from '../../http/app.ts'
import { NDJSON } from '../../http/batch/respond-to-lines.ts'
import { bodyTypeOf, mediaTypeOf } from '../../http/middleware/body.ts'
import { EVENT_STREAM } from '../../http/piping/answer-stream.ts'

/** Where a request goes, with what is needed to find the shard. */
export type ShardRoute =
  /** The shard of the client that opens a stream; of a new client if none is named. */
  | {
      readonly to: 'stream'
      readonly client?: string | undefined
      /** Whether the URL has an `id`: a ticket or a token names a client without one. */
      readonly named: boolean
      /** The cursor, which may name the shard that the client was on; empty if there is none. */
      readonly cursor: string
    }
  | { readonly to: 'client' | 'stop'; readonly client: string }
  /** Every shard: a token of a blocked client could publish on any of them. */
  | { readonly to: 'block'; readonly client: string }
  /** The shard of the client named in the body. */
  | { readonly to: 'ticket' }
  /** Shards that depend on each event in the body; the first one refuses a body of another type. */
  | { readonly to: 'batch' }
  /** Every shard. */
  | { readonly to: 'publish' | 'clients' | 'topics' | 'connections' | 'metrics' }
  /** The first shard: every shard would respond alike. */
  | { readonly to: 'any' }

type App = ExtractSchema<AppType>
type MethodsOf<Path extends keyof App & string> = keyof App[Path] & string
type RouteOf<Path extends string, Method extends string> = Method extends `$${infer Name}`
  ? `${Uppercase<Name>} ${Path}`
  : never

/** The routes of the app, `GET /clients/:id` for one, read from its type. */
type AppRoute = { [Path in keyof App & string]: RouteOf<Path, MethodsOf<Path>> }[keyof App & string]

/**
 * Where each route of the app goes: this does not compile if a route of the app is missing here, or
 * a listed route is not in the app. All other requests go to the first shard: those for the
 * dashboard, and those that lead to 404 or 405.
 */
const DESTINATIONS: Readonly<Record<AppRoute, ShardRoute['to']>> = {
  'GET /sse': 'stream',
  'POST /ping/:id': 'client',
  'POST /clients/:id': 'client',
  'POST /clients/:id/stop': 'stop',
  'GET /clients/:id': 'client',
  'DELETE /clients/:id': 'block',
  'POST /topics/:topic': 'publish',
  'POST /broadcast': 'publish',
  'POST /publish': 'batch',
  'GET /clients': 'clients',
  'GET /topics': 'topics',
  'GET /topics/:topic': 'connections',
  'GET /topics/:topic/retained': 'any',
  'GET /metrics': 'metrics',
  'POST /tickets': 'ticket',
  'GET /openapi.json': 'any',
  'GET /healthz': 'any',
  'GET /readyz': 'any',
}

/** Hono’s own matching and decoding, so that the router and the app never read a URL differently. */
const table = new TrieRouter<ShardRoute['to']>()
for (const [route, to] of Object.entries(DESTINATIONS)) {
  const [method = '', path = ''] = route.split(' ')
  table.add(method, path, to)
}

const JSON_TYPE = 'application/json'

/** `HonoRequest` reads the parameters of a match, and not what matched. */
type RequestMatches = ConstructorParameters<typeof HonoRequest>[2]

/** Determines where a request goes. HEAD goes where GET would. */
export function shardRoute(request: Request): ShardRoute {
  const path = getPath(request)
  const matches = table.match(request.method === 'HEAD' ? 'GET' : request.method, path)
  const to = matches[0][0]?.[0]
  if (!to) return { to: 'any' }
  const read = new HonoRequest(request, path, matches as unknown as RequestMatches)
  if (to === 'stream') return streamRoute(read)
  if (to === 'batch' && ![JSON_TYPE, NDJSON].includes(bodyTypeOf(request) ?? '')) {
    return { to: 'any' }
  }
  if (to !== 'client' && to !== 'stop' && to !== 'block') return { to }
  if (to === 'stop') return { to, client: read.param('id') ?? '' }
  const blocks = to === 'block' && read.query('block') !== undefined
  return { to: blocks ? 'block' : 'client', client: read.param('id') ?? '' }
}

/** Whether a request publishes events. */
export function publishes({ method }: Request, { to }: ShardRoute): boolean {
  return method === 'POST' && ['publish', 'client', 'batch'].includes(to)
}

/** Whether the body of a request is one event. */
export function isEvent(request: Request, route: ShardRoute): boolean {
  return publishes(request, route) && route.to !== 'batch' && !isLines(request)
}

/** Whether a request is answered while its body arrives. */
export function isLines(request: Request): boolean {
  return isEventStream(request) || (request.method === 'POST' && bodyTypeOf(request) === NDJSON)
}

/** Whether the body of a request is an event stream. */
export function isEventStream(request: Request): boolean {
  return request.method === 'POST' && mediaTypeOf(request) === EVENT_STREAM
}

/**
 * The client that listens is the `id`, which every credential must allow; without one it is the
 * client of the ticket or the token; without those it is a new client.
 */
function streamRoute(request: HonoRequest): ShardRoute {
  const id = request.query('id')
  const cursor = request.header('Last-Event-ID') || request.query('lastEventId') || ''
  if (id !== undefined) return { to: 'stream', client: id, named: true, cursor }
  const [, token] = /^Bearer +(\S+) *$/i.exec(request.header('Authorization') ?? '') ?? []
  const client = claimOf(request.query('ticket'), 'client') ?? claimOf(token, 'sub')
  return { to: 'stream', client, named: false, cursor }
}

/** A client id that a ticket or a token claims; undefined for anything else. */
function claimOf(token: string | undefined, claim: string): string | undefined {
  if (!token) return undefined
  try {
    return nameIn(decodeJwt(token)[claim])
  } catch {
    return undefined
  }
}

/** The client that the body of `POST /tickets` names; undefined for a body that names none. */
export function ticketClient(body: Uint8Array): string | undefined {
  try {
    return nameIn((JSON.parse(new TextDecoder().decode(body)) as { client?: unknown }).client)
  } catch {
    return undefined
  }
}

function nameIn(value: unknown): string | undefined {
  return typeof value === 'string' && NAME.test(value) ? value : undefined
}
