/** The shape of every request: what comes in is what these schemas let through. */
import { z } from 'zod'
import { MAX_TOPICS, NAME, NAME_RULE } from '../hub/address.ts'
import { EVENT_NAME_RULE, isEventName } from '../hub/event.ts'

const Name = z.string(NAME_RULE).regex(NAME, NAME_RULE)
const EventName = z.string(EVENT_NAME_RULE).refine(isEventName, EVENT_NAME_RULE)
const once = 'must be given once at the most'

/** `GET /sse?id=&topic=&lastEventId=&ticket=` */
export interface StreamQuery {
  readonly id?: string | undefined
  readonly topic: string[]
  readonly lastEventId?: string | undefined
  readonly ticket?: string | undefined
}

const Topics = z.array(Name).max(MAX_TOPICS, `must be ${MAX_TOPICS} at the most`)

/** The query of `GET /sse`; parameters that it does not know are let pass. */
export const StreamQuery: z.ZodType<StreamQuery> = z.object({
  id: z.string(once).regex(NAME, NAME_RULE).optional(),
  topic: z.preprocess(toList, Topics),
  lastEventId: z.string(once).optional(),
  ticket: z.string(once).max(32_768).optional(),
})

/** A path that names a client. */
export const ClientParam: z.ZodType<{ readonly id: string }> = z.object({ id: Name })

/** A path that names a topic. */
export const TopicParam: z.ZodType<{ readonly topic: string }> = z.object({ topic: Name })

/** The body of every publishing request, however it is written. */
export interface PublishBody {
  /** A string goes out as it is, anything else as JSON. */
  readonly data: unknown
  readonly event?: string | undefined
  readonly ephemeral?: boolean | undefined
}

/** The body of every publishing request; a field that it does not know is refused. */
export const PublishBody: z.ZodType<PublishBody> = z.strictObject({
  data: z.unknown().refine((data) => data !== undefined, 'is missing'),
  event: EventName.optional(),
  ephemeral: z.boolean('must be true or false').optional(),
})

/** `POST /tickets`: whom the ticket lets listen, to what, and for how long. */
export interface TicketBody {
  readonly client: string
  readonly topics: readonly string[]
  /** Seconds that the stream and its reconnects may last once the ticket is used. */
  readonly grantSeconds: number
}

const grantRule = 'must be a whole number from 1 to 86400'

/** The body of a request for a ticket. */
export const TicketBody: z.ZodType<TicketBody> = z.strictObject({
  client: Name,
  topics: Topics.default([]),
  grantSeconds: z.int(grantRule).min(1, grantRule).max(86_400, grantRule).default(3_600),
})

/** `?limit=`: how many rows of a listing are wanted. */
export const ListQuery: z.ZodType<{ readonly limit: number }> = z.object({
  limit: wholeNumber(1, 10_000).default(1_000),
})

/** `?block=`: how many seconds a client that is disconnected must stay away. */
export const DisconnectQuery: z.ZodType<{ readonly block: number }> = z.object({
  block: wholeNumber(0, 86_400).default(0),
})

function wholeNumber(min: number, max: number) {
  const rule = `must be a whole number from ${min} to ${max}`
  const digits = z.string(once).regex(/^\d{1,9}$/, rule)
  return digits.transform(Number).pipe(z.number().min(min, rule).max(max, rule))
}

function toList(value: unknown): unknown {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}
