/** Permissions: to listen as a client, to publish to addresses, to operate the hub. */
import { type Address, NAME, TOPIC } from '../../core/address.ts'
import { KIND, type Kind } from '../../core/options/option-kinds.ts'
import { covers, follows } from '../../core/patterns/topic-pattern.ts'

/** A list of names, or `*` for all. In a list, `*` is a mistake. */
export type Scope = '*' | readonly string[]

/** The kind of the topics that may be followed. A string would permit each of its parts. */
export const TOPICS: Kind = {
  rule: "must be an array of strings or '*': each string is a topic, or a pattern such as 'orders/*'",
  accepts: (value) => isScope(value, isTopicOrPattern),
}

/** The kind of the addresses that may be published to. */
export const ADDRESSES: Kind = {
  rule: "must be an array of strings or '*': each string is 'everyone', 'client:ID' or 'topic:NAME', with * for any id or name, or a pattern as a name",
  accepts: (value) => isScope(value, isPublishable),
}

/** Whether each name permits something: one that is misspelt would be refused in silence, request by request. */
function isScope(value: unknown, isName: (name: string) => boolean): boolean {
  return value === '*' || (KIND.texts.accepts(value) && (value as string[]).every(isName))
}

function isTopicOrPattern(name: string): boolean {
  return TOPIC.test(name.replace(LAST_LEVEL, ''))
}

/** The wildcard at the end of a pattern. Permissions may have more levels than what connections follow. */
const LAST_LEVEL = /(?<=\/)\*{1,2}$/

function isPublishable(name: string): boolean {
  if (name === 'everyone' || name === 'client:*' || name === 'topic:*') return true
  if (name.startsWith('client:')) return NAME.test(name.slice('client:'.length))
  return name.startsWith('topic:') && isTopicOrPattern(name.slice('topic:'.length))
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

/** An address as permissions name it. */
export function permissionTo(address: Address): string {
  if (address === 'everyone') return address
  const { client, topic } = address
  return client === undefined ? `topic:${topic}` : `client:${client}`
}

/** Whether the permissions allow publishing to the address. */
export function mayPublish({ publish }: Permissions, address: Address): boolean {
  if (publish === '*') return true
  const name = permissionTo(address)
  if (address === 'everyone') return publish.includes(name)
  if (address.client !== undefined) return publish.some((one) => one === name || one === 'client:*')
  return publish.some((one) => one === 'topic:*' || covers(one, name))
}
