/** From configuration to access: keys, tokens, or nobody asked. */
import type { Context } from 'hono'
import type { Clock } from '../core/clock.ts'
import { type Access, createAccess } from '../http/auth/authorizer.ts'
import { notSetUp } from '../http/auth/errors.ts'
import { createTickets } from '../http/auth/tickets.ts'
import { createTokens } from '../http/auth/tokens.ts'
import { isLoopback } from '../http/middleware/origins.ts'
import type { Hub } from '../hub/hub.ts'
import { internalsOf } from '../hub/internals.ts'
import { type Config, hasCredentials } from './config.ts'

/** Said where a hub that asks nobody who they are would be open to all. */
export const OPEN_TO_ALL =
  'Set PUBLISH_KEY (and JWT_SECRET or JWKS_URL for tokens), because anyone who reaches this hub could listen as anyone and publish to all; or set ALLOW_ANONYMOUS=true if that is what you want.'

/** How a server stands to the world: by rights; open to this machine; open to all; not to be opened. */
export type AccessMode = 'rights' | 'loopback' | 'anonymous' | 'refused'

/** What the configuration means. @param reach - whether only this machine can reach the server */
export function accessModeOf(config: Config, reach: 'loopback' | 'world'): AccessMode {
  if (config.ALLOW_ANONYMOUS) return 'anonymous'
  if (hasCredentials(config)) return 'rights'
  return reach === 'loopback' ? 'loopback' : 'refused'
}

/** Who can reach a server that listens on this address. */
export function exposureOf({ HOST }: Config): 'loopback' | 'world' {
  return isLoopback(HOST) ? 'loopback' : 'world'
}

/** What access control is built on. */
export interface AccessParts {
  readonly hub: Hub
  readonly clock: Clock
  /** Hears when the keys of the token issuer can't be had. @defaultValue nobody */
  report?(error: unknown): void
}

/** The access control of a stance; undefined where all may do all. */
export function accessFor(
  stance: AccessMode,
  config: Config,
  parts: AccessParts,
): Access | undefined {
  const { hub, clock, report } = parts
  const { isBlocked, useOnce } = internalsOf(hub)
  if (stance === 'refused') return refusal()
  if (stance !== 'rights') return undefined
  const { PUBLISH_KEY, JWT_SECRET, JWKS_URL, JWT_ISSUER, JWT_AUDIENCE } = config
  // Tickets need a secret of the hub's own: the publish key, else the one it shares with the issuer.
  const secrets = PUBLISH_KEY.length > 0 ? PUBLISH_KEY : JWT_SECRET ? [JWT_SECRET] : []
  const tokens = createTokens({
    secret: JWT_SECRET,
    jwksUrl: JWKS_URL,
    issuer: JWT_ISSUER,
    audience: JWT_AUDIENCE,
    clock,
    ...(report && { report }),
  })
  return createAccess({
    publishKeys: PUBLISH_KEY,
    tokens: JWT_SECRET || JWKS_URL ? tokens : undefined,
    tickets:
      secrets.length > 0
        ? createTickets({ secrets, clock, useOnce: useOnce, isSecure: isSecure(config) })
        : undefined,
    blocked: isBlocked,
    clock,
  })
}

/** Refuses all, and says what to set: an Access for a server that nobody has set up. */
function refusal(): Access {
  const refuse = async (): Promise<never> => {
    throw notSetUp(OPEN_TO_ALL)
  }
  return { listen: refuse, publish: refuse, operate: refuse, issuer: refuse }
}

/** Whether a request came over https, as far as the socket or a trusted proxy says. */
function isSecure({ TRUST_PROXY }: Config): (c: Context) => boolean {
  return (c) =>
    c.req.url.startsWith('https:') ||
    (TRUST_PROXY > 0 && c.req.header('X-Forwarded-Proto')?.split(',').at(-1)?.trim() === 'https')
}
