/** Permissions: to listen as a client, to publish to addresses, to operate the hub. */
import type { Address } from '../../core/address.ts'
import { KIND, type Kind } from '../../core/options/option-kinds.ts'
import { covers, follows } from '../../core/patterns/topic-pattern.ts'

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
  /** The topics that it may follow. A pattern stands for itself and for all topics and patterns that it covers. */
  readonly topics: Scope
  /** Where it may publish: `everyone`, `client:ID`, `topic:NAME`, with `*` for any id or name, or a pattern of topics. */
  readonly publish: Scope
  /** Whether it may list and disconnect clients, and read metrics. */
  readonly operate: boolean
  /** Whether it may read metrics, even if it may not operate. @defaultValue false */
  readonly metrics?: boolean | undefined
  /** When the permissions expire, in milliseconds since 1970. @defaultValue never */
  readonly expiresAt?: number | undefined
}

/** Whether the permissions allow following all of these topics and patterns. */
export function mayFollow(
  { topics }: Pick<Permissions, 'topics'>,
  names: readonly string[],
): boolean {
  return topics === '*' || names.every((name) => follows(topics, name))
}

/** Whether the permissions allow publishing to the address. */
export function mayPublish({ publish }: Permissions, address: Address): boolean {
  if (publish === '*') return true
  if (address === 'everyone') return publish.includes('everyone')
  const { client, topic } = address
  if (client !== undefined)
    return publish.some((one) => one === `client:${client}` || one === 'client:*')
  return publish.some((one) => one === 'topic:*' || covers(one, `topic:${topic}`))
}
