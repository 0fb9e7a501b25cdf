/** Authorization: what the key, token or ticket of a request allows it to do. */
import type { Context } from 'hono'
import type { Address } from '../../core/address.ts'
import type { Clock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { Hub } from '../../hub/hub-types.ts'
import { bindToHub, internalsOf } from '../../hub/internals.ts'
import { clientBlocked, forbidden, unauthorized } from './errors.ts'
import { heldPermissions } from './held-permissions.ts'
import { mayFollow, mayPublish, type Permissions, permissionTo } from './permissions.ts'
import type { Grant, Tickets } from './tickets.ts'

/** The stream that a request asks for. */
export interface StreamRequest {
  /** @defaultValue the client that the credential names */
  readonly client?: string | undefined
  /** Empty: with a ticket, all topics of the ticket; otherwise none. */
  readonly topics: readonly string[]
  readonly ticket?: string | undefined
}

/** The stream that a request may open. */
export interface StreamGrant {
  readonly client: string
  readonly topics: readonly string[]
  /** When the stream must end, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
}

/**
 * Issues a ticket whose stream and reconnects may last `grantSeconds`, or until the credential that
 * issues it expires, whichever is sooner.
 */
export type TicketIssuer = (grant: Grant, grantSeconds: number) => Promise<string>

/**
 * Decides what each request may do. Use `createAccess`, or write your own. Every method rejects with
 * an `HTTPException` if the request is not allowed: 401 without a valid credential, 403 if the credential
 * lacks the permission, 503 if that can't be decided now.
 */
export interface Access {
  /**
   * Resolves with the stream that the request may open. Also called for HEAD, which must not use up a ticket.
   * @throws {HubError} `blocked` for a blocked client, which receives 204
   */
  listen(c: Context, requested: StreamRequest): Promise<StreamGrant>
  /** Allows publishing to the address. Resolves with the subject whose rate limit it counts against; undefined for its address. */
  publish(c: Context, address: Address): Promise<string | undefined>
  /**
   * Allows ending what is published to the client under a key: it MUST NOT use up the ticket. Resolves as `publish`
   * does. @defaultValue whatever `publish` allows
   */
  stop?(c: Context, client: string, ticket?: string): Promise<string | undefined>
  /** Allows listing and disconnecting clients, and reading metrics. */
  operate(c: Context): Promise<void>
  /** Allows reading metrics. @defaultValue whatever `operate` allows */
  metrics?(c: Context): Promise<void>
  /** Allows issuing tickets, which requires the permission to publish to every address. */
  issuer(c: Context): Promise<TicketIssuer>
}

/** What an authorizer requires. */
export interface AuthorizerInit {
  readonly hub: Hub
  /** Resolves with what a request may do. @throws {HTTPException} 401 if that is nothing, 503 if it can't be decided now */
  permissionsOf(c: Context): Promise<Permissions>
  /** @defaultValue none: every ticket is refused with 401 */
  readonly tickets?: Tickets | undefined
  readonly clock: Clock
}

/** Creates the authorizer of a hub. */
export function createAuthorizer(init: AuthorizerInit): Access {
  const { hub, permissionsOf, tickets, clock } = init
  const { isBlocked } = internalsOf(hub)
  return bindToHub({ listen, publish, stop, operate, metrics, issuer }, hub)

  async function listen(c: Context, requested: StreamRequest): Promise<StreamGrant> {
    if (requested.ticket !== undefined) return await listenByTicket(c, requested, requested.ticket)
    const permissions = await permissionsOf(c)
    const { client, expiresAt } = permissions
    if (client === undefined) {
      throw forbidden(
        'This request names no client: listen with a ticket, or with a token that has a sub claim.',
      )
    }
    check(requested, client, mayFollow(permissions, requested.topics))
    return { client, topics: requested.topics, expiresAt }
  }

  async function listenByTicket(
    c: Context,
    requested: StreamRequest,
    ticket: string,
  ): Promise<StreamGrant> {
    if (!tickets) throw unauthorized(NO_TICKETS)
    const claims = await tickets.read(ticket)
    check(requested, claims.client, mayFollow(claims, requested.topics))
    const topics = requested.topics.length > 0 ? requested.topics : claims.topics
    // Checked here, before the ticket is redeemed, and not only by the hub: if the block ended in
    // between, a stream would open on a ticket that was never redeemed.
    if (isBlocked(claims.client))
      throw new HubError('blocked', 'The client is temporarily blocked.')
    return { client: claims.client, topics, expiresAt: await tickets.redeem(c, claims) }
  }

  async function publish(c: Context, address: Address): Promise<string | undefined> {
    const permissions = await unblockedOf(c)
    if (!mayPublish(permissions, address)) {
      throw forbidden(
        `This credential may not publish to "${permissionTo(address)}": send a publish key, or a token that may.`,
      )
    }
    return permissions.subject
  }

  /** The client itself may, and so may whoever publishes to it. */
  async function stop(c: Context, client: string, ticket?: string): Promise<string | undefined> {
    if (ticket !== undefined) return await stopByTicket(c, client, ticket)
    const permissions = await unblockedOf(c)
    if (permissions.client === client || mayPublish(permissions, { client })) {
      return permissions.subject
    }
    throw forbidden(
      'This credential is not that of the client, nor may it publish to it: send a ticket or a token of the client.',
    )
  }

  async function stopByTicket(c: Context, client: string, ticket: string): Promise<string> {
    if (!tickets) throw unauthorized(NO_TICKETS)
    const claims = await tickets.read(ticket)
    check({ client, topics: [] }, claims.client, true)
    if (isBlocked(client)) throw clientBlocked()
    await tickets.verify(c, claims)
    return `client:${client}`
  }

  async function operate(c: Context): Promise<void> {
    const permissions = await unblockedOf(c)
    if (!permissions.operate) throw forbidden('This operation requires a publish key.')
  }

  async function metrics(c: Context): Promise<void> {
    const permissions = await unblockedOf(c)
    if (!permissions.operate && !permissions.metrics)
      throw forbidden('Reading metrics requires a metrics key or a publish key.')
  }

  async function issuer(c: Context): Promise<TicketIssuer> {
    const { publish, expiresAt = Number.POSITIVE_INFINITY } = await unblockedOf(c)
    // A credential that may publish to some addresses only must not gain the permission to listen to others.
    if (publish !== '*') {
      throw forbidden('Issuing tickets requires the permission to publish to every address.')
    }
    if (!tickets)
      throw forbidden(
        'Issuing tickets requires a secret to sign with: set PUBLISH_KEY or JWT_SECRET.',
      )
    const remainingSeconds = Math.ceil((expiresAt - clock.now()) / 1_000)
    return (grant, grantSeconds) => {
      return tickets.issue(grant, Math.min(grantSeconds, remainingSeconds), expiresAt)
    }
  }

  /** The permissions of whoever sends the request. The credential of a blocked client allows nothing. */
  async function unblockedOf(c: Context): Promise<Permissions> {
    const permissions = await heldPermissions(c, permissionsOf)
    if (permissions.client === undefined || !isBlocked(permissions.client)) return permissions
    throw clientBlocked()
  }
}

const NO_TICKETS = 'This hub accepts no tickets: send a token.'

function check(requested: StreamRequest, client: string, covered: boolean): void {
  if (requested.client !== undefined && requested.client !== client) {
    throw forbidden('The credential is for another client: omit id, or send the id of that client.')
  }
  if (!covered)
    throw forbidden('The credential does not cover every topic: omit the topics that it lacks.')
}
