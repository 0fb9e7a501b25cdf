/** Idempotent publishing: what makes a call the repetition of another one. */
import { type Addresses, addressKeys, isPatternKey } from '../../core/address.ts'
import { HubError } from '../../core/errors.ts'
import { type EventInput, prepareEvent } from '../../core/event.ts'
import { IDEMPOTENCY_KEY_RULE, isIdempotencyKey } from '../../core/idempotency/idempotency-key.ts'
import { sha256 } from '../../core/idempotency/sha256.ts'
import { checkOptions, KIND, type Kinds } from '../../core/options/option-kinds.ts'
import type { Once } from '../../journal/once.ts'
import type { HubSettings } from '../options.ts'

/** Options of `publish`. */
export interface PublishOptions {
  /**
   * Publishes the event once: a further call with the same key returns the result of the first, publishes nothing,
   * and rejects if its event or address is another one. A key has 1 to 255 visible ASCII characters, and is stored
   * for `idempotencyMs` milliseconds. Ephemeral events can't have one. @defaultValue none
   */
  readonly idempotencyKey?: string | undefined
  /** Whose key it is, for an app that publishes for others: the same key of someone else is another key. @defaultValue an empty text */
  readonly keyOwner?: string | undefined
}

const KINDS: Kinds<PublishOptions> = {
  idempotencyKey: { rule: IDEMPOTENCY_KEY_RULE, accepts: isIdempotencyKey },
  keyOwner: KIND.text,
}

/** What a name of the journal is computed from, without the number of connections. */
export type OnceInit = Omit<Once, 'connections'>

/** Bits of a name and of a digest. */
const BITS = 128

/**
 * Returns what the journal needs to store an event once; undefined for options without a key.
 * @param mayShrink - whether a schema may make the data smaller
 * @throws {HubError} `invalid-option`; `not-supported` if this hub stores no keys; `invalid-event` for an
 * ephemeral event; `invalid-address`; `event-too-large`
 */
export function onceOf(
  {
    journal,
    idempotencyMs,
    maxEventBytes,
  }: Pick<HubSettings, 'journal' | 'idempotencyMs' | 'maxEventBytes'>,
  addresses: Addresses,
  input: EventInput,
  options: PublishOptions,
  mayShrink = false,
): OnceInit | undefined {
  checkOptions('publish', options, KINDS)
  const { idempotencyKey: key, keyOwner = '' } = options
  if (key === undefined) return undefined
  if (idempotencyMs === 0) throw new HubError('not-supported', OFF)
  if (!journal.appendsOnce) throw new HubError('not-supported', NO_JOURNAL)
  if (input.ephemeral) throw new HubError('invalid-event', EPHEMERAL)
  // What was called with, before a schema changes it: that of a repetition may add another time.
  const event = prepareEvent(input, mayShrink ? Number.POSITIVE_INFINITY : maxEventBytes)
  const keys = [addressKeys(addresses)].flat().filter((one) => !isPatternKey(one))
  return {
    // No key has a line break, so no two pairs have the same text.
    name: sha256(`${keyOwner}\n${key}`, BITS),
    digest: sha256(JSON.stringify([keys.sort(), event]), BITS),
    ttlMs: idempotencyMs,
  }
}

const OFF = 'Idempotency keys are turned off on this hub: publish without one.'
const NO_JOURNAL =
  'The journal of this hub can’t store idempotency keys: publish without one, or use another journal.'
const EPHEMERAL =
  'An ephemeral event is not stored, so it can’t have an idempotency key: omit the key, or ephemeral.'
