/** The permissions of a request by its bearer credential: a publish key, or a token. */
import type { Context } from 'hono'
import { timingSafeEqual } from 'hono/utils/buffer'
import { unauthenticated, unauthorized } from './errors.ts'
import type { Permissions } from './permissions.ts'
import type { Tokens } from './tokens.ts'

/**
 * Returns what reads the permissions of a request.
 * @param keys - the publish keys
 * @param tokens - by default none: every token is refused with 401
 */
export function bearerPermissions(
  keys: readonly string[],
  tokens: Tokens | undefined,
): (c: Context) => Promise<Permissions> {
  return async (c) => {
    const [, credential] = /^Bearer +(\S+) *$/i.exec(c.req.header('Authorization') ?? '') ?? []
    if (credential === undefined) {
      throw unauthenticated(
        'Send a key or a token as "Authorization: Bearer …", or listen with a ticket.',
      )
    }
    const key = await indexOfKey(credential)
    if (key >= 0) return { subject: `key:${key}`, topics: [], publish: '*', operate: true }
    if (tokens) return await tokens.verify(credential)
    throw unauthorized('The key is not valid on this hub: send one of its publish keys.')
  }

  /** The index of the key that equals the credential; -1 if there is none. */
  async function indexOfKey(credential: string): Promise<number> {
    // Compares all keys, even after a match, so that timing reveals nothing.
    const equal = await Promise.all(keys.map((key) => timingSafeEqual(key, credential)))
    return equal.indexOf(true)
  }
}
