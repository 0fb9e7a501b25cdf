/** Creates the access control that the configuration describes. */
import type { Context } from 'hono'
import type { Clock } from '../core/clock.ts'
import { isLoopback } from '../core/options/secure-url.ts'
import { createAccess } from '../http/auth/access.ts'
import type { Access } from '../http/auth/authorizer.ts'
import { notConfigured } from '../http/auth/errors.ts'
import type { Hub } from '../hub/hub-types.ts'
import { type Config, hasCredentials } from './config.ts'

/** What to set when a server without credentials would be reachable from other machines. */
export const CONFIGURE_ACCESS =
  'Set PUBLISH_KEY, and JWT_SECRET or JWKS_URL to accept tokens: without them, anyone who reaches this hub could listen as any client and publish to everyone. To allow exactly that, set ALLOW_ANONYMOUS=true.'

/** What to set, and where, when a Worker has no credentials: it is always reachable from other machines. */
export const CONFIGURE_WORKER =
  'This Worker has no key. For local work, write PUBLISH_KEY=… or ALLOW_ANONYMOUS=true to .dev.vars, a file next to wrangler.toml. For a deployment, run npx wrangler secret put PUBLISH_KEY. To accept tokens, set JWT_SECRET or JWKS_URL in the same place.'

/**
 * Who may use a server: `permissions`, any valid credential within its permissions; `loopback`, anyone on this machine;
 * `anonymous`, anyone; `refused`, no one until access is configured.
 */
export type AccessMode = 'permissions' | 'loopback' | 'anonymous' | 'refused'

/** The access mode of a configuration. @param exposure - which machines can connect to the server */
export function accessModeOf(config: Config, exposure: 'loopback' | 'network'): AccessMode {
  if (config.ALLOW_ANONYMOUS) return 'anonymous'
  if (hasCredentials(config)) return 'permissions'
  return exposure === 'loopback' ? 'loopback' : 'refused'
}

/** Which machines can connect to a server that listens on `HOST`. */
export function exposureOf({ HOST }: Config): 'loopback' | 'network' {
  return isLoopback(HOST) ? 'loopback' : 'network'
}

/** What access control requires in addition to the configuration. */
export interface AccessInit {
  readonly hub: Hub
  readonly clock: Clock
  /** The remote address of a request. */
  readonly addressOf: (c: Context) => string | undefined
  /** Called when the keys of the token issuer can't be fetched. @defaultValue the error is dropped */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** The access control of a mode. `anyone`: every request that arrives may do anything. */
export function accessFor(mode: AccessMode, config: Config, init: AccessInit): Access | 'anyone' {
  if (mode === 'refused') return refuseAll()
  if (mode !== 'permissions') return 'anyone'
  const { hub, clock, addressOf, onError } = init
  return createAccess({
    hub,
    keys: config.PUBLISH_KEY,
    metricsKeys: config.METRICS_KEY,
    jwt: jwtOf(config, onError),
    tickets: { isSecure: isSecure(config), addressOf },
    attempts:
      config.ATTEMPTS_PER_MINUTE > 0
        ? { addressOf, perMinute: config.ATTEMPTS_PER_MINUTE }
        : undefined,
    clock,
  })
}

function jwtOf(config: Config, onError: AccessInit['onError']) {
  const { JWT_SECRET: secret, JWKS_URL: jwksUrl } = config
  if (secret === undefined && jwksUrl === undefined) return undefined
  const { JWT_ISSUER: issuer, JWT_AUDIENCE: audience } = config
  return { secret, jwksUrl, issuer, audience, onError }
}

/** Refuses every request with 503 and names what to set. Only a Worker serves in this state: other servers don't start. */
function refuseAll(): Access {
  const refuse = async (): Promise<never> => {
    throw notConfigured(CONFIGURE_WORKER)
  }
  return { listen: refuse, publish: refuse, operate: refuse, issuer: refuse }
}

/** Whether a request came over https, according to the socket or a trusted proxy. */
function isSecure({ TRUST_PROXY }: Config): (c: Context) => boolean {
  return (c) =>
    c.req.url.startsWith('https:') ||
    (TRUST_PROXY > 0 && c.req.header('X-Forwarded-Proto')?.split(',').at(-1)?.trim() === 'https')
}
