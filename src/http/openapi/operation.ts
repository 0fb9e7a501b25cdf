/** Types and helpers that describe one operation of the HTTP interface. */
import type { z } from 'zod'
import type { ProblemStatus } from '../problem.ts'

/** What an operation requires if the hub has access control. */
export type Permission = 'listen' | 'publish' | 'operate' | 'metrics' | 'issue'

/** A response header. Its description is shared by all responses. */
export type HeaderName =
  | 'Allow'
  | 'Cache-Control'
  | 'RateLimit'
  | 'RateLimit-Policy'
  | 'Retry-After'
  | 'Set-Cookie'
  | 'WWW-Authenticate'
  | 'X-Request-Id'

/** The schema of a body, and an example. */
export interface Content {
  readonly schema: z.ZodType
  /** The schema of each item of a sequence, which OpenAPI 3.1 can't describe. @defaultValue the body is one value */
  readonly item?: z.ZodType
  readonly example: unknown
}

/** The contents of a body, by media type. */
export type Contents = Readonly<Record<string, Content>>

/** A response that is not a problem. */
export interface ResponseSpec {
  readonly description: string
  readonly headers?: readonly HeaderName[]
  readonly content?: Contents
}

/** One method of one path. */
export interface Operation {
  /** The name of the operation in generated clients. */
  readonly id: string
  readonly tag: 'listen' | 'publish' | 'operate' | 'about'
  readonly summary: string
  /** @defaultValue none: the summary suffices */
  readonly description?: string
  /** @defaultValue none: anyone may use it */
  readonly permission?: Permission
  readonly parameters?: Readonly<Partial<Record<'path' | 'query' | 'header', z.ZodType>>>
  readonly body?: Contents
  readonly responses: Readonly<Partial<Record<200 | 202 | 204, ResponseSpec>>>
  /** Problems in addition to those that any request may receive. @defaultValue none */
  readonly problems?: readonly ProblemStatus[]
}

/** A request body with an example that matches its schema. */
export function content<Output, Input>(
  schema: z.ZodType<Output, Input>,
  example: NoInfer<Input>,
): Content {
  return { schema, example }
}

/** A JSON response. */
export function json<Output>(
  description: string,
  schema: z.ZodType<Output>,
  example: NoInfer<Output>,
): ResponseSpec {
  return { description, content: { 'application/json': { schema, example } } }
}

/** A text response. */
export function text(
  description: string,
  type: string,
  schema: z.ZodType,
  example: string,
): ResponseSpec {
  return { description, content: { [type]: { schema, example } } }
}
