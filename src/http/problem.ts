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
export type ProblemStatus =
  | 400
  | 401
  | 403
  | 404
  | 405
  | 408
  | 413
  | 415
  | 421
  | 422
  | 429
  | 500
  | 501
  | 503

/** The body of every error response, as `application/problem+json`. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  /** What is wrong, and what to do. */
  readonly detail: string
  /** The invalid fields, at most 20, when the request has any. */
  readonly issues?: readonly Issue[]
  /** For programs: the code of the `HubError`, if the hub threw one without issues. */
  readonly code?: string | undefined
}

/** The titles of problems, by status. */
export const TITLES: Readonly<Record<ProblemStatus, string>> = {
  ...ERROR_TITLES,
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
}

/** What a problem says, and what its response carries in headers. */
export interface Explanation {
  readonly status: number
  readonly detail: string
  readonly issues?: readonly Issue[] | undefined
  readonly code?: string | undefined
  /** The value of `WWW-Authenticate`. @defaultValue none */
  readonly challenge?: string | undefined
  /** Seconds after which a retry may succeed. @defaultValue unknown */
  readonly retryAfter?: number | undefined
}

/** Creates the body of an error response. */
export function problemBody({ status, detail, issues, code }: Explanation): Problem {
  const title = TITLES[status as ProblemStatus] ?? 'Error'
  const more = { ...(issues && { issues }), ...(code && { code }) }
  return { type: 'about:blank', title, status, detail, ...more }
}

/** Creates an error response. */
export function problem(
  c: Context,
  status: ContentfulStatusCode,
  detail: string,
  issues?: readonly Issue[],
  code?: string,
): Response & TypedResponse<Problem, ProblemStatus, 'json'> {
  const body = problemBody({ status, detail, issues, code })
  const headers = { 'Content-Type': 'application/problem+json' }
  return c.body(JSON.stringify(body), status, headers) as unknown as Response &
    TypedResponse<Problem, ProblemStatus, 'json'>
}

/** Creates the 400 that lists everything that is wrong with one part of a request. */
export function invalidFields(c: Context, part: string, fields: readonly Issue[]): Response {
  const { detail, issues } = explainFields(part, fields)
  return problem(c, 400, detail, issues)
}

function explainFields(part: string, fields: readonly Issue[]) {
  const issues = fields.map(({ path, message }) => ({
    path: path === '' ? part : `${part}.${path}`,
    message,
  }))
  return {
    detail: `${issues.map(({ path, message }) => `${path} ${message}`).join('; ')}.`,
    issues,
  }
}

/** Creates the response for an error that a handler threw. Unexpected ones go to `report`, without details for the client. */
export function problemOf(
  error: unknown,
  c: Context,
  report: (error: unknown, c: Context) => void,
): Response {
  // Of a stream, whose middleware failed after its handler: Hono copies its headers to the response that replaces it.
  c.header('Content-Encoding', undefined)
  // Middleware of Hono, such as basicAuth, brings the whole response, whose headers a browser needs.
  if (error instanceof HTTPException && error.res && error.status !== 500) {
    const response = error.getResponse()
    return c.newResponse(response.body, response)
  }
  const explanation = explain(error, (unexpected) => report(unexpected, c))
  const { status, detail, issues, code, challenge, retryAfter } = explanation
  if (challenge) c.header('WWW-Authenticate', challenge)
  if (retryAfter !== undefined) c.header('Retry-After', String(retryAfter))
  return problem(c, status as ContentfulStatusCode, detail, issues, code)
}

/** Explains an error to a client. Unexpected ones go to `report`, without details for the client. */
export function explain(error: unknown, report: (error: unknown) => void): Explanation {
  // An option that is wrong is a mistake of the application: its log says so, not its clients.
  if (isHubError(error) && error.status !== 500) {
    const { status, message: detail, issues, retryable, code } = error
    const retryAfter = retryable && code !== 'hub-closed' ? Number(RETRY_AFTER) : undefined
    if (issues) return { status: 400, ...explainFields('json', issues), retryAfter }
    return { status, detail, retryAfter, code }
  }
  if (error instanceof HTTPException && error.status !== 500) {
    const { status, message } = error
    const detail = message || (TITLES[status as ProblemStatus] ?? 'Error')
    const retryAfter = isTemporary(error) ? Number(RETRY_AFTER) : retryAfterOf(error)
    return { status, detail, challenge: challengeOf(error), retryAfter }
  }
  report(error)
  return { status: 500, detail: 'The server failed: see its log for the reason.' }
}
