/** The permissions of a request by its bearer credential: a publish key, a metrics key, or a token. */
import type { Context } from 'hono'
import { timingSafeEqual } from 'hono/utils/buffer'
import { sha256 } from '../../core/idempotency/sha256.ts'
import type { Attempts } from './attempts.ts'
import { unauthenticated, unauthorized } from './errors.ts'
import type { Permissions } from './permissions.ts'
import type { Tokens } from './tokens.ts'

/** Whether text has three parts, as a token has. */
const isTokenLike = (text: string) => text.split('.').length === 3

const NOTHING = { topics: [], publish: [], operate: false } as const

/** The credentials that are accepted. */
export interface BearerInit {
  /** Publish keys. */
  readonly keys: readonly string[]
  /** Keys that read metrics only. */
  readonly metricsKeys: readonly string[]
  /** @defaultValue none: every token is refused with 401 */
  readonly tokens: Tokens | undefined
  /** Limits invalid keys. @defaultValue no limit */
  readonly attempts?: Attempts | undefined
}

/** Returns what reads the permissions of a request. */
export function bearerPermissions(init: BearerInit): (c: Context) => Promise<Permissions> {
  const { keys, metricsKeys, tokens, attempts } = init
  // Copies: in a list that grows later, a metrics key would have the number of a publish key.
  const all = [...keys, ...metricsKeys]
  const { length: publishKeys } = keys
  // Their order changes when keys are rotated, and whoever publishes keeps its idempotency keys.
  const subjects = all.map((key) => `key:${sha256(key, 128)}`)
  return async (c) => {
    const [, credential] = /^Bearer +(\S+) *$/i.exec(c.req.header('Authorization') ?? '') ?? []
    if (credential === undefined) {
      throw unauthenticated(
        'Send a key or a token as "Authorization: Bearer …", or listen with a ticket.',
      )
    }
    const key = await indexOfKey(credential)
    const isGuess = mayBeKey(credential)
    if (isGuess) attempts?.admit(c, key)
    const subject = subjects[key]
    if (key >= publishKeys) return { ...NOTHING, subject, metrics: true }
    if (key >= 0) return { ...NOTHING, subject, publish: '*', operate: true }
    // Not for tokens: nobody can guess a signature, and many clients with expired ones may share an address.
    if (isGuess) attempts?.failed(c)
    if (tokens) return await tokens.verify(credential)
    throw unauthorized('The key is not valid on this hub: send one of its publish keys.')
  }

  /** Whether a credential may be meant as a key: it is no token, or a key looks like one. */
  function mayBeKey(credential: string): boolean {
    return !tokens || !isTokenLike(credential) || all.some(isTokenLike)
  }

  /** The index of the key that equals the credential; -1 if there is none. */
  async function indexOfKey(credential: string): Promise<number> {
    // Compares all keys, even after a match, so that timing reveals nothing.
    const equal = await Promise.all(all.map((key) => timingSafeEqual(key, credential)))
    return equal.indexOf(true)
  }
}
