/** Declared events: which events there are, and the data of each, as types and as schemas. */
import type { EventInput } from './event.ts'

/** Any events with any data: what a hub accepts that declares none. */
// biome-ignore lint/suspicious/noExplicitAny: so that a hub with declared events is a `Hub` as well
export type AnyEvents = any

/** An event of a hub that declares its events: name and data fit. Without a name it is a `message`. */
export type EventOf<Events extends object> = string extends keyof Events
  ? EventInput
  : { [Name in keyof Events & string]: NamedEvent<Name, Events[Name]> }[keyof Events & string]

type NamedEvent<Name extends string, Data> = Omit<EventInput, 'data' | 'event'> &
  ({ readonly data: Data } | Cleared) &
  (Name extends 'message' ? { readonly event?: Name | undefined } : { readonly event: Name })

/** What removes the event that is retained. */
interface Cleared {
  readonly data: ''
  readonly retain: true
}

/** The event with one of the names, which a generic function may leave open. */
export interface EventNamed<Events extends object, Name extends keyof Events> extends EventInput {
  readonly event: Name & string
  readonly data: Events[Name]
}

/**
 * A schema of any library that follows the Standard Schema specification, such as zod, valibot and arktype.
 * @see https://standardschema.dev
 */
export interface EventSchema<Output = unknown, Input = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    validate(value: unknown): SchemaResult<Output> | Promise<SchemaResult<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    /** Standard JSON Schema, where the library has it. */
    readonly jsonSchema?: {
      input(options: { readonly target: 'draft-2020-12' }): object
      output?(options: { readonly target: 'draft-2020-12' }): object
    }
  }
}

/** What a schema says of a value. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] }

/** What is wrong with a value, and where. */
export interface SchemaIssue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

/** Returns the value that the data of an event stands for: that of its JSON; or the text itself, if it is none. */
export function parseData(data: string): unknown {
  try {
    return JSON.parse(data)
  } catch {
    return data
  }
}

/** Schemas by event name. */
export type EventSchemas = Readonly<Record<string, EventSchema>>
