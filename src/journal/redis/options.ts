/** How a journal in Redis may be set up. */
import { type Clock, systemClock } from '../../core/clock.ts'
import { checkRange, HubError } from '../../core/errors.ts'

/** Where the journal is, and how much it keeps. */
export interface RedisJournalOptions {
  /** `redis[s]://[[user][:password]@][host][:port][/database]` of a primary. */
  readonly url: string
  /** Names the hub: hubs with the same prefix share one journal. @defaultValue `hono-sse` */
  readonly prefix?: string | undefined
  /** Events per address, and up to a sixteenth more. @defaultValue `1_000` */
  readonly maxEvents?: number | undefined
  /** Milliseconds that an event is kept. @defaultValue `300_000` (5 minutes) */
  readonly maxAgeMs?: number | undefined
  /** Bytes of all events, with about what keeping them costs. @defaultValue `67_108_864` (64 MiB) */
  readonly maxBytes?: number | undefined
  /** Hears when Redis is reached, and when it is lost. @defaultValue nobody */
  readonly observer?: RedisObserver | undefined
  /** Time. @defaultValue the machine's */
  readonly clock?: Clock | undefined
  /** A number from 0 up to 1. @defaultValue `Math.random` */
  readonly random?: (() => number) | undefined
}

/** Hears how it stands with Redis. */
export interface RedisObserver {
  /**
   * @param eviction - the policy by which this Redis drops keys when its memory is full; undefined
   * when it drops none, as a journal needs it
   */
  connected?(eviction: string | undefined): void
  /** The link is lost, or could not be had. */
  disconnected?(error: Error): void
}

/** Options with nothing left open. */
export type RedisJournalSettings = {
  readonly [K in keyof RedisJournalOptions]-?: NonNullable<RedisJournalOptions[K]>
}

/** Fills in the defaults. @throws {HubError} `invalid-option` */
export function resolveRedisOptions(options: RedisJournalOptions): RedisJournalSettings {
  const settings: RedisJournalSettings = {
    url: options.url,
    prefix: options.prefix ?? 'hono-sse',
    maxEvents: options.maxEvents ?? 1_000,
    maxAgeMs: options.maxAgeMs ?? 300_000,
    maxBytes: options.maxBytes ?? 67_108_864,
    observer: options.observer ?? {},
    clock: options.clock ?? systemClock,
    random: options.random ?? Math.random,
  }
  checkRange('maxEvents', settings.maxEvents, 0)
  checkRange('maxAgeMs', settings.maxAgeMs, 0)
  checkRange('maxBytes', settings.maxBytes, 0)
  if (/^[\w.:-]{1,64}$/.test(settings.prefix)) return settings
  const message = 'prefix must have 1 to 64 letters, digits, and of "_.:-".'
  throw new HubError('invalid-option', message)
}

/** The error of a journal that can't do what it was asked for. */
export function unavailable(what: string): HubError {
  const message = `The journal ${what}: what was sent may not be stored. Try again.`
  return new HubError('journal-unavailable', message)
}

/** What `unavailable` says of an error: an answer of Redis begins with a word in capitals. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  // Where in a script it happened is nothing that a publisher could use.
  const message = text.replace(/\.? script: [0-9a-f]{40}.*/s, '')
  return `${/^[A-Z]{2,} /.test(text) ? 'refused' : 'did not answer'} (${message})`
}
