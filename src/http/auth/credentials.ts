/** The rules for keys and secrets, in the environment and in options. */

/** A publish key: long enough to resist guessing, and made of characters that a header can carry. */
export const PUBLISH_KEY: RegExp = /^[\x21-\x7e]{16,}$/

/** The rule of {@link PUBLISH_KEY} in words, for one key. */
export const PUBLISH_KEY_RULE = 'must have 16 or more printable ASCII characters and no spaces'

/** The rule of {@link isLongSecret} in words. */
export const SECRET_RULE = 'must have 32 bytes or more'

/** RFC 7518 §3.2: an HMAC key must be at least as long as the hash. */
export function isLongSecret(secret: string): boolean {
  return new TextEncoder().encode(secret).byteLength >= 32
}
