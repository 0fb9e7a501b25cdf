/** The answers to requests without the right. */
import { HTTPException } from 'hono/http-exception'

/** 401: who this is can't be told. https://www.rfc-editor.org/rfc/rfc9110#section-15.5.2 */
export function unauthorized(message: string): HTTPException {
  return new HTTPException(401, { message })
}

/** 403: who this is can be told, and may not. */
export function forbidden(message: string): HTTPException {
  return new HTTPException(403, { message })
}

const FOR_NOW = 'for now'

/** 503: it can't be told now. */
export function serviceUnavailable(message: string): HTTPException {
  return new HTTPException(503, { message, cause: FOR_NOW })
}

/** 503: nobody has set the hub up, and waiting won't help. */
export function notSetUp(message: string): HTTPException {
  return new HTTPException(503, { message })
}

/** Whether waiting may help. */
export function isForNow(error: unknown): boolean {
  return error instanceof HTTPException && error.cause === FOR_NOW
}
