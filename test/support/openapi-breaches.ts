/** Compares responses with an OpenAPI document: whatever it does not describe is a breach. */
import { TrieRouter } from 'hono/router/trie-router'
import { getPath } from 'hono/utils/url'
import { NDJSON } from '../../src/http/batch/respond-to-lines.ts'
import {
  type Check,
  checkAgainst,
  type Document,
  type Json,
  type Operation,
  type ResponseObject,
  resolve,
} from './openapi-validator.ts'
import { parseFrames } from './parse-frames.ts'

/** How a response compares with the document. */
export interface Comparison {
  /** The operation that the request belongs to; undefined for unknown paths and other methods. */
  readonly operationId: string | undefined
  /** What the response contains that the document does not describe. */
  readonly found: readonly unknown[]
}

/** Compares the response to a request with the document. Reads its body. */
export type Breaches = (request: Request, response: Response) => Promise<Comparison>

/** The responses to requests that belong to no operation: to unknown paths and other methods. */
const WITHOUT_OPERATION: Readonly<Record<number, string>> = {
  204: 'Options',
  400: 'BadRequest',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  421: 'MisdirectedRequest',
  500: 'InternalServerError',
  503: 'ServiceUnavailable',
}

/** Headers that the document leaves out: those of HTTP itself, and those that only browsers and proxies read. */
const NOT_LISTED = [
  /^(?:connection|content-(?:encoding|length|type)|date|keep-alive|transfer-encoding|vary)$/,
  /^(?:access-control-.+|content-security-policy|cross-origin-.+-policy|referrer-policy)$/,
  /^(?:x-content-type-options|x-frame-options|incremental|x-accel-buffering)$/,
]

/** Prepares the comparison with one document. */
export function breachesOf(document: Document): Breaches {
  const check = checkAgainst(document)
  const table = new TrieRouter<Operation>()
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      table.add(method.toUpperCase(), path.replace(/\{(\w+)\}/g, ':$1'), operation)
    }
  }
  return async (request, response) => {
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const operation = table.match(method, getPath(request))[0][0]?.[0]
    const described = operation
      ? operation.responses[response.status]
      : document.components.responses?.[WITHOUT_OPERATION[response.status] ?? '']
    const { operationId } = operation ?? {}
    if (!described) return { operationId, found: [`nothing is said of ${response.status}`] }
    const answer = resolve<ResponseObject>(document, described)
    const body = request.method === 'HEAD' ? [] : await bodyBreaches(answer, response)
    return { operationId, found: [...headerBreaches(answer, response.headers), ...body] }
  }

  function headerBreaches(answer: ResponseObject, headers: Headers): unknown[] {
    const described = Object.entries(answer.headers ?? {})
    const names = described.map(([name]) => name.toLowerCase())
    const extra = [...headers.keys()].filter((name) => {
      return !names.includes(name) && !NOT_LISTED.some((pattern) => pattern.test(name))
    })
    const wrong = described.flatMap(([name, header]) => {
      const { required, schema } = resolve(document, header)
      const value = headers.get(name)
      if (value === null) return required ? [`${name} is missing`] : []
      return check(schema, schema.type === 'integer' ? Number(value) : value)
    })
    return [...extra.map((name) => `${name} is not said`), ...wrong]
  }

  async function bodyBreaches({ content }: ResponseObject, response: Response): Promise<unknown[]> {
    if (!content) return (await response.text()) === '' ? [] : ['a body is not said']
    const type = response.headers.get('Content-Type')?.split(';')[0] ?? ''
    const described = content[type]
    if (!described) return [`${type} is not said`]
    if (type === 'text/event-stream') return streamBreaches(await firstPiece(response))
    const body = await response.text()
    if (type === NDJSON)
      return linesIn(body).flatMap((line) => check(described.itemSchema ?? {}, line))
    return check(described.schema ?? {}, type.endsWith('json') ? JSON.parse(body) : body)
  }

  function streamBreaches(piece: Uint8Array): unknown[] {
    const events = itemsIn(piece)
    if (events.length === 0) return ['nothing came']
    return events.flatMap((event) => eventBreaches(document, check, event))
  }
}

/** The values of NDJSON. */
export function linesIn(text: string): unknown[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as unknown)
}

/** An event of a stream with its fields, as OpenAPI 3.2 models it. */
export interface StreamItem {
  readonly data: string
  readonly event?: string
  readonly id?: string
  readonly retry?: number
}

/** The events of a piece of a stream. */
export function itemsIn(piece: Uint8Array | string): StreamItem[] {
  const text = typeof piece === 'string' ? piece : new TextDecoder().decode(piece)
  return text.split(/(?<=\n\n)/).flatMap((block) => {
    const { events, retries } = parseFrames(new TextEncoder().encode(block))
    const [retry] = retries
    return events.map(({ data, event, id }) => ({
      data,
      ...(event !== undefined && { event }),
      ...(id !== undefined && { id }),
      ...(retry !== undefined && { retry }),
    }))
  })
}

const EVENT = '#/components/schemas/StreamEvent'

/** What of an event the schema `StreamEvent` does not describe: its fields, or the JSON that its data is. */
export function eventBreaches(document: Document, check: Check, item: StreamItem): unknown[] {
  const wrong = check({ $ref: EVENT }, item)
  if (wrong.length > 0) return wrong
  // Validators read `contentSchema` as a note.
  const { oneOf } = document.components.schemas?.StreamEvent ?? {}
  const data = (oneOf as Json[])
    .map((_, index) => `${EVENT}/oneOf/${index}`)
    .filter(($ref) => check({ $ref }, item).length === 0)
    .map(($ref) => `${$ref}/properties/data/contentSchema`)
    .filter(($ref) => exists(document, $ref))
  return data.flatMap(($ref) => jsonBreaches(check, $ref, item.data))
}

function exists(document: Document, $ref: string): boolean {
  return resolve<object>(document, { $ref }) !== undefined
}

function jsonBreaches(check: Check, $ref: string, text: string): unknown[] {
  try {
    return check({ $ref }, JSON.parse(text))
  } catch {
    return [`${text} is not JSON`]
  }
}

/** Reads what has come of a stream, and leaves. */
async function firstPiece(response: Response): Promise<Uint8Array> {
  const reader = response.body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  await reader?.cancel()
  return value ?? new Uint8Array()
}
