/**
 * Error responses: problem details.
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { TypedResponse } from 'hono/types'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { ERROR_TITLES, type Issue, isHubError, RETRY_AFTER } from '../core/errors.ts'
import { challengeOf, isTemporary, retryAfterOf } from './auth/errors.ts'

/** The statuses that come with a problem. */
export type ProblemStatus = 400 | 401 | 403 | 404 | 405 | 413 | 415 | 421 | 429 | 500 | 503

/** The body of every error response, as `application/problem+json`. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  /** What is wrong, and what to do. */
  readonly detail: string
  /** Every invalid field, when the request has any. */
  readonly issues?: readonly Issue[]
}

/** The titles of problems, by status. */
export const TITLES: Readonly<Record<ProblemStatus, string>> = {
  ...ERROR_TITLES,
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
}

/** Creates an error response. */
export function problem(
  c: Context,
  status: ContentfulStatusCode,
  detail: string,
  issues?: readonly Issue[],
): Response & TypedResponse<Problem, ProblemStatus, 'json'> {
  const title = TITLES[status as ProblemStatus] ?? 'Error'
  const body: Problem = { type: 'about:blank', title, status, detail, ...(issues && { issues }) }
  const headers = { 'Content-Type': 'application/problem+json' }
  return c.body(JSON.stringify(body), status, headers) as unknown as Response &
    TypedResponse<Problem, ProblemStatus, 'json'>
}

/** Creates the 400 that lists everything that is wrong with one part of a request. */
export function invalidFields(c: Context, part: string, fields: readonly Issue[]): Response {
  const issues = fields.map(({ path, message }) => ({
    path: path === '' ? part : `${part}.${path}`,
    message,
  }))
  const detail = issues.map(({ path, message }) => `${path} ${message}`).join('; ')
  return problem(c, 400, `${detail}.`, issues)
}

/** Creates the response for an error that a handler threw. Unexpected ones go to `report`, without details for the client. */
export function problemOf(
  error: unknown,
  c: Context,
  report: (error: unknown, c: Context) => void,
): Response {
  // Of a stream, whose middleware failed after its handler: Hono copies its headers to the response that replaces it.
  c.header('Content-Encoding', undefined)
  // An option that is wrong is a mistake of the application: its log says so, not its clients.
  if (isHubError(error) && error.status !== 500) {
    if (error.retryable && error.code !== 'hub-closed') c.header('Retry-After', RETRY_AFTER)
    if (error.issues) return invalidFields(c, 'json', error.issues)
    return problem(c, error.status as ContentfulStatusCode, error.message)
  }
  if (error instanceof HTTPException && error.status !== 500) {
    const challenge = challengeOf(error)
    if (challenge) c.header('WWW-Authenticate', challenge)
    const retryAfter = isTemporary(error) ? RETRY_AFTER : retryAfterOf(error)
    if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
    return problem(c, error.status as ContentfulStatusCode, error.message)
  }
  report(error, c)
  return problem(c, 500, 'The server failed: see its log for the reason.')
}
