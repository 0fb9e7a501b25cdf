/**
 * JSON Web Tokens of listeners and publishers.
 * @see https://www.rfc-editor.org/rfc/rfc7519
 * @see https://www.rfc-editor.org/rfc/rfc8725 for the allow-lists of algorithms
 */

import { HTTPException } from 'hono/http-exception'
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose'
import { z } from 'zod'
import { NAME } from '../../core/address.ts'
import { type Clock, dateAt } from '../../core/clock.ts'
import { serviceUnavailable, unauthorized } from './errors.ts'
import type { Permissions, Scope } from './permissions.ts'

/** How tokens are verified: by a shared secret or by the public keys of an issuer. */
export interface TokenOptions {
  /** For HS256, HS384 and HS512; 32 bytes at least. */
  readonly secret?: string | undefined
  /** Where the issuer publishes its keys, for RS, PS, ES and Ed algorithms. */
  readonly jwksUrl?: string | undefined
  /** What `iss` must be. @defaultValue not checked */
  readonly issuer?: string | undefined
  /** What `aud` must hold. @defaultValue not checked */
  readonly audience?: string | undefined
  readonly clock: Clock
  /** Hears when the issuer's keys can't be had. @defaultValue nobody */
  report?(error: unknown): void
}

/** Turns a token into rights. */
export interface Tokens {
  /** @throws {HTTPException} 401 for a token that can't be trusted, 503 when no key can be had to tell. */
  verify(token: string): Promise<Permissions>
}

/** RFC 8725 §3.1: each kind of key with its own algorithms, so that none is taken for another. */
const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512']
const PUBLIC_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

/** Seconds that clocks may differ. */
const SKEW_SECONDS = 30

/** Milliseconds before an issuer is asked again, after it failed or did not know a key. */
const COOLDOWN_MS = 30_000

const Name = z.string().regex(NAME)
const List: z.ZodType<Scope> = z
  .union([z.literal('*'), z.array(z.string().max(140)).max(1_000)])
  .transform((names) => (names.includes('*') ? '*' : names))

const Claims = z.object({
  sub: Name.optional(),
  topics: List.default([]),
  publish: List.default([]),
  exp: z.number(),
})

/** Makes a verifier for one kind of key. */
export function createTokens(options: TokenOptions): Tokens {
  const { secret, jwksUrl, issuer, audience, clock } = options
  const key = secret === undefined ? undefined : new TextEncoder().encode(secret)
  const getKey = jwksUrl === undefined ? undefined : issuerKeys(new URL(jwksUrl), options)
  return { verify }

  async function verify(token: string): Promise<Permissions> {
    const claims = Claims.safeParse(await payloadOf(token))
    if (!claims.success) throw unauthorized('The token has claims of an unknown form.')
    const { sub, topics, publish, exp } = claims.data
    const end = exp * 1_000
    // One that ended a moment ago by this clock may be good by the issuer's: it gets the skew.
    const expiresAt = end > clock.now() ? end : end + SKEW_SECONDS * 1_000
    return { holder: `token:${sub ?? ''}`, client: sub, topics, publish, operate: false, expiresAt }
  }

  async function payloadOf(token: string): Promise<unknown> {
    const rules: JWTVerifyOptions = {
      algorithms: key ? SECRET_ALGORITHMS : PUBLIC_ALGORITHMS,
      clockTolerance: SKEW_SECONDS,
      requiredClaims: ['exp'],
      currentDate: dateAt(clock.now()),
      ...(issuer !== undefined && { issuer }),
      ...(audience !== undefined && { audience }),
    }
    try {
      if (key) return (await jwtVerify(token, key, rules)).payload
      if (getKey) return (await jwtVerify(token, getKey, rules)).payload
    } catch (error) {
      throw refusalFor(error)
    }
    throw unauthorized('Tokens are not set up here.')
  }
}

/** The issuer's keys: cached, fetched anew for an unknown one, and kept while the issuer is away. */
function issuerKeys(url: URL, { clock, report }: TokenOptions): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(url, { cooldownDuration: COOLDOWN_MS, timeoutDuration: 5_000 })
  let failedAt = Number.NEGATIVE_INFINITY
  return async (header, token) => {
    const kept = remote.jwks()
    const resting = clock.monotonic() - failedAt < COOLDOWN_MS
    if (resting && !kept)
      throw serviceUnavailable('The keys of the token issuer cannot be had now.')
    if (resting && kept) return createLocalJWKSet(kept)(header, token)
    try {
      return await remote(header, token)
    } catch (error) {
      if (isVerdict(error)) throw error
      failedAt = clock.monotonic()
      report?.(error)
      if (kept) return createLocalJWKSet(kept)(header, token)
      throw serviceUnavailable('The keys of the token issuer cannot be had now.')
    }
  }
}

/** Whether the issuer did answer, and its keys don't fit the token. */
function isVerdict(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported ||
    // A single key that can't be imported: no reason to stop asking for new ones.
    (error instanceof Error && error.name === 'DataError')
  )
}

function refusalFor(error: unknown): Error {
  if (error instanceof errors.JWTExpired) return unauthorized('The token has ended: get a new one.')
  if (error instanceof errors.JWTClaimValidationFailed) {
    return unauthorized(`The token's claim ${error.claim} does not fit this hub.`)
  }
  if (error instanceof errors.JOSEError) return unauthorized('The token cannot be verified.')
  if (error instanceof HTTPException) return error
  // A key of the issuer that is weak or broken: whoever names it in a token gets no 500 for it.
  return unauthorized('The token cannot be verified.')
}
