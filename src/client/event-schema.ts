/** Typed events: how the client reads data by the schemas of its events. */
import {
  type AnyEvents,
  type EventSchema,
  type EventSchemas,
  parseData,
  type SchemaIssue,
  type SchemaResult,
} from '../core/declared-events.ts'
import { isText } from './read-text.ts'

/** What a listener for an event receives: the schema's output, or the data as a string. Anything, if the schemas are not known. */
export type DataOf<S extends EventSchemas, N extends string> = string extends keyof S
  ? AnyEvents
  : N extends keyof S
    ? S[N] extends EventSchema<infer T>
      ? T
      : string
    : string

/**
 * A schema that gives the data a type, and checks nothing: the data is the value of its JSON, or else the
 * text. `typed<string>('text')` is for an event that is a string, which always arrives as it was published.
 */
export function typed<T>(...kind: KindOf<T>): EventSchema<T> {
  const validate = (value: unknown) =>
    ({ value, issues: kind[0] && !isText(value) && [] }) as SchemaResult<T>
  return { '~standard': { version: 1, vendor: 'hono-sse', validate } }
}

/** A type does not exist at run time, where `5` may be a number or a string. */
type KindOf<T> = unknown extends T ? [] : [T] extends [string] ? [kind: 'text'] : []

/**
 * Reads the data of an event: the value of its JSON or, if the schema rejects that, the text. A hub sends
 * a string as it is, so text that is a string in JSON is the text first.
 * @throws {TypeError} when the schema rejects it, or answers later
 */
export function readData(schema: EventSchema | undefined, event: string, data: string): unknown {
  if (!schema) return data
  const parsed = parseData(data)
  let issues: readonly SchemaIssue[] | undefined
  for (const value of isText(parsed) ? [data, parsed] : [parsed, data]) {
    // A promise, which has neither field, is rejected.
    const result = schema['~standard'].validate(value) as SchemaResult<unknown>
    if ('value' in result && !result.issues) return result.value
    issues ??= result.issues
  }
  const messages = issues?.map(({ message }) => message).join('; ') ?? 'it is asynchronous'
  throw new TypeError(`The event ${event} does not match its schema: ${messages}`)
}
