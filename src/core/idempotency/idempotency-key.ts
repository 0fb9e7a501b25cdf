/** Idempotency keys: a publisher that repeats a request with the same key publishes its event once. */

/** A key: 1 to 255 visible ASCII characters. */
export const IDEMPOTENCY_KEY: RegExp = /^[\x21-\x7e]{1,255}$/

/** The rule of {@link IDEMPOTENCY_KEY}, as error messages state it. */
export const IDEMPOTENCY_KEY_RULE = 'must have 1 to 255 visible ASCII characters and no spaces'

/** How the message ends of an error that says, unlike others of its status, that nothing was stored: no key can be. */
export const NOT_PUBLISHED = 'so the event was not published. Try again later.'

/** Returns whether a value is a valid idempotency key. */
export function isIdempotencyKey(value: unknown): value is string {
  return typeof value === 'string' && IDEMPOTENCY_KEY.test(value)
}

/**
 * Returns the key in the header `Idempotency-Key`, which may be in quotes, as the draft requires; undefined if it is none.
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header#section-2.1
 */
export function idempotencyKeyIn(header: string): string | undefined {
  const [, quoted] = /^"((?:[^"\\]|\\["\\])*)"$/.exec(header) ?? []
  const key = quoted?.replace(/\\(.)/g, '$1') ?? header
  return isIdempotencyKey(key) ? key : undefined
}
