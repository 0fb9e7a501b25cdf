/** The options of the journal in SQLite. */
import { type Clock, systemClock } from '../../core/clock.ts'
import { checkRange, HubError } from '../../core/errors.ts'
import { checkOptions, KIND, type Kinds, withMethods } from '../../core/options/option-kinds.ts'
import { CLOCK, COUNT } from '../../core/options/shared-kinds.ts'
import type { ObjectStorage } from './object-storage.ts'

/** The storage of the journal, its bounds and its clock. */
export interface SqliteJournalOptions {
  /** `state.storage` of a Durable Object whose class is among `new_sqlite_classes`. */
  readonly storage: ObjectStorage
  /** Events per address. @defaultValue `1_000` */
  readonly maxEvents?: number | undefined
  /** Milliseconds that an event is stored. @defaultValue `300_000` (5 minutes) */
  readonly maxAgeMs?: number | undefined
  /** Bytes of all events, including approximately the overhead of storing them. @defaultValue `67_108_864` (64 MiB) */
  readonly maxBytes?: number | undefined
  /** Bytes of all retained events, including approximately the overhead of storing them. @defaultValue `16_777_216` (16 MiB) */
  readonly maxRetainedBytes?: number | undefined
  /** The hub's limit on the data of one event in bytes: SQLite must be able to store it as one value. @defaultValue `262_144` (256 KiB) */
  readonly maxEventBytes?: number | undefined
  /** The maximum number of empty addresses whose last evicted sequence is stored. @defaultValue `100_000` */
  readonly maxEmptyAddresses?: number | undefined
  /** What the first epoch of a new journal ends with: lower-case letters and digits. @defaultValue nothing */
  readonly epochSuffix?: string | undefined
  /** The clock. @defaultValue the system clock */
  readonly clock?: Clock | undefined
}

/** The maximum size of a value in a Durable Object, minus a name and an id. https://developers.cloudflare.com/durable-objects/platform/limits/ */
const MAX_VALUE_BYTES = 2_000_000 - 4_096

const KINDS: Kinds<SqliteJournalOptions> = {
  storage: withMethods('state.storage of a Durable Object', 'transactionSync', 'setAlarm'),
  maxEvents: COUNT,
  maxAgeMs: KIND.number,
  maxBytes: KIND.number,
  maxRetainedBytes: KIND.number,
  maxEventBytes: KIND.number,
  maxEmptyAddresses: COUNT,
  epochSuffix: KIND.text,
  clock: CLOCK,
}

/** The options that are not left out, and the defaults of most others. */
export interface SqliteSettings extends Pick<SqliteJournalOptions, 'maxEmptyAddresses'> {
  readonly storage: ObjectStorage
  readonly maxEvents: number
  readonly maxAgeMs: number
  readonly maxBytes: number
  readonly maxRetainedBytes: number
  readonly epochSuffix: string
  readonly clock: Clock
}

/** Applies the defaults. @throws {HubError} `invalid-option` */
export function resolveSqliteOptions(options: SqliteJournalOptions): SqliteSettings {
  checkOptions('createSqliteJournal', options, KINDS)
  const { maxEvents = 1_000, maxAgeMs = 300_000, maxBytes = 67_108_864 } = options
  const { maxRetainedBytes = 16_777_216, maxEventBytes = 262_144 } = options
  const { storage, maxEmptyAddresses, epochSuffix = '', clock = systemClock } = options
  if (!storage) throw new HubError('invalid-option', 'createSqliteJournal requires storage.')
  checkRange('maxEvents', maxEvents, 0)
  checkRange('maxAgeMs', maxAgeMs, 0)
  checkRange('maxBytes', maxBytes, 0)
  checkRange('maxRetainedBytes', maxRetainedBytes, 0)
  checkRange('maxEmptyAddresses', maxEmptyAddresses ?? 0, 0)
  checkRange('maxEventBytes', maxEventBytes, 1, MAX_VALUE_BYTES)
  return {
    storage,
    maxEvents,
    maxAgeMs,
    maxBytes,
    maxRetainedBytes,
    maxEmptyAddresses,
    epochSuffix,
    clock,
  }
}
