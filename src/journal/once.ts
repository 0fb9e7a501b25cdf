/** The contract of appending an event once, however often its publisher repeats the call. */
import { HubError } from '../core/errors.ts'
import { NOT_PUBLISHED } from '../core/idempotency/idempotency-key.ts'

/** What makes a call of `append` the repetition of another one. */
export interface Once {
  /** The name of the event: 32 hexadecimal digits, a hash of its idempotency key and of whose key it is. */
  readonly name: string
  /** 32 hexadecimal digits, a hash of the event and its addresses. A call with the same name and another digest is an error. */
  readonly digest: string
  /** Milliseconds for which the name is stored. */
  readonly ttlMs: number
  /** How many connections of this hub listen to the addresses: part of the result, unless the journal counts them itself. */
  readonly connections: number
}

/** The maximum number of names that a journal stores. */
export const MAX_NAMES = 100_000

/** Creates the error for a name whose event is another one. */
export function conflict(): HubError {
  return new HubError(
    'idempotency-conflict',
    'This idempotency key was used for another event or another address: send a new key with each event.',
  )
}

/** Creates the error for a name that can't be stored. @param max - how many names are stored */
export function tooManyNames(max: number = MAX_NAMES): HubError {
  return new HubError(
    'at-capacity',
    `The limit of ${max} idempotency keys is reached, ${NOT_PUBLISHED}`,
  )
}
