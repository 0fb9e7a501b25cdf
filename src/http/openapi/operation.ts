/** How one operation of the interface is described. */
import type { z } from 'zod'
import type { ProblemStatus } from '../problem.ts'

/** What takes a credential, where the hub has keys. */
export type Permission = 'listen' | 'publish' | 'operate' | 'issue'

/** A header of answers; what it says stands in one place for all. */
export type HeaderName =
  | 'Cache-Control'
  | 'RateLimit'
  | 'RateLimit-Policy'
  | 'Retry-After'
  | 'Set-Cookie'
  | 'WWW-Authenticate'

/** What a body is, and one that fits. */
export interface Content {
  readonly schema: z.ZodType
  readonly example: unknown
}

/** A body by its media type. */
export type Contents = Readonly<Record<string, Content>>

/** An answer that is no problem. */
export interface ResponseSpec {
  readonly description: string
  readonly headers?: readonly HeaderName[]
  readonly content?: Contents
}

/** One method of one path. */
export interface Operation {
  /** A name for generated clients. */
  readonly id: string
  readonly tag: 'listen' | 'publish' | 'operate' | 'about'
  readonly summary: string
  /** @defaultValue none: the summary says it all */
  readonly description?: string
  /** @defaultValue none: anyone may */
  readonly permission?: Permission
  readonly parameters?: Readonly<Partial<Record<'path' | 'query' | 'header', z.ZodType>>>
  readonly body?: Contents
  readonly responses: Readonly<Partial<Record<200 | 204, ResponseSpec>>>
  /** Problems beside those that any request may meet. @defaultValue none */
  readonly problems?: readonly ProblemStatus[]
}

/** A body with an example that fits it. */
export function content<Output, Input>(
  schema: z.ZodType<Output, Input>,
  example: NoInfer<Input>,
): Content {
  return { schema, example }
}

/** An answer in JSON. */
export function json<Output>(
  description: string,
  schema: z.ZodType<Output>,
  example: NoInfer<Output>,
): ResponseSpec {
  return { description, content: { 'application/json': { schema, example } } }
}

/** An answer in text. */
export function text(
  description: string,
  type: string,
  schema: z.ZodType,
  example: string,
): ResponseSpec {
  return { description, content: { [type]: { schema, example } } }
}
