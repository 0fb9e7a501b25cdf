/**
 * JSON Web Tokens, which let a client listen and publish.
 * @see https://www.rfc-editor.org/rfc/rfc7519
 * @see https://www.rfc-editor.org/rfc/rfc8725 for the allow-lists of algorithms
 */

import { HTTPException } from 'hono/http-exception'
import type { JWTVerifyGetKey, JWTVerifyOptions } from 'jose'
import { z } from 'zod'
import { NAME } from '../../core/address.ts'
import { type Clock, dateAt } from '../../core/clock.ts'
import { readBody } from '../../core/read-body.ts'
import { isolatedReport } from '../../hub/hooks/isolate.ts'
import { serviceUnavailable, unauthorized } from './errors.ts'
import { digestOf } from './grant-cookies.ts'
import { loadJose, preloadJose } from './jose.ts'
import { ADDRESSES, type Permissions, type Scope, TOPICS } from './permissions.ts'

/** How tokens are verified: with a shared secret, or with the public keys of an issuer. Set one of them. */
export interface JwtOptions {
  /** The secret of HS256, HS384 and HS512 tokens: 32 bytes or more. @defaultValue none */
  readonly secret?: string | undefined
  /**
   * The URL of the issuer's JSON Web Key Set, for RS, PS, ES and Ed algorithms: https, or http on this
   * machine. The keys are fetched with the first token, cached, and reused while the issuer is down.
   * @defaultValue none
   */
  readonly jwksUrl?: string | undefined
  /** The required `iss` claim. @defaultValue any issuer */
  readonly issuer?: string | undefined
  /**
   * What the `aud` claim must contain. Set it if the issuer also serves other apps.
   * @defaultValue any audience
   */
  readonly audience?: string | undefined
  /** Called when the issuer's keys can't be fetched. @defaultValue the error is dropped */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** What tokens require. */
export interface TokensInit extends JwtOptions {
  readonly clock: Clock
}

/** Turns a token into permissions. */
export interface Tokens {
  /** @throws {HTTPException} 401 for a token that is not valid; 503 when no key is available to verify it */
  verify(token: string): Promise<Permissions>
}

/** RFC 8725 §3.1: each kind of key has its own algorithms, so that a public key never serves as a secret. */
const SECRET_ALGORITHMS = ['HS256', 'HS384', 'HS512']
const PUBLIC_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]

/** Seconds by which the issuer's clock may differ. */
const SKEW_SECONDS = 30

/** Milliseconds before the keys are fetched again, after a fetch failed or had no key for a token. */
const COOLDOWN_MS = 30_000

const NO_ISSUER_KEYS = 'The keys of the token issuer can’t be fetched now: try again later.'

const Name = z.string().regex(NAME)
const Topics = z.custom<Scope>((value) => isShort(value) && TOPICS.accepts(value))
const Addresses = z.custom<Scope>((value) => isShort(value) && ADDRESSES.accepts(value))

function isShort(value: unknown): boolean {
  return !Array.isArray(value) || value.length <= 1_000
}

const Claims = z.object({
  sub: Name.optional(),
  topics: Topics.default([]),
  publish: Addresses.default([]),
  exp: z.number(),
})

/** Creates a verifier of tokens. */
export function createTokens(init: TokensInit): Tokens {
  const { secret, jwksUrl, issuer, audience, clock } = init
  const key = secret === undefined ? undefined : new TextEncoder().encode(secret)
  let getKey: JWTVerifyGetKey | undefined
  preloadJose()
  return { verify }

  async function verify(token: string): Promise<Permissions> {
    const payload = await payloadOf(token)
    const claims = Claims.safeParse(payload)
    if (!claims.success)
      throw unauthorized('The token has a malformed claim: check sub, topics, publish and exp.')
    const { sub, topics, publish, exp } = claims.data
    // An issuer may write any number for "never", also one that is infinite in milliseconds.
    const end = Math.min(exp * 1_000, Number.MAX_SAFE_INTEGER)
    // A token that has just expired by this clock may still be valid by the issuer's: allow the skew.
    const expiresAt = end > clock.now() ? end : end + SKEW_SECONDS * 1_000
    return {
      // Tokens without a client have nothing in common: each is counted separately.
      subject: sub === undefined ? `token ${await digestOf(payload)}` : `token:${sub}`,
      client: sub,
      topics,
      publish,
      operate: false,
      expiresAt,
    }
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
    const jose = await loadJose()
    if (jwksUrl !== undefined) getKey ??= issuerKeys(jose, new URL(jwksUrl), init)
    try {
      if (key) return (await jose.jwtVerify(token, key, rules)).payload
      if (getKey) return (await jose.jwtVerify(token, getKey, rules)).payload
    } catch (error) {
      throw refusalFor(error, jose)
    }
    throw unauthorized('This hub accepts no tokens: send a publish key.')
  }
}

/** The package `jose`. */
type Jose = Awaited<ReturnType<typeof loadJose>>

/** The issuer's keys: cached, fetched again for an unknown key id, and reused while the issuer is down. */
function issuerKeys(jose: Jose, url: URL, { clock, onError }: TokensInit): JWTVerifyGetKey {
  const { createLocalJWKSet, createRemoteJWKSet, customFetch } = jose
  const remote = createRemoteJWKSet(url, {
    cooldownDuration: COOLDOWN_MS,
    timeoutDuration: 5_000,
    [customFetch]: fetchKeys,
  })
  const report = isolatedReport(onError ?? (() => {}))
  let failedAt = Number.NEGATIVE_INFINITY
  return async (header, token) => {
    const cached = remote.jwks()
    const isPaused = clock.monotonic() - failedAt < COOLDOWN_MS
    if (isPaused && !cached) throw serviceUnavailable(NO_ISSUER_KEYS)
    if (isPaused && cached) return createLocalJWKSet(cached)(header, token)
    try {
      return await remote(header, token)
    } catch (error) {
      if (isAboutToken(error, jose)) throw error
      failedAt = clock.monotonic()
      report(error)
      if (cached) return createLocalJWKSet(cached)(header, token)
      throw serviceUnavailable(NO_ISSUER_KEYS)
    }
  }
}

/** The maximum size of a key set in bytes: a few hundred keys of 4096 bits. */
const MAX_KEYS_BYTES = 262_144

/** Fetches a key set. @throws when it is too large: a compromised issuer must not exhaust the memory */
async function fetchKeys(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init)
  const body = await readBody(response, MAX_KEYS_BYTES)
  if (body.byteLength <= MAX_KEYS_BYTES) return new Response(body, response)
  throw new Error(`The key set at ${url} has more than ${MAX_KEYS_BYTES} bytes.`)
}

/** Whether the error is about the token: the issuer responded, but has no key for it. */
function isAboutToken(error: unknown, { errors }: Jose): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey ||
    error instanceof errors.JWKSMultipleMatchingKeys ||
    error instanceof errors.JOSENotSupported ||
    // One key that can't be imported is no reason to pause fetching.
    (error instanceof Error && error.name === 'DataError')
  )
}

function refusalFor(error: unknown, { errors }: Jose): Error {
  if (error instanceof errors.JWTExpired)
    return unauthorized('The token has expired: request a new one.')
  if (error instanceof errors.JWTClaimValidationFailed) {
    return unauthorized(
      `This hub does not accept the token's ${error.claim} claim: request a token for this hub.`,
    )
  }
  if (error instanceof errors.JOSEError)
    return unauthorized('The token can’t be verified: check its key and algorithm.')
  if (error instanceof HTTPException) return error
  // The token names a weak or broken key of the issuer, which must not lead to a 500.
  return unauthorized('The token can’t be verified: check its key and algorithm.')
}
