/**
 * The OpenAPI document of an app, in either version, derived from the schemas that validate its requests.
 * @see https://spec.openapis.org/oas/v3.2.0.html
 */
import type { z } from 'zod'
import type { EventSchemas } from '../../core/declared-events.ts'
import type { DescriptionInit } from '../routes/openapi.ts'
import { Batch, BatchEvent } from '../schemas/batches.ts'
import { schemaMetadata } from '../schemas/metadata.ts'
import { type OpenApiVersion, PublishBody } from '../schemas/requests.ts'
import { ByeSchema, GapSchema, ProblemSchema, ReadySchema } from '../schemas/responses.ts'
import { schemaOfEvents, schemaOfStreamEvent } from './event-schemas.ts'
import { type Json, parametersIn, schemaOf, schemasOf } from './json-schema.ts'
import type { Content, Contents, HeaderName, Operation, ResponseSpec } from './operation.ts'
import { operations } from './operations.ts'
import {
  COMMON_PROBLEMS,
  headers,
  headersOf,
  referencesTo,
  requestIdParameter,
  responsesWith,
  security,
  securitySchemes,
} from './parts.ts'

/** The version of the package. */
export const VERSION = '0.1.0'

/** The release of each version that the document follows. Later ones only reword it. */
const RELEASES: Readonly<Record<OpenApiVersion, string>> = { '3.1': '3.1.1', '3.2': '3.2.0' }

const RECIPIENTS = { $ref: '#/components/schemas/Recipients' }

/** What the document describes. */
export interface DocumentInit extends DescriptionInit {
  readonly routes: readonly { readonly method: string; readonly path: string }[]
  /** Whether the app has access control. */
  readonly guarded: boolean
  /** The schemas of the events that the hub declares. @defaultValue none */
  readonly events?: EventSchemas | undefined
}

/** Creates the document. It omits routes without an entry in `operations`. */
export function createDocument(init: DocumentInit): Json {
  const { version, routes, guarded, requestIds, events } = init
  const always: HeaderName[] = requestIds ? ['X-Request-Id'] : []
  const { 'X-Request-Id': requestId, ...usual } = headers
  // Only the schema of the stream's events refers to these, and not as a zod schema.
  const named = new Set<z.ZodType>([ProblemSchema, ReadySchema, GapSchema, ByeSchema])
  const paths: Record<string, Json> = {}
  for (const { method, path } of routes) {
    const operation = operations[`${method} ${path}`]
    if (!operation) continue
    const template = path.replace(/:(\w+)/g, '{$1}')
    paths[template] = { ...paths[template], [method.toLowerCase()]: operationOf(operation) }
  }
  return {
    openapi: RELEASES[version],
    info: {
      title: 'hono-sse',
      version: VERSION,
      summary: 'Pushes events to browsers over Server-Sent Events.',
      description:
        'Pushes events to one user in every open tab, to a topic, or to everyone. Every GET route also supports HEAD, and every path OPTIONS (response `Options`). Unknown paths return the response `NotFound`, and unsupported methods `MethodNotAllowed`. Headers that only browsers and proxies read, such as those of CORS, are not listed.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to the URL of the document, so that it is correct wherever the app is mounted.
    servers: [{ url: '.' }],
    paths,
    components: {
      schemas: {
        ...schemasOf([...named]),
        ...(events && {
          Event: schemaOfEvents('Event', events),
          BatchEvent: schemaOfEvents('BatchEvent', events, { to: RECIPIENTS }),
        }),
        StreamEvent: schemaOfStreamEvent(events),
      },
      responses: responsesWith(always),
      headers: requestIds ? headers : usual,
      ...(requestIds && { parameters: { RequestId: requestIdParameter } }),
      ...(guarded && { securitySchemes }),
    },
  }

  function operationOf(operation: Operation): Json {
    const { id, tag, summary, description, permission, body } = operation
    const credential = guarded ? permission : undefined
    const { responses, problems = [] } = operation
    const parameters = [
      ...Object.entries(operation.parameters ?? {}).flatMap(parametersIn),
      ...(requestIds ? [{ $ref: '#/components/parameters/RequestId' }] : []),
    ]
    // No cache may store what only operators may read.
    const own: readonly HeaderName[] = tag === 'operate' ? ['Cache-Control'] : []
    const described = Object.entries(responses).map(([status, response]) => [
      status,
      responseOf(response, own),
    ])
    return {
      operationId: id,
      tags: [tag],
      summary,
      ...(description && { description }),
      ...(guarded && { security: credential ? security[credential] : [] }),
      ...(parameters.length > 0 && { parameters }),
      ...(body && { requestBody: { required: true, content: contentOf(body) } }),
      responses: {
        ...Object.fromEntries(described),
        ...referencesTo([...COMMON_PROBLEMS, ...problems]),
        ...(credential && referencesTo([401, 429])),
      },
    }
  }

  function responseOf(
    { description, headers: names = [], content }: ResponseSpec,
    own: readonly HeaderName[],
  ): Json {
    return {
      description,
      ...headersOf([...own, ...names, ...always]),
      ...(content && { content: contentOf(content) }),
    }
  }

  function contentOf(contents: Contents): Json {
    const entries = Object.entries(contents).map(([type, content]) => {
      const isSequence = version === '3.2' && (content.item || type === 'text/event-stream')
      return [type, isSequence ? sequenceOf(content) : mediaTypeOf(content)]
    })
    return Object.fromEntries(entries)
  }

  function mediaTypeOf({ schema, item, example }: Content): Json {
    if (item) referenceTo(item)
    const own = showsEvent(item ?? schema) ? undefined : example
    return { schema: referenceTo(schema), ...(own !== undefined && { example: own }) }
  }

  /** A sequence by its items, which OpenAPI 3.1 can't describe. */
  function sequenceOf({ item, example }: Content): Json {
    const itemSchema = item ? referenceTo(item) : { $ref: '#/components/schemas/StreamEvent' }
    if (item && showsEvent(item)) return { itemSchema }
    return { itemSchema, examples: { stream: { serializedValue: example } } }
  }

  /** Whether an example shows an event that this hub may not declare. */
  function showsEvent(schema: z.ZodType): boolean {
    return events !== undefined && [PublishBody, BatchEvent, Batch].includes(schema as never)
  }

  function referenceTo(schema: z.ZodType): Json {
    const id = schemaMetadata.get(schema)?.id
    if (id === undefined) return schemaOf(schema, 'input')
    named.add(schema)
    return { $ref: `#/components/schemas/${id}` }
  }
}
