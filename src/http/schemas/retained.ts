/** The schemas of retained events. */
import { z } from 'zod'
import type { RetainedEvent as RetainedData } from '../../hub/retained/list-retained.ts'
import { schemaMetadata } from './metadata.ts'

const text = (description: string) => z.string().register(schemaMetadata, { description })

const Retained: z.ZodType<RetainedData> = z
  .object({
    id: text('The event’s id.'),
    key: z.string().exactOptional().register(schemaMetadata, {
      description: 'Its key. Without one, the event is about the topic as a whole.',
    }),
    event: text('The event’s name; `message` if it has none.'),
    data: text('The data as text, as clients receive it.'),
  })
  .register(schemaMetadata, { id: 'RetainedEvent', description: 'A retained event.' })

/** `GET /topics/:topic/retained` */
export interface TopicRetained {
  readonly topic: string
  readonly retained: readonly RetainedData[]
  readonly complete: boolean
}

/** `GET /topics/:topic/retained` */
export const TopicRetained: z.ZodType<TopicRetained> = z
  .object({
    topic: text('The topic.'),
    retained: z.array(Retained),
    complete: z.boolean().register(schemaMetadata, {
      description: 'Whether these are all. The list ends at its limit, or at about 1 MB.',
    }),
  })
  .register(schemaMetadata, { id: 'TopicRetained' })
