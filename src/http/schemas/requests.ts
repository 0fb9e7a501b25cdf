/** The shape of every request: what comes in is what these schemas let through. */
import { z } from 'zod'
import { MAX_TOPICS, NAME, NAME_RULE } from '../../core/address.ts'
import { EVENT_NAME, EVENT_NAME_RULE } from '../../core/event.ts'
import { schemaMetadata } from './metadata.ts'

const Name = z.string(NAME_RULE).regex(NAME, NAME_RULE)
const once = 'must be given once at the most'

/** `GET /sse?id=&topic=&lastEventId=&ticket=` */
export interface StreamQuery {
  readonly id?: string | undefined
  readonly topic: string[]
  readonly lastEventId?: string | undefined
  readonly ticket?: string | undefined
}

/** The same as it is written: a topic that stands alone is no list yet. */
export interface StreamQueryInput extends Omit<StreamQuery, 'topic'> {
  readonly topic?: string | string[] | undefined
}

const Topics = z.array(Name).max(MAX_TOPICS, `must be ${MAX_TOPICS} at the most`)

/** The query of `GET /sse`; parameters that it does not know are let pass. */
export const StreamQuery: z.ZodType<StreamQuery, StreamQueryInput> = z.object({
  id: z.string(once).regex(NAME, NAME_RULE).optional().register(schemaMetadata, {
    description:
      'The client id. Without one the hub makes a UUID, or takes that of the credential.',
  }),
  topic: z.preprocess(toList, Topics).default([]).register(schemaMetadata, {
    description: 'Topics to follow. With a ticket and none given: those of the ticket.',
  }),
  lastEventId: z.string(once).optional().register(schemaMetadata, {
    description: 'Where to resume; the Last-Event-ID header wins. `earliest`: all that is kept.',
  }),
  ticket: z.string(once).max(32_768).optional().register(schemaMetadata, {
    description: 'A ticket from `POST /tickets`; it opens one stream.',
  }),
})

/** A path that names a client. */
export const ClientParam: z.ZodType<{ readonly id: string }, { id: string }> = z.object({
  id: Name.clone().register(schemaMetadata, { description: 'A client id.' }),
})

/** A path that names a topic. */
export const TopicParam: z.ZodType<{ readonly topic: string }, { topic: string }> = z.object({
  topic: Name.clone().register(schemaMetadata, { description: 'A topic.' }),
})

/** The body of every publishing request, however it is written. */
export interface PublishBody {
  /** A string goes out as it is, anything else as JSON. */
  readonly data: unknown
  readonly event?: string | undefined
  readonly ephemeral?: boolean | undefined
}

const publishing = z.strictObject({
  data: z
    .unknown()
    .refine((data) => data !== undefined, 'is missing')
    .register(schemaMetadata, {
      description: 'A string goes out as it is, anything else as JSON.',
    }),
  event: z
    .string(EVENT_NAME_RULE)
    .regex(EVENT_NAME, EVENT_NAME_RULE)
    .optional()
    .register(schemaMetadata, {
      description: 'The event’s name, for `addEventListener`. Without one, `onmessage` gets it.',
    }),
  ephemeral: z.boolean('must be true or false').optional().register(schemaMetadata, {
    description: 'True: whoever is connected gets it, and it is not kept.',
  }),
})

/** The body of every publishing request; a field that it does not know is refused. */
export const PublishBody: z.ZodType<PublishBody, PublishBody> = publishing.register(
  schemaMetadata,
  {
    id: 'Event',
  },
)

/** The same as a form can say it: its data is text. */
export const PublishForm: z.ZodType<PublishBody> = publishing
  .extend({ data: z.string().register(schemaMetadata, { description: 'The data, as text.' }) })
  .register(schemaMetadata, { id: 'EventForm' })

/** `POST /tickets`: whom the ticket lets listen, to what, and for how long. */
export interface TicketBody {
  readonly client: string
  readonly topics: readonly string[]
  /** Seconds that the stream and its reconnects may last once the ticket is used. */
  readonly grantSeconds: number
}

const grantRule = 'must be a whole number from 1 to 86400'

/** The body of a request for a ticket. */
export const TicketBody: z.ZodType<
  TicketBody,
  {
    readonly client: string
    readonly topics?: string[] | undefined
    readonly grantSeconds?: number | undefined
  }
> = z
  .strictObject({
    client: Name.clone().register(schemaMetadata, { description: 'Whom it lets listen.' }),
    topics: Topics.default([]).register(schemaMetadata, { description: 'To which topics.' }),
    grantSeconds: z
      .int(grantRule)
      .min(1, grantRule)
      .max(86_400, grantRule)
      .default(3_600)
      .register(schemaMetadata, {
        description: 'How long stream and reconnects may last, once it is used.',
      }),
  })
  .register(schemaMetadata, { id: 'Grant' })

/** `?limit=`: how many rows of a listing are wanted. */
export const ListQuery: z.ZodType<{ readonly limit: number }, { limit?: string | undefined }> =
  z.object({
    limit: wholeNumber(1, 10_000)
      .default(1_000)
      .register(schemaMetadata, { description: 'Rows at most.' }),
  })

/** `?block=`: how many seconds a client that is disconnected must stay away. */
export const DisconnectQuery: z.ZodType<
  { readonly block: number },
  { block?: string | undefined }
> = z.object({
  block: wholeNumber(0, 86_400).default(0).register(schemaMetadata, {
    description: 'Seconds for which it is kept away; 0 leaves a block as it is.',
  }),
})

function wholeNumber(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`
  const digits = z.string(once).regex(/^\d{1,9}$/, rule)
  return digits.transform(Number).pipe(z.int().min(min, rule).max(max, rule))
}

function toList(value: string | string[]): string[] {
  return Array.isArray(value) ? value : [value]
}
