/** The schemas of all requests. */
import { z } from 'zod'
import { MAX_TOPICS, NAME, NAME_RULE } from '../../core/address.ts'
import { EVENT_KEY, EVENT_KEY_RULE, EVENT_NAME, EVENT_NAME_RULE } from '../../core/event.ts'
import { IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE } from '../../core/idempotency/idempotency-key.ts'
import { schemaMetadata } from './metadata.ts'
import { Followed, Name, TopicName } from './names.ts'
import { AT_MOST_ONCE, MAX_TICKET_LENGTH, TICKET_RULE } from './rules.ts'

/** `GET /sse?id=&topic=&lastEventId=&ticket=` */
export interface StreamQuery {
  readonly id?: string | undefined
  readonly topic: string[]
  readonly lastEventId?: string | undefined
  readonly ticket?: string | undefined
}

/** The same query as a client writes it: a single topic is not a list yet. */
export interface StreamQueryInput extends Omit<StreamQuery, 'topic'> {
  readonly topic?: string | string[] | undefined
}

const Topics = z.array(Followed).max(MAX_TOPICS, `must have at most ${MAX_TOPICS} topics`)

/** The query of `GET /sse`. Unknown parameters are ignored. */
export const StreamQuery: z.ZodType<StreamQuery, StreamQueryInput> = z.object({
  id: z.string(AT_MOST_ONCE).regex(NAME, NAME_RULE).optional().register(schemaMetadata, {
    description:
      'The client id. By default, the one that the credential names; without access control, a random UUID.',
  }),
  topic: z.preprocess(toList, Topics).default([]).register(schemaMetadata, {
    description:
      'Topics to follow, or patterns: `orders/*` follows all topics one level below `orders`, `orders/**` all below it. With a ticket, all topics of the ticket by default.',
  }),
  lastEventId: z.string(AT_MOST_ONCE).optional().register(schemaMetadata, {
    description:
      'The cursor to resume from; the Last-Event-ID header overrides it. `earliest` replays everything in the journal.',
  }),
  ticket: z
    .string(AT_MOST_ONCE)
    .max(MAX_TICKET_LENGTH, TICKET_RULE)
    .optional()
    .register(schemaMetadata, {
      description: 'A ticket from `POST /tickets`. It opens one stream.',
    }),
})

/** The path of a client. */
export const ClientParam: z.ZodType<{ readonly id: string }, { id: string }> = z.object({
  id: Name.clone().register(schemaMetadata, { description: 'A client id.' }),
})

/** The path of a topic. */
export const TopicParam: z.ZodType<{ readonly topic: string }, { topic: string }> = z.object({
  topic: TopicName.clone().register(schemaMetadata, { description: 'A topic.' }),
})

/** The path of a topic or a pattern that connections follow. */
export const FollowedParam: typeof TopicParam = z.object({
  topic: Followed.clone().register(schemaMetadata, { description: 'A topic, or a pattern.' }),
})

/** An event to publish, whatever the media type. */
export interface PublishBody {
  /** Strings are sent as they are, anything else as JSON. */
  readonly data: unknown
  readonly event?: string | undefined
  readonly ephemeral?: boolean | undefined
  readonly key?: string | undefined
  readonly replace?: boolean | undefined
  readonly retain?: boolean | undefined
  readonly idempotencyKey?: string | undefined
}

/** What an idempotency key does. */
export const IDEMPOTENCY_KEY_DESCRIPTION =
  'A repetition with the same key publishes nothing and gets the result of the first. Not for ephemeral events.'

/** The headers of a request that publishes one event. */
export const PublishHeaders: z.ZodType<{ readonly 'Idempotency-Key'?: string | undefined }> =
  z.object({
    'Idempotency-Key': z
      .string()
      .optional()
      .register(schemaMetadata, {
        description: `${IDEMPOTENCY_KEY_DESCRIPTION} 1 to 255 visible ASCII characters, with or without quotes. In NDJSON, each line has its own \`idempotencyKey\` instead.`,
      }),
  })

/** The fields of an event. */
export const publishing: z.ZodObject<
  {
    data: z.ZodType<unknown>
    event: z.ZodOptional<z.ZodString>
    ephemeral: z.ZodOptional<z.ZodBoolean>
    key: z.ZodOptional<z.ZodString>
    replace: z.ZodOptional<z.ZodBoolean>
    retain: z.ZodOptional<z.ZodBoolean>
    idempotencyKey: z.ZodOptional<z.ZodString>
  },
  z.core.$strict
> = z.strictObject({
  data: z
    .unknown()
    .refine((data) => data !== undefined, 'is missing: send it, even if it is null')
    .register(schemaMetadata, {
      description: 'The data. Strings are sent as they are, anything else as JSON.',
    }),
  event: z
    .string(EVENT_NAME_RULE)
    .regex(EVENT_NAME, EVENT_NAME_RULE)
    .optional()
    .register(schemaMetadata, {
      description:
        'The event’s name, for `addEventListener`. Without a name, `onmessage` receives the event.',
    }),
  ephemeral: z.boolean('must be true or false').optional().register(schemaMetadata, {
    description:
      'True: only connected clients receive the event, and the journal does not store it.',
  }),
  key: z
    .string(EVENT_KEY_RULE)
    .regex(EVENT_KEY, EVENT_KEY_RULE)
    .optional()
    .register(schemaMetadata, {
      description:
        'What the event is about. Without a key, `replace` and `retain` are about the address as a whole.',
    }),
  replace: z.boolean('must be true or false').optional().register(schemaMetadata, {
    description:
      'True: earlier events with the same key at the same address are no longer replayed. Not together with `ephemeral`.',
  }),
  retain: z.boolean('must be true or false').optional().register(schemaMetadata, {
    description:
      'True: the event replaces others, does not age, and is sent to each new stream of the address first. Empty data removes it. Not together with `ephemeral`.',
  }),
  idempotencyKey: z
    .string(IDEMPOTENCY_KEY_RULE)
    .regex(IDEMPOTENCY_KEY, IDEMPOTENCY_KEY_RULE)
    .optional()
    .register(schemaMetadata, { description: IDEMPOTENCY_KEY_DESCRIPTION }),
})

/** An event to publish. Unknown fields are rejected. */
export const PublishBody: z.ZodType<PublishBody, PublishBody> = publishing.register(
  schemaMetadata,
  {
    id: 'Event',
  },
)

/** An event as a form: its data is text. */
export const PublishForm: z.ZodType<PublishBody> = publishing
  .extend({ data: z.string().register(schemaMetadata, { description: 'The data, as text.' }) })
  .register(schemaMetadata, { id: 'EventForm' })

/** `POST /tickets`: the client that may listen, to which topics, and for how long. */
export interface TicketBody {
  readonly client: string
  readonly topics: readonly string[]
  /** Seconds that the stream and its reconnects may last once the ticket is redeemed. */
  readonly grantSeconds: number
}

const grantRule = 'must be a whole number from 1 to 86400'

/** The body of `POST /tickets`. */
export const TicketBody: z.ZodType<
  TicketBody,
  {
    readonly client: string
    readonly topics?: string[] | undefined
    readonly grantSeconds?: number | undefined
  }
> = z
  .strictObject({
    client: Name.clone().register(schemaMetadata, { description: 'The client that may listen.' }),
    topics: Topics.default([]).register(schemaMetadata, {
      description:
        'The topics that it may follow. A pattern, such as `orders/*`, stands for all topics that it covers, too.',
    }),
    grantSeconds: z
      .int(grantRule)
      .min(1, grantRule)
      .max(86_400, grantRule)
      .default(3_600)
      .register(schemaMetadata, {
        description:
          'Seconds that the stream and its reconnects may last once the ticket is redeemed.',
      }),
  })
  .register(schemaMetadata, { id: 'Grant' })

/** `?limit=`: the maximum number of rows to list. */
export const ListQuery: z.ZodType<{ readonly limit: number }, { limit?: string | undefined }> =
  z.object({
    limit: wholeNumber(1, 10_000)
      .default(1_000)
      .register(schemaMetadata, { description: 'The maximum number of rows to list.' }),
  })

/** `?block=`: for how many seconds to refuse the client. */
export const DisconnectQuery: z.ZodType<
  { readonly block: number },
  { block?: string | undefined }
> = z.object({
  block: wholeNumber(0, 86_400).default(0).register(schemaMetadata, {
    description: 'Seconds for which the client is refused; 0 leaves an existing block as it is.',
  }),
})

/** A version of the OpenAPI specification. */
export type OpenApiVersion = '3.1' | '3.2'

/** `?version=`: the version of the OpenAPI document. */
export const OpenApiQuery: z.ZodType<
  { readonly version: OpenApiVersion },
  { version?: OpenApiVersion | undefined }
> = z.object({
  version: z.enum(['3.1', '3.2'], 'must be 3.1 or 3.2').default('3.2').register(schemaMetadata, {
    description: 'The version of OpenAPI. Ask for 3.1 if a tool does not know 3.2.',
  }),
})

function wholeNumber(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`
  const digits = z.string(AT_MOST_ONCE).regex(/^\d{1,9}$/, rule)
  return digits.transform(Number).pipe(z.int().min(min, rule).max(max, rule))
}

function toList(value: string | string[]): string[] {
  return Array.isArray(value) ? value : [value]
}
