/** The schemas of event streams that are published, and of their stop. */
import { z } from 'zod'
import { EVENT_KEY, EVENT_KEY_RULE, EVENT_NAME, EVENT_NAME_RULE } from '../../core/event.ts'
import type { StopResult } from '../../hub/cluster.ts'
import type { PipeResult } from '../../hub/piping/pipe.ts'
import type { Problem } from '../problem.ts'
import { schemaMetadata } from './metadata.ts'
import { coverage, ProblemSchema, Published } from './responses.ts'
import { AT_MOST_ONCE, MAX_TICKET_LENGTH, required, TICKET_RULE } from './rules.ts'

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['false', false],
])

const Key = z.string(required(AT_MOST_ONCE)).regex(EVENT_KEY, EVENT_KEY_RULE)
const EventName = z.string(AT_MOST_ONCE).regex(EVENT_NAME, EVENT_NAME_RULE)

/** The query of a request whose body is an event stream. */
export interface PipeQuery {
  readonly event?: string | undefined
  readonly ephemeral?: boolean | undefined
  readonly key?: string | undefined
  readonly onAbort?: string | undefined
}

/** The same query as a publisher writes it. */
export interface PipeQueryInput extends Omit<PipeQuery, 'ephemeral'> {
  /** `true` or `false`. */
  readonly ephemeral?: string | undefined
}

/** `?event=&ephemeral=&key=&onAbort=`. Other parameters are ignored. */
export const PipeQuery: z.ZodType<PipeQuery, PipeQueryInput> = z.object({
  event: EventName.optional().register(schemaMetadata, {
    description: 'Of an event stream: the name of all its events, instead of their own.',
  }),
  ephemeral: z
    .string(AT_MOST_ONCE)
    .transform((text) => FLAGS.get(text))
    .pipe(z.boolean('must be true or false'))
    .optional()
    .register(schemaMetadata, { description: 'Of an event stream: whether they are ephemeral.' }),
  key: Key.clone().optional().register(schemaMetadata, {
    description:
      'Of an event stream: the key of all its events. A client that it is for can stop it by its key.',
  }),
  onAbort: EventName.clone().optional().register(schemaMetadata, {
    description:
      'Of an event stream: the name of one last event, with the data `{"reason","key"}`, when the stream does not end by itself.',
  }),
})

/** `?key=&ticket=` of a stop. */
export interface StopQuery {
  readonly key: string
  readonly ticket?: string | undefined
}

/** The query of a stop. */
export const StopQuery: z.ZodType<StopQuery, StopQuery> = z.object({
  key: Key.clone().register(schemaMetadata, { description: 'The key of what is published.' }),
  ticket: z
    .string(AT_MOST_ONCE)
    .max(MAX_TICKET_LENGTH, TICKET_RULE)
    .optional()
    .register(schemaMetadata, {
      description: 'A ticket of the client.',
    }),
})

/** What a stream has published. */
export interface PipedResult extends PipeResult {
  /** Replaces `id` if the clients are sharded: the last id on each shard. */
  readonly ids?: readonly string[]
}

/** What a stream has published, and why it ended early, if it did. */
export type Piped = PipedResult | PipeProblem

/** The problem that ended a stream early. */
export interface PipeProblem extends Problem, Omit<PipedResult, 'stopped'> {
  /** Seconds after which a retry may succeed. */
  readonly retryAfter?: number
}

const result = {
  published: z.int().min(0).register(schemaMetadata, {
    description: 'The number of events that were published, without the last one of `onAbort`.',
  }),
  id: z.string().exactOptional().register(schemaMetadata, {
    description: 'The id of the last one that was stored.',
  }),
  ids: z.array(z.string()).exactOptional().register(schemaMetadata, {
    description: 'Replaces `id` if the clients are sharded: the last id on each shard.',
  }),
}

const PipeProblem = z
  .object({
    ...(ProblemSchema as unknown as z.ZodObject<Record<keyof Problem, z.ZodType>>).shape,
    retryAfter: z.int().min(0).exactOptional().register(schemaMetadata, {
      description: 'Seconds after which a retry may succeed.',
    }),
    ...result,
  })
  .register(schemaMetadata, {
    id: 'PipeProblem',
    description: 'Why an event stream ended early, and what was published before.',
  }) as unknown as z.ZodType<PipeProblem>

/** What a stream has published. */
export const Piped: z.ZodType<Piped> = z
  .union([
    z
      .object({
        ...result,
        stopped: z.literal(true).exactOptional().register(schemaMetadata, {
          description: 'True when the stream was stopped.',
        }),
      })
      .register(schemaMetadata, { id: 'PipeResult' }),
    PipeProblem,
  ])
  .register(schemaMetadata, { id: 'Piped', description: 'What an event stream has published.' })

/** The response to publishing an event, or an event stream. */
export const PublishResponse: z.ZodType<Published | Piped> = z
  .union([Published, Piped])
  .register(schemaMetadata, { id: 'PublishResponse' })

/** `POST /clients/:id/stop` */
export const Stopped: z.ZodType<StopResult> = z
  .object({
    stopped: z.int().min(0).register(schemaMetadata, {
      description: 'The number of event streams that were ended.',
    }),
    ...coverage,
  })
  .register(schemaMetadata, { id: 'Stopped' })
