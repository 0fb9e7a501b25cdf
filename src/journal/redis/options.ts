/** The options of a journal in Redis, their defaults, and its errors. */
import { type Clock, systemClock } from '../../core/clock.ts'
import { checkRange, HubError } from '../../core/errors.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import { CLOCK, COUNT } from '../../core/options/shared-kinds.ts'
import { parseRedisUrl, REDIS_URL_RULE } from './redis-url.ts'

/** The server of the journal, its bounds and its clock. */
export interface RedisJournalOptions {
  /** `redis[s]://[[user][:password]@][host][:port][/database]` of a primary, or `redis[s]+sentinel://host,host/name[/database]`. */
  readonly url: string
  /** The prefix of all keys and channels. Hubs with the same prefix share one journal. @defaultValue `hono-sse` */
  readonly prefix?: string | undefined
  /** Events per address, exceeded by up to a sixteenth. @defaultValue `1_000` */
  readonly maxEvents?: number | undefined
  /** Milliseconds that an event is stored. @defaultValue `300_000` (5 minutes) */
  readonly maxAgeMs?: number | undefined
  /** Bytes of all events, including approximately the overhead of storing them. @defaultValue `67_108_864` (64 MiB) */
  readonly maxBytes?: number | undefined
  /** Bytes of all retained events, including approximately the overhead of storing them. @defaultValue `16_777_216` (16 MiB) */
  readonly maxRetainedBytes?: number | undefined
  /** Whether to accept a Redis that evicts keys when its memory is full: clients then lose events silently. @defaultValue `false` */
  readonly acceptEviction?: boolean | undefined
  /** Is notified when the connection to Redis opens or is lost. @defaultValue none */
  readonly observer?: RedisObserver | undefined
  /** The clock and its timers. @defaultValue the system clock */
  readonly clock?: Clock | undefined
  /** Returns a random number from 0 (inclusive) to 1 (exclusive). @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
}

/** Is notified of changes in the connection to Redis. What a function throws or rejects with goes to `console.error`. */
export interface RedisObserver {
  /**
   * Called when a connection is open and has caught up.
   * @param eviction - the policy by which this Redis evicts keys when its memory is full; undefined
   * if it evicts none, as a journal requires unless `acceptEviction` is set
   */
  connected?(eviction: string | undefined): void
  /** Called when the connection is lost or could not be opened. */
  disconnected?(error: Error): void
  /** Called when a message from Redis was ignored: it belongs to another journal, or the hub failed to handle it. */
  ignored?(error: Error): void
}

/** The options with all defaults filled in. */
export type RedisJournalSettings = {
  readonly [K in keyof RedisJournalOptions]-?: NonNullable<RedisJournalOptions[K]>
} & {
  /**
   * What all keys and channels start with: the prefix as a hash tag, and the number of the database
   * unless it is 0. Keys are per database, but channels are not.
   * https://redis.io/docs/latest/develop/pubsub/#database--scoping
   */
  readonly tag: string
  /** The bounds, as the scripts receive them. */
  readonly bounds: readonly string[]
}

const KINDS: Kinds<RedisJournalOptions> = {
  url: KIND.text,
  prefix: KIND.text,
  maxEvents: COUNT,
  maxAgeMs: KIND.number,
  maxBytes: KIND.number,
  maxRetainedBytes: KIND.number,
  acceptEviction: KIND.flag,
  observer: KIND.object,
  clock: CLOCK,
  random: KIND.function,
}

const OBSERVER_KINDS: Kinds<RedisObserver> = {
  connected: KIND.function,
  disconnected: KIND.function,
  ignored: KIND.function,
}

/** Fills in the defaults. @throws {HubError} `invalid-option` */
export function resolveRedisOptions(options: RedisJournalOptions): RedisJournalSettings {
  checkOptions('createRedisJournal', options, KINDS)
  checkOptions('observer of createRedisJournal', options.observer ?? {}, OBSERVER_KINDS)
  const settings = {
    url: options.url,
    prefix: options.prefix ?? 'hono-sse',
    tag: `{${options.prefix ?? 'hono-sse'}}${databaseSuffix(options.url)}`,
    maxEvents: options.maxEvents ?? 1_000,
    maxAgeMs: options.maxAgeMs ?? 300_000,
    maxBytes: options.maxBytes ?? 67_108_864,
    maxRetainedBytes: options.maxRetainedBytes ?? 16_777_216,
    acceptEviction: options.acceptEviction ?? false,
    observer: isolated(options.observer ?? {}),
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  }
  checkRange('maxEvents', settings.maxEvents, 0)
  checkRange('maxAgeMs', settings.maxAgeMs, 0)
  checkRange('maxBytes', settings.maxBytes, 0)
  checkRange('maxRetainedBytes', settings.maxRetainedBytes, 0)
  const { maxEvents, maxAgeMs, maxBytes, maxRetainedBytes } = settings
  const bounds = [maxEvents, Math.ceil(maxAgeMs), maxBytes, maxRetainedBytes].map((bound) =>
    String(Math.floor(bound)),
  )
  if (/^[\w.:-]{1,64}$/.test(settings.prefix)) return { ...settings, bounds }
  const message = 'prefix must be 1 to 64 characters: letters, digits, "_", ".", ":" and "-".'
  throw new HubError('invalid-option', message)
}

function databaseSuffix(url: string): string {
  const parsed = parseRedisUrl(url)
  if (!parsed) throw new HubError('invalid-option', `url ${REDIS_URL_RULE}.`)
  return parsed.database === 0 ? '' : `@${parsed.database}`
}

/** Describes an error for `unavailable`. An error reply of Redis starts with a word in capitals. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  // The position in the script is of no use to a publisher.
  const message = text.replace(/\.? script: [0-9a-f]{40}.*/s, '')
  return `${/^[A-Z]{2,} /.test(text) ? 'refused' : 'did not respond'} (${message})`
}

/** Wraps an observer so that its errors, now or later, can't end the connection. They go to `console.error`. */
function isolated(observer: RedisObserver): RedisObserver {
  return {
    connected: (eviction) => notify(() => observer.connected?.(eviction)),
    disconnected: (error) => notify(() => observer.disconnected?.(error)),
    ignored: (error) => notify(() => observer.ignored?.(error)),
  }
}

function notify(call: () => unknown): void {
  new Promise((resolve) => resolve(call())).catch((error: unknown) => console.error(error))
}
