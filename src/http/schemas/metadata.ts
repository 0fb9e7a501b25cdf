/** What the OpenAPI document says of a schema, beside what the schema itself says. */
import { z } from 'zod'

/** Words for one schema. */
export interface SchemaMetadata {
  /** The name among the document's components. @defaultValue none: it is written out where it is used */
  readonly id?: string
  readonly description?: string
}

/** The words by schema. Zod's global registry is the host's, who may have the same names there. */
export const schemaMetadata: z.core.$ZodRegistry<SchemaMetadata> = z.registry<SchemaMetadata>()
