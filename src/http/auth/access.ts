/** Access control in one call: which credentials a hub accepts, and how its tickets are signed. */
import { type Clock, systemClock } from '../../core/clock.ts'
import { HubError } from '../../core/errors.ts'
import type { Hub } from '../../hub/hub.ts'
import { internalsOf } from '../../hub/internals.ts'
import { type Access, createAuthorizer } from './authorizer.ts'
import { bearerPermissions } from './bearer.ts'
import {
  isJwksUrl,
  isLongSecret,
  JWKS_URL_RULE,
  PUBLISH_KEY,
  PUBLISH_KEY_RULE,
  SECRET_RULE,
} from './credentials.ts'
import { createTickets, type TicketOptions } from './tickets.ts'
import { createTokens, type JwtOptions } from './tokens.ts'

/** Options of {@link createAccess}. Set `keys`, `jwt` or both. */
export interface AccessOptions {
  /** The hub that the app serves. It stores which clients are blocked and which tickets are used up. */
  readonly hub: Hub
  /**
   * Publish keys, sent as `Authorization: Bearer KEY`. Each of them may publish to any address, issue
   * tickets, list and disconnect clients, and read metrics; none may open a stream. A key must have
   * 16 or more printable ASCII characters and no spaces. To rotate keys, put the new one first and
   * remove the old one later.
   * @defaultValue none
   */
  readonly keys?: readonly string[] | undefined
  /**
   * JSON Web Tokens, sent as `Authorization: Bearer TOKEN`. `sub` is the client that a token may
   * listen as, `topics` and `publish` are what it may follow and publish to, `exp` is required.
   * @defaultValue none: every token is refused with 401
   */
  readonly jwt?: JwtOptions | undefined
  /**
   * Tickets, which open one stream each: a page can't set headers on an `EventSource`. `false`
   * turns them off.
   * @defaultValue on, signed with `keys`, or with `jwt.secret` when there are none; off when there is
   * neither
   */
  readonly tickets?: TicketOptions | false | undefined
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined
}

/**
 * Creates the access control of an app: `createApp({ hub, access: createAccess({ hub, keys }) })`.
 * @throws {HubError} `invalid-option` when there is neither a key nor `jwt`, when a key or secret is
 * too short, when `jwt` does not have exactly one of `secret` and `jwksUrl`, or when `jwksUrl` is not
 * https
 * @throws {TypeError} when `createHub` of this package did not create the hub
 */
export function createAccess(options: AccessOptions): Access {
  const { hub, keys = [], jwt, tickets = {}, clock = systemClock } = options
  checkCredentials(options)
  const secrets = tickets === false ? [] : secretsOf(tickets, keys, jwt)
  return createAuthorizer({
    hub,
    permissionsOf: bearerPermissions(keys, jwt && createTokens({ ...jwt, clock })),
    tickets:
      tickets !== false && secrets.length > 0
        ? createTickets({ ...tickets, ...internalsOf(hub), secrets, clock })
        : undefined,
    clock,
  })
}

/** The hub needs a secret of its own: a key, or else the secret that it shares with the issuer. */
function secretsOf(
  { secrets }: TicketOptions,
  keys: readonly string[],
  jwt: JwtOptions | undefined,
): readonly string[] {
  if (secrets) return secrets
  if (keys.length > 0) return keys
  return jwt?.secret === undefined ? [] : [jwt.secret]
}

/** @throws {HubError} `invalid-option`. The message never repeats a key or secret. */
function checkCredentials({ keys = [], jwt, tickets }: AccessOptions): void {
  check(keys.length > 0 || jwt !== undefined, 'createAccess requires keys or jwt: set one of them.')
  check(
    keys.every((key) => PUBLISH_KEY.test(key)),
    `Each of keys ${PUBLISH_KEY_RULE}.`,
  )
  if (jwt) {
    const { secret, jwksUrl } = jwt
    const sources = [secret, jwksUrl].filter((source) => source !== undefined)
    check(sources.length === 1, 'jwt requires either secret or jwksUrl: set exactly one of them.')
    check(secret === undefined || isLongSecret(secret), `jwt.secret ${SECRET_RULE}.`)
    check(jwksUrl === undefined || isJwksUrl(jwksUrl), `jwt.jwksUrl ${JWKS_URL_RULE}.`)
  }
  if (tickets && tickets.secrets !== undefined) {
    const { secrets } = tickets
    check(secrets.length > 0, 'tickets.secrets is empty: add a secret, or omit it.')
    check(
      secrets.every((secret) => isLongSecret(secret)),
      `Each of tickets.secrets ${SECRET_RULE}.`,
    )
  }
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new HubError('invalid-option', message)
}
