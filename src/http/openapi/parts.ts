/** What operations share in the OpenAPI document: problems, headers, and where rights come from. */
import { type ProblemStatus, TITLES } from '../problem.ts'
import type { Json } from './json-schema.ts'
import type { HeaderName, Permission } from './operation.ts'

/** The problems that any request may meet. */
export const COMMON_PROBLEMS: readonly ProblemStatus[] = [400, 403, 421, 500, 503]

interface Refusal {
  readonly description: string
  /** The `detail` of the example. */
  readonly detail: string
  readonly headers?: readonly HeaderName[]
}

/** Where rates are limited, whatever becomes of a request says how many are left. */
const LIMITED: readonly HeaderName[] = ['RateLimit', 'RateLimit-Policy']

const REFUSALS: Readonly<Partial<Record<ProblemStatus, Refusal>>> = {
  400: {
    description: 'The request is wrong; `issues` names every field that is.',
    detail: 'json.data is missing.',
    headers: LIMITED,
  },
  401: {
    description: 'There is no credential, or none that the hub knows.',
    detail: 'The token has ended: get a new one.',
    headers: ['WWW-Authenticate'],
  },
  403: {
    description:
      'The credential does not reach so far; or the hub has no key, and a page of elsewhere or a proxy asks.',
    detail: 'This credential may not publish there.',
  },
  413: {
    description: 'The body is too large.',
    detail: 'An event may carry 262144 bytes of data.',
    headers: LIMITED,
  },
  415: {
    description: 'The body is of another type.',
    detail: 'Send application/json.',
    headers: LIMITED,
  },
  421: {
    description: 'The hub has no key, and answers to loopback names only.',
    detail: 'This hub has no key and answers to loopback names only: set PUBLISH_KEY.',
  },
  429: {
    description: 'Too much was published within a minute.',
    detail: 'Too much was published within a minute: wait as long as Retry-After says.',
    headers: [...LIMITED, 'Retry-After'],
  },
  500: {
    description: 'The server failed.',
    detail: 'The server failed to answer: its log says why.',
    headers: LIMITED,
  },
  503: {
    description:
      'The hub closes, is not set up, or can’t reach what it needs. With `Retry-After` it is worth another try.',
    detail: 'The journal can’t be reached: nothing can be published now.',
    headers: [...LIMITED, 'Retry-After'],
  },
}

/** The problems as responses by name; their bodies are of the schema `Problem`. */
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

/** The headers by name, as every answer that may have them refers to them. */
export const headers: Readonly<Record<HeaderName, unknown>> = {
  'Cache-Control': { description: 'Nobody may keep it.', schema: { type: 'string' } },
  RateLimit: {
    description: 'What is left, where rates are limited (draft 7 of RateLimit header fields).',
    schema: { type: 'string' },
    example: 'limit=60, remaining=59, reset=42',
  },
  'RateLimit-Policy': {
    description: 'The limit, where rates are limited.',
    schema: { type: 'string' },
    example: '60;w=60',
  },
  'Retry-After': {
    description: 'Seconds after which it is worth another try.',
    schema: { type: 'integer', minimum: 0 },
    example: 2,
  },
  'Set-Cookie': {
    description: 'Carries the grant of a ticket through reconnects; HttpOnly, SameSite=Lax.',
    schema: { type: 'string' },
  },
  'WWW-Authenticate': {
    description: 'The scheme that it takes.',
    required: true,
    schema: { type: 'string' },
    example: 'Bearer realm="hono-sse"',
  },
}

/** The headers of an answer. */
export function headersOf(names: readonly HeaderName[]): { readonly headers: object } {
  const references = names.map((name) => [name, { $ref: `#/components/headers/${name}` }])
  return { headers: Object.fromEntries(references) }
}

/** Where rights come from. */
export const securitySchemes: Readonly<Json> = {
  key: {
    type: 'http',
    scheme: 'bearer',
    description: 'The publish key: publishes anywhere, operates, issues tickets.',
  },
  token: {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A token with `exp`, `sub`, `topics` and `publish`.',
  },
  ticket: {
    type: 'apiKey',
    in: 'query',
    name: 'ticket',
    description: 'For pages: opens one stream, within 30 seconds.',
  },
  cookie: {
    type: 'apiKey',
    in: 'cookie',
    name: 'hono-sse-*',
    description:
      'Carries the grant of a used ticket. The stream’s answer names and sets it: `hono-sse-` and a hash of the grant.',
  },
}

const KEY = { key: [] }
const TOKEN = { token: [] }

/** What each right takes: one of these. */
export const security: Readonly<Record<Permission, readonly unknown[]>> = {
  listen: [TOKEN, { ticket: [] }, { ticket: [], cookie: [] }],
  publish: [KEY, TOKEN],
  operate: [KEY],
  issue: [KEY, TOKEN],
}
