/** The error class of the library, with a closed set of codes. */

/** The code of an error, for programs; the message is for people. */
export type HubErrorCode =
  /** A client id or topic is empty, too long, reserved, or contains a control character or a lone surrogate; or a list of addresses is empty or too long. */
  | 'invalid-address'
  /** The event's name is reserved or can't be encoded in a frame, or its data can't be sent as text. */
  | 'invalid-event'
  /** The event's data is larger than `maxEventBytes`. */
  | 'event-too-large'
  /** The hub or this client has reached its maximum number of connections, or another limit is reached. */
  | 'at-capacity'
  /** The client is blocked: it was disconnected with a block that has not ended yet. */
  | 'blocked'
  /** The hub is closing or closed. */
  | 'hub-closed'
  /** The journal can't be reached or can't store events. */
  | 'journal-unavailable'
  /** More events waited for an iteration over `hub.events` than `maxQueuedBytes` allows. */
  | 'slow-consumer'
  /** The idempotency key was used for another event, or for another address. */
  | 'idempotency-conflict'
  /** The hub can't do this: its idempotency keys are turned off, or its journal can't store them. */
  | 'not-supported'
  /** An option is unknown, of another kind, or out of range. */
  | 'invalid-option'

/** The HTTP status that each code maps to. */
const STATUS: Readonly<Record<HubErrorCode, number>> = {
  'invalid-address': 400,
  'invalid-event': 400,
  'event-too-large': 413,
  'at-capacity': 503,
  blocked: 503,
  'hub-closed': 503,
  'journal-unavailable': 503,
  'slow-consumer': 503,
  'idempotency-conflict': 422,
  'not-supported': 501,
  'invalid-option': 500,
}

/** The titles of the statuses that are answered to clients, as RFC 9110 has them. */
export const ERROR_TITLES: Readonly<Record<400 | 413 | 422 | 501 | 503, string>> = {
  400: 'Bad Request',
  413: 'Content Too Large',
  422: 'Unprocessable Content',
  501: 'Not Implemented',
  503: 'Service Unavailable',
}

/** Seconds after which to retry what can't be done now, for example because the journal can't be reached. */
export const RETRY_AFTER = '2'

/** Returns whether text is the code of an error. */
export function isHubErrorCode(text: string): text is HubErrorCode {
  return Object.hasOwn(STATUS, text)
}

/** Marks errors of every copy of this package: `instanceof` recognises only those of one copy. */
const BRAND = Symbol.for('hono-sse.HubError')

/** One invalid field of a value. */
export interface Issue {
  /** Where the field is: `data.unread`; in a request also `query.id` or `json.event`. */
  readonly path: string
  readonly message: string
}

/** The maximum number of issues that an error or a response lists: a large value can have any number, and the first ones show what is wrong. */
export const MAX_ISSUES = 20

/** What an error says beside its message. */
export interface ErrorDetails {
  readonly issues?: readonly Issue[] | undefined
  readonly lastEventId?: string | undefined
}

/** Thrown when the hub can't do what a caller requested. */
export class HubError extends Error {
  readonly code: HubErrorCode
  /** The HTTP status that the code maps to, for example 413 for `event-too-large`. */
  readonly status: number
  /**
   * Whether the same call may succeed later, or at another instance. A hub that is closed stays
   * closed: the call can only succeed at another one.
   */
  readonly retryable: boolean
  /** The invalid fields, at most {@link MAX_ISSUES}, if the event does not match its schema. */
  readonly issues: readonly Issue[] | undefined
  /** Where an iteration over `hub.events` can resume, if this error has ended it. */
  readonly lastEventId: string | undefined
  /**
   * Returns the response with the problem, which Hono sends if a handler of your app throws the error. Absent for
   * `invalid-option`, a mistake of the app, which Hono logs and answers with 500.
   */
  declare readonly getResponse?: () => Response

  constructor(code: HubErrorCode, message: string, details: ErrorDetails = {}) {
    super(message)
    this.name = 'HubError'
    this.code = code
    this.status = STATUS[code]
    this.retryable = this.status === 503
    this.issues = details.issues
    this.lastEventId = details.lastEventId
    Object.defineProperty(this, BRAND, { value: true })
    const title = ERROR_TITLES[this.status as keyof typeof ERROR_TITLES]
    if (title) Object.defineProperty(this, 'getResponse', { value: () => respond(this, title) })
  }
}

function respond({ code, status, message, issues, retryable }: HubError, title: string): Response {
  const headers = new Headers({ 'Content-Type': 'application/problem+json' })
  if (retryable && code !== 'hub-closed') headers.set('Retry-After', RETRY_AFTER)
  const problem = {
    type: 'about:blank',
    title,
    status,
    detail: message,
    issues,
    code: issues ? undefined : code,
  }
  return new Response(JSON.stringify(problem), { status, headers })
}

/** Returns whether a value is a {@link HubError}, also if another copy of this package threw it. */
export function isHubError(value: unknown): value is HubError {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, BRAND)
}

/** @throws {HubError} `invalid-option` if the value is not a number between `min` and `max`, inclusive */
export function checkRange(
  name: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  // Text compares with numbers, too.
  const isNumber = typeof value === 'number'
  if (isNumber && value >= min && value <= max) return
  throw new HubError(
    'invalid-option',
    `${name} must be between ${min} and ${max}, but is ${isNumber ? value : 'not a number'}.`,
  )
}
