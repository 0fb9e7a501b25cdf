/** From zod to the JSON Schema of OpenAPI 3.1, draft 2020-12. */
import { z } from 'zod'
import { schemaMetadata } from '../schemas/metadata.ts'

/** A JSON object. */
export type Json = Record<string, unknown>

/** The parameters of one place, as they are once they are read: a list, a whole number. */
export function parametersIn([place, schema]: [string, z.ZodType]): Json[] {
  const { properties = {} } = schemaOf(schema, 'output')
  const { required = [] } = schemaOf(schema, 'input')
  return Object.entries(properties).map(([name, { description, ...rest }]) => {
    return { name, in: place, description, required: required.includes(name), schema: rest }
  })
}

/** Schemas with names, and those with names that they are made of. */
export function schemasOf(schemas: readonly z.ZodType[]): unknown {
  const all = z.object(Object.fromEntries(schemas.map((schema, index) => [index, schema])))
  const { $defs } = schemaOf(all, 'input')
  return JSON.parse(JSON.stringify($defs).replaceAll('"#/$defs/', '"#/components/schemas/'))
}

/** The parts of a JSON Schema that are looked at. */
export interface JsonSchema extends Json {
  readonly properties?: Readonly<Record<string, Json>>
  readonly required?: readonly string[]
  readonly $defs?: Json
}

/** A schema, of what comes in or of what it becomes. */
export function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, {
    io,
    metadata: schemaMetadata,
    override: ({ jsonSchema }) => {
      // Zod's pattern says what the format says, in 200 characters.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
      // As far as whole numbers go in JavaScript is no bound of the interface.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
    },
  })
  return rest as JsonSchema
}
