/** The rules for keys and secrets, in the environment and in options. */
import { isLoopback } from '../middleware/origins.ts'

/** A publish key: long enough to resist guessing, and made of characters that a header can carry. */
export const PUBLISH_KEY: RegExp = /^[\x21-\x7e]{16,}$/

/** The rule of {@link PUBLISH_KEY} in words, for one key. */
export const PUBLISH_KEY_RULE = 'must have 16 or more printable ASCII characters and no spaces'

/** The rule of {@link isLongSecret} in words. */
export const SECRET_RULE = 'must have 32 bytes or more'

/** The rule of {@link isJwksUrl} in words. */
export const JWKS_URL_RULE = 'must be an https URL without user and password'

/** RFC 7518 §3.2: an HMAC key must be at least as long as the hash. */
export function isLongSecret(secret: string): boolean {
  return new TextEncoder().encode(secret).byteLength >= 32
}

/** Keys fetched over plain http could be forged on the way, unless they come from this machine. */
export function isJwksUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  // No runtime fetches a URL with credentials, and the error would repeat them.
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}
