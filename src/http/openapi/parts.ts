/** The shared parts of the OpenAPI document: problems, headers and security schemes. */
import { type ProblemStatus, TITLES } from '../problem.ts'
import type { Json } from './json-schema.ts'
import type { HeaderName, Permission } from './operation.ts'

/** The problems that any request may receive. */
export const COMMON_PROBLEMS: readonly ProblemStatus[] = [400, 403, 421, 500, 503]

interface Refusal {
  readonly description: string
  /** The `detail` of the example. */
  readonly detail: string
  readonly headers?: readonly HeaderName[]
}

/** With rate limits, every response reports how many requests are left. */
export const LIMITED: readonly HeaderName[] = ['RateLimit', 'RateLimit-Policy']

const REFUSALS: Readonly<Record<ProblemStatus, Refusal>> = {
  400: {
    description: 'The request is invalid. `issues` lists the invalid fields, up to 20.',
    detail: 'json.data is missing: send it, even if it is null.',
    headers: LIMITED,
  },
  401: {
    description: 'The request has no valid credential.',
    detail: 'The token has expired: request a new one.',
    headers: ['WWW-Authenticate'],
  },
  403: {
    description:
      'The credential lacks the required permission; or the hub has no key and the request came from another origin or through a proxy.',
    detail:
      'This credential may not publish to "topic:news": send a publish key, or a token that may.',
    headers: ['WWW-Authenticate'],
  },
  404: {
    description: 'There is no such path.',
    detail: 'No such path: use GET /sse to listen, or POST /broadcast to publish.',
  },
  405: {
    description: 'The path does not support the method.',
    detail: 'This path does not support PUT: use GET, HEAD, OPTIONS.',
    headers: ['Allow'],
  },
  408: {
    description: 'Nothing more of the body arrived in time.',
    detail:
      'Nothing arrived for 60 s: send a blank line, or in an event stream a comment, now and then; or another request.',
  },
  413: {
    description: 'The body is too large.',
    detail: 'The data of an event is limited to 262144 bytes: send less.',
    headers: LIMITED,
  },
  415: {
    description: 'The media type of the body is not supported.',
    detail: 'Send application/json.',
    headers: LIMITED,
  },
  421: {
    description: 'The hub has no key and accepts requests to localhost only.',
    detail: 'Without a key, the hub accepts requests to localhost only: set PUBLISH_KEY.',
  },
  422: {
    description: 'The idempotency key was used for another event or another address.',
    detail:
      'This idempotency key was used for another event or another address: send a new key with each event.',
    headers: LIMITED,
  },
  429: {
    description:
      'The rate limit for publishing is exceeded, or too many invalid keys came from the same address.',
    detail: 'Too many events within a minute: wait for the seconds in Retry-After.',
    headers: [...LIMITED, 'Retry-After'],
  },
  500: {
    description: 'The server failed.',
    detail: 'The server failed: see its log for the reason.',
    headers: LIMITED,
  },
  501: {
    description: 'The hub can’t store idempotency keys.',
    detail: 'Idempotency keys are turned off on this hub: publish without one.',
    headers: LIMITED,
  },
  503: {
    description:
      'The hub is shutting down, is not configured, or can’t reach what it depends on. With `Retry-After`, a retry may succeed.',
    detail: 'The journal can’t be reached, so events can’t be published: try again later.',
    headers: [...LIMITED, 'Retry-After'],
  },
}

/** The problems as responses, and that to OPTIONS, by name. @param always - headers that every response has */
export function responsesWith(always: readonly HeaderName[]): Json {
  const problems = Object.entries(REFUSALS).map(
    ([digits, { description, detail, headers = [] }]) => {
      const status = Number(digits) as ProblemStatus
      const schema = { $ref: '#/components/schemas/Problem' }
      const example = { type: 'about:blank', title: TITLES[status], status, detail }
      const content = { 'application/problem+json': { schema, example } }
      return [nameOf(status), { description, ...headersOf([...headers, ...always]), content }]
    },
  )
  const options = {
    description: '204: `Allow` lists the methods of the path, or a preflight request is answered.',
    ...headersOf(['Allow', ...always]),
  }
  return { ...Object.fromEntries(problems), Options: options }
}

/** The problems of an operation. */
export function referencesTo(statuses: readonly ProblemStatus[]): Json {
  const references = statuses.map((status) => {
    return [status, { $ref: `#/components/responses/${nameOf(status)}` }]
  })
  return Object.fromEntries(references)
}

/** `BadRequest` */
function nameOf(status: ProblemStatus): string {
  return TITLES[status].replaceAll(' ', '')
}

/** The headers, by name. */
export const headers: Readonly<Record<HeaderName, unknown>> = {
  Allow: {
    description: 'The methods that the path supports.',
    schema: { type: 'string' },
    example: 'GET, HEAD, OPTIONS',
  },
  'Cache-Control': {
    description: 'Whether the response may be stored.',
    schema: { type: 'string' },
    example: 'no-store',
  },
  RateLimit: {
    description:
      'The limit, and how much of it is left, if rate limits are on (draft 7 of RateLimit header fields).',
    schema: { type: 'string' },
    example: 'limit=60, remaining=59, reset=42',
  },
  'RateLimit-Policy': {
    description: 'The limit and its window in seconds, if rate limits are on.',
    schema: { type: 'string' },
    example: '60;w=60',
  },
  'Retry-After': {
    description: 'Seconds to wait before trying again.',
    schema: { type: 'integer', minimum: 0 },
    example: 2,
  },
  'Set-Cookie': {
    description:
      'Carries the grant of a ticket through reconnects. It is HttpOnly and SameSite=Lax.',
    schema: { type: 'string' },
  },
  'WWW-Authenticate': {
    description:
      'The authentication scheme to use and, if a credential was sent, why it was refused.',
    schema: { type: 'string' },
    example: 'Bearer realm="hono-sse", error="invalid_token"',
  },
  'X-Request-Id': {
    description: 'The id of the request in the log and in lists of connections.',
    schema: { type: 'string', pattern: '^[\\w=-]{1,255}$' },
    example: '3c4a5e0c-8f0e-4b43-9c77-0b5f7f3d1a52',
  },
}

/** The headers of a response; nothing if it has none. */
export function headersOf(names: readonly HeaderName[]): { readonly headers?: object } {
  if (names.length === 0) return {}
  const references = names.map((name) => [name, { $ref: `#/components/headers/${name}` }])
  return { headers: Object.fromEntries(references) }
}

/** The parameter with which a client chooses the id of its request. */
export const requestIdParameter: Readonly<Json> = {
  name: 'X-Request-Id',
  in: 'header',
  description:
    'An id for the request. The server replaces one that is not 1 to 255 letters, digits, `_`, `-` or `=`.',
  schema: { type: 'string' },
  example: '3c4a5e0c-8f0e-4b43-9c77-0b5f7f3d1a52',
}

/** The kinds of credentials. */
export const securitySchemes: Readonly<Json> = {
  key: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A publish key. It publishes to any address, lists and disconnects clients, reads metrics, and issues tickets.',
  },
  metricsKey: {
    type: 'http',
    scheme: 'bearer',
    description: 'A metrics key. It reads metrics and may do nothing else.',
  },
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'A JSON Web Token. `exp` is required; `sub` is the client that it listens as, `topics` the topics that it may follow, `publish` the addresses that it may publish to; patterns stand for the topics that they cover.',
  },
  ticket: {
    type: 'apiKey',
    in: 'query',
    name: 'ticket',
    description: 'A ticket, for pages. It opens one stream, within 30 seconds of being issued.',
  },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'hono-sse-*',
    description:
      'Carries the grant of a redeemed ticket. The response of the stream sets it; its name is `hono-sse-` and a hash of the grant.',
  },
}

const KEY = { key: [] }
const TOKEN = { token: [] }

/** The credentials that each permission accepts: any one of these. */
export const security: Readonly<Record<Permission, readonly unknown[]>> = {
  listen: [TOKEN, { ticket: [] }, { ticket: [], cookie: [] }],
  publish: [KEY, TOKEN],
  operate: [KEY],
  metrics: [{ metricsKey: [] }, KEY],
  issue: [KEY, TOKEN],
}
