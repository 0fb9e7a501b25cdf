/**
 * The OpenAPI document of an app, derived from the schemas that validate its requests.
 * @see https://spec.openapis.org/oas/v3.1.1.html
 */
import type { z } from 'zod'
import { schemaMetadata } from '../schemas/metadata.ts'
import { ByeSchema, GapSchema, ProblemSchema, ReadySchema } from '../schemas/responses.ts'
import { type Json, parametersIn, schemaOf, schemasOf } from './json-schema.ts'
import type { Contents, Operation, ResponseSpec } from './operation.ts'
import { operations } from './operations.ts'
import {
  COMMON_PROBLEMS,
  headers,
  headersOf,
  referencesTo,
  responses,
  security,
  securitySchemes,
} from './parts.ts'

/** The version of the package. */
export const VERSION = '0.1.0'

/** What the document describes. */
export interface DocumentInit {
  readonly routes: readonly { readonly method: string; readonly path: string }[]
  /** Whether the app has access control. */
  readonly guarded: boolean
}

/** Creates the document. It omits routes without an entry in `operations`. */
export function createDocument({ routes, guarded }: DocumentInit): Json {
  // No operation refers to the schemas of the stream's events: they must be named here.
  const named = new Set<z.ZodType>([ProblemSchema, ReadySchema, GapSchema, ByeSchema])
  const paths: Record<string, Json> = {}
  for (const { method, path } of routes) {
    const operation = operations[`${method} ${path}`]
    if (!operation) continue
    const template = path.replace(/:(\w+)/g, '{$1}')
    paths[template] = { ...paths[template], [method.toLowerCase()]: operationOf(operation) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'hono-sse',
      version: VERSION,
      summary: 'Pushes events to browsers over Server-Sent Events.',
      description:
        'Pushes events to one user in every open tab, to a topic, or to everyone. Every GET route also supports HEAD. Unknown paths return 404, and unsupported methods 405 with `Allow`, both with a `Problem`.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    // Relative to the URL of the document, so that it is correct wherever the app is mounted.
    servers: [{ url: '.' }],
    paths,
    components: {
      schemas: schemasOf([...named]),
      responses,
      headers,
      ...(guarded && { securitySchemes }),
    },
  }

  function operationOf(operation: Operation): Json {
    const { id, tag, summary, description, permission, parameters, body } = operation
    const credential = guarded ? permission : undefined
    const { responses, problems = [] } = operation
    const described = Object.entries(responses).map(([status, response]) => [
      status,
      responseOf(response),
    ])
    return {
      operationId: id,
      tags: [tag],
      summary,
      ...(description && { description }),
      ...(credential && { security: security[credential] }),
      ...(parameters && { parameters: Object.entries(parameters).flatMap(parametersIn) }),
      ...(body && { requestBody: { required: true, content: contentOf(body) } }),
      responses: {
        ...Object.fromEntries(described),
        ...referencesTo([...COMMON_PROBLEMS, ...problems]),
        ...(credential && referencesTo([401])),
      },
    }
  }

  function responseOf({ description, headers: names, content }: ResponseSpec): Json {
    return {
      description,
      ...(names && headersOf(names)),
      ...(content && { content: contentOf(content) }),
    }
  }

  function contentOf(contents: Contents): Json {
    const entries = Object.entries(contents).map(([type, { schema, example }]) => {
      return [type, { schema: referenceTo(schema), example }]
    })
    return Object.fromEntries(entries)
  }

  function referenceTo(schema: z.ZodType): Json {
    const id = schemaMetadata.get(schema)?.id
    if (id === undefined) return schemaOf(schema, 'input')
    named.add(schema)
    return { $ref: `#/components/schemas/${id}` }
  }
}
