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
const LIMITED: readonly HeaderName[] = ['RateLimit', 'RateLimit-Policy']

const REFUSALS: Readonly<Partial<Record<ProblemStatus, Refusal>>> = {
  400: {
    description: 'The request is invalid. `issues` lists every invalid field.',
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
      'This credential may not publish to this address: send a publish key, or a token that may.',
    headers: ['WWW-Authenticate'],
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
  429: {
    description: 'The rate limit for publishing is exceeded.',
    detail: 'Too many events within a minute: wait for the seconds in Retry-After.',
    headers: [...LIMITED, 'Retry-After'],
  },
  500: {
    description: 'The server failed.',
    detail: 'The server failed: see its log for the reason.',
    headers: LIMITED,
  },
  503: {
    description:
      'The hub is shutting down, is not configured, or can’t reach what it depends on. With `Retry-After`, a retry may succeed.',
    detail: 'The journal can’t be reached, so events can’t be published: try again later.',
    headers: [...LIMITED, 'Retry-After'],
  },
}

/** The problems as responses, by name. */
export const responses: Readonly<Json> = Object.fromEntries(
  Object.entries(REFUSALS).map(([digits, { description, detail, headers }]) => {
    const status = Number(digits) as ProblemStatus
    const schema = { $ref: '#/components/schemas/Problem' }
    const example = { type: 'about:blank', title: TITLES[status], status, detail }
    const content = { 'application/problem+json': { schema, example } }
    return [nameOf(status), { description, ...(headers && headersOf(headers)), content }]
  }),
)

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
  'Cache-Control': { description: 'The response must not be stored.', schema: { type: 'string' } },
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
}

/** The headers of a response. */
export function headersOf(names: readonly HeaderName[]): { readonly headers: object } {
  const references = names.map((name) => [name, { $ref: `#/components/headers/${name}` }])
  return { headers: Object.fromEntries(references) }
}

/** The kinds of credentials. */
export const securitySchemes: Readonly<Json> = {
  key: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A publish key. It publishes to any address, lists and disconnects clients, reads metrics, and issues tickets.',
  },
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description:
      'A JSON Web Token. `exp` is required; `sub` is the client that it listens as, `topics` the topics that it may follow, `publish` the addresses that it may publish to.',
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
  issue: [KEY, TOKEN],
}
