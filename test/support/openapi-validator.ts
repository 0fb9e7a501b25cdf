/** Validates values against the schemas of an OpenAPI document, with a third-party validator. */
import { createRequire } from 'node:module'

/** A JSON object. */
export type Json = Record<string, unknown>

/** The parts of a document that tests look at. */
export interface Document extends Json {
  readonly info: { readonly version: string }
  readonly servers: readonly { readonly url: string }[]
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: Readonly<Record<string, Readonly<Record<string, Json>>>>
}

/** One method of one path. */
export interface Operation {
  readonly operationId: string
  readonly parameters?: readonly Json[]
  readonly security?: readonly Json[]
  readonly requestBody?: { readonly content: Contents }
  readonly responses: Readonly<Record<string, ResponseObject | Reference>>
}

/** An answer of an operation. */
export interface ResponseObject {
  readonly headers?: Readonly<Record<string, Header | Reference>>
  readonly content?: Contents
}

interface Header {
  readonly required?: boolean
  readonly schema: Json
}

/** Bodies by media type. */
export type Contents = Readonly<Record<string, MediaType>>

interface MediaType {
  /** Absent for a stream, which has `itemSchema`. */
  readonly schema?: Json
  readonly itemSchema?: Json
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, { readonly serializedValue?: string }>>
}

interface Reference {
  readonly $ref: string
}

/** The schema errors of a value; empty if it is valid. */
export type Check = (schema: Json, value: unknown) => unknown[]

interface Ajv {
  addSchema(schema: Json, key: string): Ajv
  validate(schema: Json, value: unknown): boolean
  readonly errors?: unknown[] | null
}

// The validator of the document brings them along.
const require = createRequire(
  createRequire(import.meta.url).resolve('@seriousme/openapi-schema-validator'),
)
const Ajv2020 = require('ajv/dist/2020.js').default as new (options: Json) => Ajv
const addFormats = require('ajv-formats').default as (ajv: Ajv) => Ajv

/** Validates against a document's schemas; objects may have no undocumented properties. */
export function checkAgainst(document: Document): Check {
  const ajv = addFormats(new Ajv2020({ strict: false })).addSchema(
    withoutExtraProperties(document) as Json,
    'api',
  )
  // The validator compiles each object that it has not seen.
  const known = new Map<string, Json>()
  return (schema, value) => {
    const text = JSON.stringify(withoutExtraProperties(schema)).replaceAll('"#/', '"api#/')
    const whole = known.get(text) ?? (JSON.parse(text) as Json)
    known.set(text, whole)
    return ajv.validate(whole, value) ? [] : (ajv.errors ?? [])
  }
}

/** Resolves a reference; returns anything else unchanged. */
export function resolve<T extends object>(document: Document, part: T | Reference): T {
  if (!('$ref' in part)) return part
  const steps = part.$ref.slice(2).split('/')
  return steps.reduce((at: unknown, step) => (at as Json | undefined)?.[step], document) as T
}

/** A schema whose objects may have no other properties: in the document answers may grow. */
function withoutExtraProperties(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutExtraProperties)
  if (typeof value !== 'object' || value === null) return value
  const copy = Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, withoutExtraProperties(part)]),
  )
  if (copy.type !== 'object' || !copy.properties) return copy
  return { ...copy, additionalProperties: false }
}
