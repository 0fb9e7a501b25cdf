/** Whom a request concerns: one client, or all. Nothing is verified here: that is for the hub. */
import { decodeJwt } from 'jose'
import { NAME } from '../../core/address.ts'

/** Where a request goes. */
export type ShardRoute =
  /** A stream, of somebody new if no client is known; `named` says whether the request itself names it. */
  | {
      readonly to: 'stream'
      readonly client?: string | undefined
      readonly named: boolean
      /** Where it was, if it was here before. */
      readonly cursor: string
    }
  | { readonly to: 'client'; readonly client: string }
  /** A ticket, whose body names the client. */
  | { readonly to: 'ticket' }
  /** A block: each object must know it, because a token of the client may publish at any of them. */
  | { readonly to: 'block'; readonly client: string }
  | { readonly to: 'all'; readonly what: 'event' | 'clients' | 'connections' | 'metrics' }
  | { readonly to: 'any' }

const PATH = /^\/(?:(ping|clients|topics)\/([^/]+)|(sse|clients|broadcast|tickets|metrics))$/

/** Where a request goes. */
export function shardRoute(request: Request): ShardRoute {
  const { pathname, searchParams } = new URL(request.url)
  const [, kind = '', name = '', word] = PATH.exec(pathname) ?? []
  const { method } = request
  const reads = method === 'GET'
  if (word === 'sse') return streamOf(request, searchParams)
  if (word === 'clients') return reads ? { to: 'all', what: 'clients' } : { to: 'any' }
  if (word === 'metrics') return reads ? { to: 'all', what: 'metrics' } : { to: 'any' }
  if (method === 'POST' && word === 'broadcast') return { to: 'all', what: 'event' }
  if (method === 'POST' && word === 'tickets') return { to: 'ticket' }
  if (kind === 'topics' && reads) return { to: 'all', what: 'connections' }
  if (kind === 'topics' && method === 'POST') return { to: 'all', what: 'event' }
  if (kind !== 'ping' && kind !== 'clients') return { to: 'any' }
  const blocks = kind === 'clients' && method === 'DELETE' && searchParams.has('block')
  return { to: blocks ? 'block' : 'client', client: decoded(name) }
}

/**
 * Who listens: the `id`, which a right must fit in any case; else whom the ticket or the token is
 * for; else somebody new.
 */
function streamOf({ headers }: Request, query: URLSearchParams): ShardRoute {
  const id = query.get('id')
  const cursor = headers.get('Last-Event-ID') || query.get('lastEventId') || ''
  if (id !== null) return { to: 'stream', client: id, named: true, cursor }
  const [, token] = /^Bearer +(\S+) *$/i.exec(headers.get('Authorization') ?? '') ?? []
  const client = claimOf(query.get('ticket'), 'client') ?? claimOf(token, 'sub')
  return { to: 'stream', client, named: false, cursor }
}

/** A name that a ticket or a token claims; undefined for what is neither. */
function claimOf(token: string | null | undefined, claim: string): string | undefined {
  if (!token) return undefined
  try {
    return nameIn(decodeJwt(token)[claim])
  } catch {
    return undefined
  }
}

/** The client that the body of a request for a ticket names. */
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

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch {
    // The hub answers 400, whichever object it asks.
    return name
  }
}
