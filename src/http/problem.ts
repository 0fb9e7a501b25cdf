/**
 * Error responses: problem details.
 * @see https://www.rfc-editor.org/rfc/rfc9457
 */
import type { Context } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { TypedResponse } from 'hono/types'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { HubError, type HubErrorCode } from '../core/errors.ts'
import { challengeOf } from './auth/errors.ts'

/** One invalid field of a request. */
export interface Issue {
  /** Where the field is: `query.id`, `json.event`. */
  readonly path: string
  readonly message: string
}

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
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  421: 'Misdirected Request',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

const STATUS: Readonly<Record<HubErrorCode, ContentfulStatusCode>> = {
  'invalid-address': 400,
  'invalid-event': 400,
  'event-too-large': 413,
  'at-capacity': 503,
  blocked: 503,
  'hub-closed': 503,
  'journal-unavailable': 503,
  'invalid-option': 500,
}

/** Seconds after which to retry when the journal can't be reached. */
export const RETRY_AFTER = '2'

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

/** Creates the response for an error that a handler threw. Unexpected ones go to `report`, without details for the client. */
export function problemOf(
  error: unknown,
  c: Context,
  report: (error: unknown, c: Context) => void,
): Response {
  if (error instanceof HubError) {
    if (error.code === 'journal-unavailable') c.header('Retry-After', RETRY_AFTER)
    return problem(c, STATUS[error.code], error.message)
  }
  if (error instanceof HTTPException && error.status !== 500) {
    const challenge = challengeOf(error)
    if (challenge) c.header('WWW-Authenticate', challenge)
    return problem(c, error.status as ContentfulStatusCode, error.message)
  }
  report(error, c)
  return problem(c, 500, 'The server failed: see its log for the reason.')
}
