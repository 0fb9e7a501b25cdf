/** Access control in one call: which credentials a hub accepts, and how its tickets are signed. */
import { type Clock, systemClock } from '../../core/clock.ts'
import { checkRange, HubError } from '../../core/errors.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import { isSecureUrl, SECURE_URL_RULE } from '../../core/options/secure-url.ts'
import { CLOCK } from '../../core/options/shared-kinds.ts'
import type { Hub } from '../../hub/hub-types.ts'
import { internalsOf } from '../../hub/internals.ts'
import { type AttemptOptions, createAttempts } from './attempts.ts'
import { type Access, createAuthorizer } from './authorizer.ts'
import { bearerPermissions } from './bearer.ts'
import { isLongSecret, PUBLISH_KEY, PUBLISH_KEY_RULE, SECRET_RULE } from './credentials.ts'
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
   * Keys for programs that scrape metrics: each of them reads metrics and may do nothing else. The same
   * rule applies to them, and none may be one of `keys`.
   * @defaultValue none
   */
  readonly metricsKeys?: readonly string[] | undefined
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
  /**
   * Limits how many invalid keys one remote address may send: beyond it, a key that the address has not
   * used before receives 429, whether or not it is valid.
   * @defaultValue no limit
   */
  readonly attempts?: AttemptOptions | undefined
  /** @defaultValue `systemClock` */
  readonly clock?: Clock | undefined
}

/**
 * Creates the access control of an app: `createApp({ hub, access: createAccess({ hub, keys }) })`.
 * @throws {HubError} `invalid-option` for an unknown option, when there is neither a key nor `jwt`, when a key or secret is
 * too short, when a metrics key is also one of `keys`, when `jwt` does not have exactly one of `secret` and `jwksUrl`, or when `jwksUrl` is not
 * https
 * @throws {TypeError} when `createHub` of this package did not create the hub
 */
export function createAccess(options: AccessOptions): Access {
  checkCredentials(options)
  const {
    hub,
    keys = [],
    metricsKeys = [],
    jwt,
    tickets = {},
    attempts,
    clock = systemClock,
  } = options
  checkAttempts(options)
  const secrets = tickets === false ? [] : secretsOf(tickets, keys, jwt)
  return createAuthorizer({
    hub,
    permissionsOf: bearerPermissions({
      keys,
      metricsKeys,
      tokens: jwt && createTokens({ ...jwt, clock }),
      attempts: attempts && createAttempts(attempts, clock, hub),
    }),
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

const KINDS: Kinds<AccessOptions> = {
  hub: KIND.any,
  keys: KIND.texts,
  metricsKeys: KIND.texts,
  jwt: KIND.object,
  tickets: {
    rule: 'must be an object or false',
    accepts: (value) => value === false || KIND.object.accepts(value),
  },
  attempts: KIND.object,
  clock: CLOCK,
}

const JWT_KINDS: Kinds<JwtOptions> = {
  secret: KIND.text,
  jwksUrl: KIND.text,
  issuer: KIND.text,
  audience: KIND.text,
  onError: KIND.function,
}

const TICKET_KINDS: Kinds<TicketOptions> = {
  secrets: KIND.texts,
  isSecure: KIND.function,
  addressOf: KIND.function,
}

const ATTEMPT_KINDS: Kinds<AttemptOptions> = {
  addressOf: KIND.function,
  perMinute: KIND.number,
}

/** @throws {HubError} `invalid-option`. The message never repeats a key or secret. */
function checkCredentials(options: AccessOptions): void {
  checkOptions('createAccess', options, KINDS)
  const { keys = [], metricsKeys = [], jwt, tickets } = options
  if (jwt) checkOptions('jwt of createAccess', jwt, JWT_KINDS)
  if (tickets) checkOptions('tickets of createAccess', tickets, TICKET_KINDS)
  check(keys.length > 0 || jwt !== undefined, 'createAccess requires keys or jwt: set one of them.')
  check(
    keys.every((key) => PUBLISH_KEY.test(key)),
    `Each of keys ${PUBLISH_KEY_RULE}.`,
  )
  check(
    metricsKeys.every((key) => PUBLISH_KEY.test(key)),
    `Each of metricsKeys ${PUBLISH_KEY_RULE}.`,
  )
  check(
    !metricsKeys.some((key) => keys.includes(key)),
    'Each of metricsKeys must differ from keys, which may do anything.',
  )
  if (jwt) {
    const { secret, jwksUrl } = jwt
    const sources = [secret, jwksUrl].filter((source) => source !== undefined)
    check(sources.length === 1, 'jwt requires either secret or jwksUrl: set exactly one of them.')
    check(secret === undefined || isLongSecret(secret), `jwt.secret ${SECRET_RULE}.`)
    check(jwksUrl === undefined || isSecureUrl(jwksUrl), `jwt.jwksUrl ${SECURE_URL_RULE}.`)
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

/** @throws {HubError} `invalid-option` */
function checkAttempts({ attempts }: AccessOptions): void {
  if (attempts === undefined) return
  checkOptions('attempts of createAccess', attempts, ATTEMPT_KINDS)
  check(typeof attempts.addressOf === 'function', 'attempts.addressOf must be a function.')
  if (attempts.perMinute !== undefined) checkRange('attempts.perMinute', attempts.perMinute, 0)
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new HubError('invalid-option', message)
}
