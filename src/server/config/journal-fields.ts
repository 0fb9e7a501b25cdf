/** The variables of the journal: where it is, and what it stores. */
import { z } from 'zod'
import { parseRedisUrl, REDIS_URL_RULE } from '../../journal/redis/redis-url.ts'
import { number, wholeNumber } from './fields.ts'

/** The configuration of the journal. */
export interface JournalConfig {
  /** The Redis or Valkey primary with the journal that several instances share, or the Sentinels that know it. */
  readonly REDIS_URL?: string | undefined
  /** The prefix of the hub's keys in Redis. Hubs with different prefixes can share one Redis. */
  readonly REDIS_PREFIX: string
  /** Whether a Redis that evicts keys when its memory is full is accepted. */
  readonly REDIS_EVICTION: 'refuse' | 'accept'
  /** The maximum number of events that the journal stores for each address. */
  readonly JOURNAL_EVENTS: number
  /** Seconds for which the journal stores an event. */
  readonly JOURNAL_SECONDS: number
  /** The maximum number of bytes that the journal stores in total. */
  readonly JOURNAL_BYTES: number
  /** The maximum number of bytes of all retained events. */
  readonly RETAINED_BYTES: number
  /** Seconds for which idempotency keys are stored; 0 refuses them. */
  readonly IDEMPOTENCY_SECONDS: number
}

/** Thirty days. */
const MAX_SECONDS = 2_592_000

const DAY_SECONDS = 86_400

/** The kinds of these variables. */
export const journalFields: {
  readonly [Name in keyof JournalConfig]-?: z.ZodType<JournalConfig[Name]>
} = {
  REDIS_URL: z
    .string()
    .refine((url) => parseRedisUrl(url) !== undefined, REDIS_URL_RULE)
    .optional(),
  REDIS_PREFIX: z
    .string()
    .regex(/^[\w.:-]{1,64}$/, 'must have 1 to 64 letters, digits or characters of "_.:-"')
    .default('hono-sse'),
  REDIS_EVICTION: z.enum(['refuse', 'accept'], 'must be refuse or accept').default('refuse'),
  JOURNAL_EVENTS: wholeNumber(0, 1_000_000).default(1_000),
  JOURNAL_SECONDS: number(0, MAX_SECONDS).default(300),
  JOURNAL_BYTES: wholeNumber(0, 2 ** 40).default(67_108_864),
  RETAINED_BYTES: wholeNumber(0, 2 ** 40).default(16_777_216),
  IDEMPOTENCY_SECONDS: number(0, DAY_SECONDS).default(600),
}
