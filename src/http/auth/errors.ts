/** The errors that refuse a request. */
import { HTTPException } from 'hono/http-exception'

/** The error codes of RFC 6750 §3.1 that say why a credential was refused. */
const INVALID_TOKEN = 'invalid_token'
const INSUFFICIENT_SCOPE = 'insufficient_scope'

/** 401: the request has no credential. https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2 */
export function unauthenticated(message: string): HTTPException {
  return new HTTPException(401, { message })
}

/** 401: the credential of the request is not valid. */
export function unauthorized(message: string): HTTPException {
  return new HTTPException(401, { message, cause: INVALID_TOKEN })
}

/** 403: the credential is valid, but does not allow this request. */
export function forbidden(message: string): HTTPException {
  return new HTTPException(403, { message, cause: INSUFFICIENT_SCOPE })
}

/** 403: the credential would allow this request, but its client is blocked. */
export function clientBlocked(): HTTPException {
  return new HTTPException(403, { message: 'This client is temporarily blocked: try again later.' })
}

/**
 * The value of `WWW-Authenticate` for a refused credential; undefined where the response needs none.
 * @see https://www.rfc-editor.org/rfc/rfc6750#section-3
 */
export function challengeOf({ status, cause }: HTTPException): string | undefined {
  const scheme = 'Bearer realm="hono-sse"'
  if (cause === INVALID_TOKEN || cause === INSUFFICIENT_SCOPE) return `${scheme}, error="${cause}"`
  // Without a credential, no error: RFC 6750 §3.1.
  return status === 401 ? scheme : undefined
}

/** Seconds until a request that was refused may be sent again. */
interface Pause {
  readonly retryAfter: number
}

/** 429: too many invalid keys came from the same address. */
export function tooManyAttempts(retryAfter: number): HTTPException {
  const cause: Pause = { retryAfter }
  return new HTTPException(429, { message: TOO_MANY, cause })
}

const TOO_MANY =
  'Too many invalid keys came from this address: wait for the seconds in Retry-After.'

/** Seconds to wait before a retry; undefined for an error that names none. */
export function retryAfterOf({ status, cause }: HTTPException): number | undefined {
  return status === 429 ? (cause as Pause | undefined)?.retryAfter : undefined
}

const TEMPORARY = 'temporary'

/** 503: the credential can't be verified now. A retry may succeed. */
export function serviceUnavailable(message: string): HTTPException {
  return new HTTPException(503, { message, cause: TEMPORARY })
}

/** 503: access to the hub is not configured. A retry can't succeed. */
export function notConfigured(message: string): HTTPException {
  return new HTTPException(503, { message })
}

/** Whether an error is temporary: a retry may succeed. */
export function isTemporary(error: unknown): boolean {
  return error instanceof HTTPException && error.cause === TEMPORARY
}
