/** Permissions: to listen as a client, to publish to addresses, to operate the hub. */
import type { Address } from '../../core/address.ts'
import { KIND, type Kind } from '../../core/options/option-kinds.ts'

/** A list of names, or `*` for all. */
export type Scope = '*' | readonly string[]

/** The kind of an option that is a scope. A string would permit each of its parts. */
export const SCOPE: Kind = {
  rule: "must be an array of strings or '*'",
  accepts: (value) => value === '*' || KIND.texts.accepts(value),
}

/** What a request may do. */
export interface Permissions {
  /** Identifies the owner of the credential in rate limits. It is never the credential itself. @defaultValue the remote address */
  readonly subject?: string | undefined
  /** The client that it may listen as. @defaultValue none */
  readonly client?: string | undefined
  /** The topics that it may follow. */
  readonly topics: Scope
  /** Where it may publish: `everyone`, `client:ID`, `topic:NAME`, with `*` for any id or name. */
  readonly publish: Scope
  /** Whether it may list and disconnect clients, and read metrics. */
  readonly operate: boolean
  /** Whether it may read metrics, even if it may not operate. @defaultValue false */
  readonly metrics?: boolean | undefined
  /** When the permissions expire, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
}

/** Whether `names` contains everything in `requested`. */
export function covers(names: Scope, requested: readonly string[]): boolean {
  return names === '*' || requested.every((name) => names.includes(name))
}

/** Whether the permissions allow publishing to the address. */
export function mayPublish({ publish }: Permissions, address: Address): boolean {
  if (publish === '*') return true
  if (address === 'everyone') return publish.includes('everyone')
  const [kind, name] = 'client' in address ? ['client', address.client] : ['topic', address.topic]
  return publish.includes(`${kind}:${name}`) || publish.includes(`${kind}:*`)
}
