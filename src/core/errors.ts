/** The one error class of the library, with a closed set of codes. */

/** What went wrong, for code to switch on; the message is for people. */
export type HubErrorCode =
  /** A client id or topic is empty, too long, or holds a control character or a lone surrogate. */
  | 'invalid-address'
  /** The event's name is reserved or can't stand in a frame, or its data can't be sent as text. */
  | 'invalid-event'
  /** The event's data is larger than `maxEventBytes`. */
  | 'event-too-large'
  /** The hub, or this client, holds as many connections as it may. */
  | 'at-capacity'
  /** The client was disconnected with a block that has not ended yet. */
  | 'blocked'
  /** The hub is closing, or closed. */
  | 'hub-closed'
  /** The journal can't be reached, or does not store what it is given. */
  | 'journal-unavailable'
  /** An option is out of its range. */
  | 'invalid-option'

/** Thrown by the hub where a caller asked for what can't be done. */
export class HubError extends Error {
  readonly code: HubErrorCode

  constructor(code: HubErrorCode, message: string) {
    super(message)
    this.name = 'HubError'
    this.code = code
  }
}

/** @throws {HubError} `invalid-option` when the value is not from `min` to `max` */
export function checkRange(
  name: string,
  value: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): void {
  if (value >= min && value <= max) return
  throw new HubError('invalid-option', `${name} is ${value}: it must be from ${min} to ${max}.`)
}
