/** Typed events: schemas by event name, in the form that zod, valibot and arktype share. */

/** A schema of the Standard Schema specification: https://standardschema.dev */
export interface EventSchema<T = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    validate(value: unknown): SchemaResult<T> | Promise<SchemaResult<T>>
    readonly types?: { readonly input: unknown; readonly output: T } | undefined
  }
}

type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] }

/** Schemas by event name. */
export type EventSchemas = Readonly<Record<string, EventSchema>>

/** What a listener for an event receives: the schema's output, or the data as a string. */
export type DataOf<S extends EventSchemas, N extends string> = N extends keyof S
  ? S[N] extends EventSchema<infer T>
    ? T
    : string
  : string

/** A schema that accepts any JSON: it gives the data a type, and checks nothing. */
export function typed<T>(): EventSchema<T> {
  return {
    '~standard': { version: 1, vendor: 'hono-sse', validate: (value) => ({ value: value as T }) },
  }
}

/**
 * Reads the data of an event: JSON, or else the text, checked by the schema.
 * @throws {TypeError} when the schema rejects it, or answers later
 */
export function readData(schema: EventSchema | undefined, event: string, data: string): unknown {
  if (!schema) return data
  const result = schema['~standard'].validate(parsed(data))
  if (result instanceof Promise) throw new TypeError(`The schema of ${event} must be synchronous.`)
  if (!result.issues) return result.value
  const issues = result.issues.map(({ message }) => message).join('; ')
  throw new TypeError(`An event ${event} does not match its schema: ${issues}`)
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}
