/** What the OpenAPI document adds to a schema: a name and a description. */
import { z } from 'zod'

/** The metadata of one schema. */
export interface SchemaMetadata {
  /** Its name among the document's components. @defaultValue none: it is inlined wherever it is used */
  readonly id?: string
  readonly description?: string
  /** The minimum number of properties of an object, which zod can't state. */
  readonly minProperties?: number
}

/** The metadata by schema. Zod's global registry belongs to the host, which may use the same names. */
export const schemaMetadata: z.core.$ZodRegistry<SchemaMetadata> = z.registry<SchemaMetadata>()
