/** The error class of the library, with a closed set of codes. */

/** The code of an error, for programs; the message is for people. */
export type HubErrorCode =
  /** A client id or topic is empty, too long, reserved, or contains a control character or a lone surrogate. */
  | 'invalid-address'
  /** The event's name is reserved or can't be encoded in a frame, or its data can't be sent as text. */
  | 'invalid-event'
  /** The event's data is larger than `maxEventBytes`. */
  | 'event-too-large'
  /** The hub or this client has reached its maximum number of connections, or another limit is reached. */
  | 'at-capacity'
  /** The client is blocked: it was disconnected with a block that has not ended yet. */
  | 'blocked'
  /** The hub is closing or closed. */
  | 'hub-closed'
  /** The journal can't be reached or can't store events. */
  | 'journal-unavailable'
  /** An option is out of range. */
  | 'invalid-option'

/** Thrown when the hub can't do what a caller requested. */
export class HubError extends Error {
  readonly code: HubErrorCode

  constructor(code: HubErrorCode, message: string) {
    super(message)
    this.name = 'HubError'
    this.code = code
  }
}

/** @throws {HubError} `invalid-option` if the value is not between `min` and `max`, inclusive */
export function checkRange(
  name: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (value >= min && value <= max) return
  throw new HubError(
    'invalid-option',
    `${name} must be between ${min} and ${max}, but is ${value}.`,
  )
}
