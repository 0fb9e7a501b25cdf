/** Rights: to listen as a client, to publish to addresses, to operate. */
import type { Address } from '../../core/address.ts'

/** A list of names, or `*` for all. */
export type Scope = '*' | readonly string[]

/** What a request may do. */
export interface Permissions {
  /** Whoever holds them, for rate limits: never the credential itself. */
  readonly holder: string
  /** The client that it may listen as. @defaultValue none */
  readonly client?: string | undefined
  /** The topics that it may follow. */
  readonly topics: Scope
  /** Where it may publish: `everyone`, `client:ID`, `topic:NAME`, with `*` for any id or name. */
  readonly publish: Scope
  /** Whether it may see and disconnect clients. */
  readonly operate: boolean
  /** When they end, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
}

/** Whether all of `wanted` are among the names. */
export function covers(names: Scope, wanted: readonly string[]): boolean {
  return names === '*' || wanted.every((name) => names.includes(name))
}

/** Whether these rights let publish to the address. */
export function mayPublish({ publish }: Permissions, address: Address): boolean {
  if (publish === '*') return true
  if (address === 'everyone') return publish.includes('everyone')
  const [kind, name] = 'client' in address ? ['client', address.client] : ['topic', address.topic]
  return publish.includes(`${kind}:${name}`) || publish.includes(`${kind}:*`)
}
