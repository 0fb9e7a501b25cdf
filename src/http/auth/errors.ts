/** The errors that refuse a request. */
import { HTTPException } from 'hono/http-exception'

/** 401: the request has no valid credential. https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2 */
export function unauthorized(message: string): HTTPException {
  return new HTTPException(401, { message })
}

/** 403: the credential is valid, but does not allow this request. */
export function forbidden(message: string): HTTPException {
  return new HTTPException(403, { message })
}

const FOR_NOW = 'for now'

/** 503: the credential can't be verified now. A retry may succeed. */
export function serviceUnavailable(message: string): HTTPException {
  return new HTTPException(503, { message, cause: FOR_NOW })
}

/** 503: the hub is not set up. A retry can't succeed. */
export function notSetUp(message: string): HTTPException {
  return new HTTPException(503, { message })
}

/** Whether a retry may succeed. */
export function isForNow(error: unknown): boolean {
  return error instanceof HTTPException && error.cause === FOR_NOW
}
