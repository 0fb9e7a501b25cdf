/** Turns zod schemas into the JSON Schema of OpenAPI 3.1 and 3.2, draft 2020-12. */
import { z } from 'zod'
import { schemaMetadata } from '../schemas/metadata.ts'

/** A JSON object. */
export type Json = Record<string, unknown>

/** The parameters of one place, `path` or `query`, with the types that they are parsed into. */
export function parametersIn([place, schema]: [string, z.ZodType]): Json[] {
  const { properties = {} } = schemaOf(schema, 'output')
  const { required = [] } = schemaOf(schema, 'input')
  return Object.entries(properties).map(([name, { description, ...rest }]) => {
    return { name, in: place, description, required: required.includes(name), schema: rest }
  })
}

/** The components of these schemas and of all named schemas that they refer to. */
export function schemasOf(schemas: readonly z.ZodType[]): Json {
  const all = z.object(Object.fromEntries(schemas.map((schema, index) => [index, schema])))
  const { $defs } = schemaOf(all, 'input')
  return JSON.parse(JSON.stringify($defs).replaceAll('"#/$defs/', '"#/components/schemas/'))
}

/** The parts of a JSON Schema that are used here. */
export interface JsonSchema extends Json {
  readonly properties?: Readonly<Record<string, Json>>
  readonly required?: readonly string[]
  readonly $defs?: Json
}

/** The JSON Schema of a schema's input or output. */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io,
    metadata: schemaMetadata,
    override: ({ jsonSchema }) => {
      // Zod's pattern repeats the format in 200 characters.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
      // The largest safe integer of JavaScript is not a limit of the interface.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.pattern) jsonSchema.pattern = plainPattern(jsonSchema.pattern)
    },
  })
  return rest as JsonSchema
}

/** A pattern without Unicode properties, which validators in some languages, such as Python, refuse. */
export function plainPattern(pattern: string): string {
  return pattern
    .replaceAll('\\p{Cc}', '\\u0000-\\u001f\\u007f-\\u009f')
    .replaceAll('\\p{Cs}', '\\ud800-\\udfff')
}
