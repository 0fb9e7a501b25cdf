/** Who may do what: the rights that a request's key, token or ticket gives. */
import type { Context } from 'hono'
import { timingSafeEqual } from 'hono/utils/buffer'
import type { Address } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import { forbidden, unauthorized } from './errors.ts'
import { covers, mayPublish, type Permissions } from './permissions.ts'
import type { Grant, Tickets } from './tickets.ts'
import type { Tokens } from './tokens.ts'

/** The stream that a request asks for. */
export interface StreamRequest {
  readonly client?: string | undefined
  readonly topics: readonly string[]
  readonly ticket?: string | undefined
}

/** The stream that it may have. */
export interface StreamGrant {
  readonly client: string
  readonly topics: readonly string[]
  /** When the right ends, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
}

/** Issues a ticket for a grant of so many seconds, or of less if the right to issue it ends before. */
export type TicketIssuer = (grant: Grant, grantSeconds: number) => Promise<string>

/** Decides what a request may do. Every method throws an `HTTPException`: 401, 403 or 503. */
export interface Access {
  /** The stream that the request may have. */
  listen(c: Context, wanted: StreamRequest): Promise<StreamGrant>
  /** Lets pass who may publish to the address; returns the holder of the right. */
  publish(c: Context, address: Address): Promise<string>
  /** Lets pass who may see and disconnect clients. */
  operate(c: Context): Promise<void>
  /** Lets pass who may publish anywhere, and so may let others listen; how they get tickets. */
  issuer(c: Context): Promise<TicketIssuer>
}

/** What rights come from. */
export interface AccessOptions {
  /** Keys that publish and operate. */
  readonly publishKeys: readonly string[]
  /** @defaultValue none: no tokens */
  readonly tokens?: Tokens | undefined
  /** @defaultValue none: no tickets */
  readonly tickets?: Tickets | undefined
  /** Whether a client is kept away for now: so are its tokens. */
  blocked(client: string): boolean
  readonly clock: Clock
}

/** Makes the access of a hub that has keys or tokens. */
export function createAccess(options: AccessOptions): Access {
  const { publishKeys, tokens, tickets, blocked, clock } = options
  return { listen, publish, operate, issuer }

  async function listen(c: Context, wanted: StreamRequest): Promise<StreamGrant> {
    if (wanted.ticket !== undefined) return await listenByTicket(c, wanted, wanted.ticket)
    const { client, topics, expiresAt } = await rightsOf(c)
    if (client === undefined) {
      throw forbidden('This credential names no client: listen with a ticket, or a token with sub.')
    }
    check(wanted, client, covers(topics, wanted.topics))
    return { client, topics: wanted.topics, expiresAt }
  }

  async function listenByTicket(
    c: Context,
    wanted: StreamRequest,
    ticket: string,
  ): Promise<StreamGrant> {
    if (!tickets) throw unauthorized('Tickets are not set up here.')
    const note = await tickets.read(ticket)
    check(wanted, note.client, covers(note.topics, wanted.topics))
    const topics = wanted.topics.length > 0 ? wanted.topics : note.topics
    // Kept away, and its ticket not used up. Thrown, because the block may end before the hub looks
    // again: then a stream would open for a ticket that nobody has redeemed.
    if (blocked(note.client)) throw new HubError('blocked', 'The client is blocked for now.')
    return { client: note.client, topics, expiresAt: await tickets.redeem(c, note) }
  }

  async function publish(c: Context, address: Address): Promise<string> {
    const rights = await publisherOf(c)
    if (!mayPublish(rights, address)) throw forbidden('This credential may not publish there.')
    return rights.holder
  }

  async function operate(c: Context): Promise<void> {
    const rights = await rightsOf(c)
    if (!rights.operate) throw forbidden('This takes the publish key.')
  }

  async function issuer(c: Context): Promise<TicketIssuer> {
    const { publish, expiresAt = Number.POSITIVE_INFINITY } = await publisherOf(c)
    // Who may publish to some addresses only must not be able to listen to others.
    if (publish !== '*') throw forbidden('Tickets take the right to publish anywhere.')
    if (!tickets) throw forbidden('Tickets take a PUBLISH_KEY or a JWT_SECRET to sign them with.')
    const leftSeconds = Math.ceil((expiresAt - clock.now()) / 1_000)
    return (grant, grantSeconds) => tickets.issue(grant, Math.min(grantSeconds, leftSeconds))
  }

  async function publisherOf(c: Context): Promise<Permissions> {
    const rights = await rightsOf(c)
    if (rights.client === undefined || !blocked(rights.client)) return rights
    throw forbidden('This client is blocked for now.')
  }

  async function rightsOf(c: Context): Promise<Permissions> {
    const [, credential] = /^Bearer +(\S+) *$/i.exec(c.req.header('Authorization') ?? '') ?? []
    if (credential === undefined) {
      throw unauthorized(
        'Send "Authorization: Bearer" with a key or a token, or listen with a ticket.',
      )
    }
    if (await isKey(credential)) {
      return { holder: 'key', topics: [], publish: '*', operate: true }
    }
    if (!tokens) throw unauthorized('The key is not one of this hub.')
    return await tokens.verify(credential)
  }

  async function isKey(credential: string): Promise<boolean> {
    // All are compared, whichever fits: time must not tell.
    const equal = await Promise.all(publishKeys.map((key) => timingSafeEqual(key, credential)))
    return equal.includes(true)
  }
}

function check(wanted: StreamRequest, client: string, covered: boolean): void {
  if (wanted.client !== undefined && wanted.client !== client) {
    throw forbidden('The id is of another client: leave it out, or use the one that was granted.')
  }
  if (!covered) throw forbidden('A topic is outside of what was granted.')
}
