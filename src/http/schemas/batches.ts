/** The schemas of batches: an event with its recipients, and what each event is answered with. */
import { z } from 'zod'
import { type Addresses, MAX_ADDRESSES, NAME_RULE, topicRule } from '../../core/address.ts'
import type { Problem } from '../problem.ts'
import { schemaMetadata } from './metadata.ts'
import { Name, TopicName } from './names.ts'
import { type PublishBody, publishing } from './requests.ts'
import { ProblemSchema, Published } from './responses.ts'
import { required } from './rules.ts'

const NAMES_RULE = `must be a name or a list of 1 to ${MAX_ADDRESSES} names`
const TO_RULE =
  'must be "everyone", {"client": …}, {"topic": …} or both, each with a name or a list of names'

/** One name, or several. */
type Names = string | readonly string[]

/** Whom an event is for: everyone, or all that listen to any of these clients and topics. */
export type Recipients =
  | 'everyone'
  | { readonly client: Names; readonly topic?: Names | undefined }
  | { readonly topic: Names; readonly client?: undefined }

const names = (
  name: z.ZodString,
  ruleOf: (value: unknown) => string,
  description: string,
): z.ZodType<Names, Names> => {
  const namesRule = {
    error: ({ input }: { readonly input?: unknown }) => `${NAMES_RULE}; a name ${ruleOf(input)}`,
  }
  const list = z
    .array(name)
    .min(1, namesRule)
    .refine((all) => new Set(all).size <= MAX_ADDRESSES, { ...namesRule, abort: true })
  return z.union([name, list], namesRule).register(schemaMetadata, { description })
}

const Clients = names(Name, () => NAME_RULE, 'A client id, or several.')
const TopicNames = names(TopicName, topicRule, 'A topic, or several.')

/** One schema for clients, topics and both: of several, zod would name fields that only another one lacks. */
const Named = z
  .strictObject({ client: Clients.optional(), topic: TopicNames.optional() })
  .refine(({ client, topic }) => client !== undefined || topic !== undefined, TO_RULE)
  .register(schemaMetadata, { minProperties: 1 }) as unknown as z.ZodType<
  Exclude<Recipients, 'everyone'>,
  Exclude<Recipients, 'everyone'>
>

/** Whom an event is for. */
export const Recipients: z.ZodType<Recipients, Recipients> = z
  .union([z.literal('everyone'), Named], required(TO_RULE))
  .refine(isWithinBound, `must name at most ${MAX_ADDRESSES} clients and topics in all`)
  .register(schemaMetadata, {
    id: 'Recipients',
    description: `Whom an event is for: all that listen to any of these receive it, once. At most ${MAX_ADDRESSES} names, not counting duplicates.`,
  })

function isWithinBound(to: Recipients): boolean {
  return [addressesOf(to)].flat().length <= MAX_ADDRESSES
}

/** Returns the addresses of recipients, each once. */
export function addressesOf(to: Recipients): Addresses {
  if (to === 'everyone') return to
  const { client = [], topic = [] } = to
  return [
    ...unique(client).map((one) => ({ client: one })),
    ...unique(topic).map((one) => ({ topic: one })),
  ]
}

function unique(list: Names): readonly string[] {
  return [...new Set([list].flat())]
}

/** An event of a batch, with its recipients. */
export interface BatchEvent extends PublishBody {
  readonly to: Recipients
}

/** An event of a batch. Unknown fields are rejected. */
export const BatchEvent: z.ZodType<BatchEvent, BatchEvent> = publishing
  .extend({ to: Recipients })
  .register(schemaMetadata, { id: 'BatchEvent' })

/** Why an event of a batch was not published, or why a batch ended early. */
export interface BatchProblem extends Problem {
  /** In NDJSON, the number of the line, from 1. */
  readonly line?: number
  /** Seconds after which a retry may succeed. */
  readonly retryAfter?: number
  /** If the batch ended early, how many of its events were published. */
  readonly published?: number
}

/** A problem of one event of a batch. */
export const BatchProblem: z.ZodType<BatchProblem> = z
  .object({
    ...(ProblemSchema as unknown as z.ZodObject<Record<keyof Problem, z.ZodType>>).shape,
    line: z.int().min(1).exactOptional().register(schemaMetadata, {
      description: 'In NDJSON, the number of the line, from 1. Blank lines count.',
    }),
    retryAfter: z.int().min(0).exactOptional().register(schemaMetadata, {
      description: 'Seconds after which a retry may succeed.',
    }),
    published: z.int().min(0).exactOptional().register(schemaMetadata, {
      description:
        'The batch ended early: how many of its events were published. Nothing after this line was.',
    }),
  })
  .register(schemaMetadata, {
    id: 'BatchProblem',
    description: 'Why an event of a batch was not published.',
  }) as unknown as z.ZodType<BatchProblem>

/** What an event of a batch is answered with. */
export type BatchResult = Published | BatchProblem

/** What an event of a batch is answered with. */
export const BatchResult: z.ZodType<BatchResult> = z
  .union([Published, BatchProblem])
  .register(schemaMetadata, { id: 'BatchResult' })

/** `POST /publish` as JSON. */
export const Batch: z.ZodType<readonly BatchEvent[], readonly BatchEvent[]> = z
  .array(BatchEvent)
  .register(schemaMetadata, { id: 'Batch' })

/** The same, but each event is validated by itself: one that is invalid spoils no other. */
export const UncheckedBatch: typeof Batch = z.array(
  z.unknown(),
  'must be an array of events',
) as unknown as typeof Batch

/** The response to a batch as JSON. */
export const BatchResults: z.ZodType<readonly BatchResult[]> = z
  .array(BatchResult)
  .register(schemaMetadata, { id: 'BatchResults' })
