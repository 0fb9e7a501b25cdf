/** Addresses name the recipients of an event: one client, one topic, or everyone. */
import { HubError } from './errors.ts'

/** Everyone, all connections of one client, or all connections that follow one topic. */
export type Address =
  | 'everyone'
  | { readonly client: string; readonly topic?: never }
  | { readonly topic: string; readonly client?: never }

/**
 * A client id or a topic: 1 to 128 characters without control characters or lone surrogates.
 * `*` is reserved because it means "all" in permissions. `.` and `..` are refused because URL parsers
 * resolve them as path segments.
 */
export const NAME: RegExp = /^(?!(?:\.{1,2}|\*)$)[^\p{Cc}\p{Cs}]{1,128}$/u

/** The rule of {@link NAME}, as error messages state it. */
export const NAME_RULE =
  'must be 1 to 128 characters long, must not contain control characters or lone surrogates, and must not be ".", ".." or "*"'

/** The key of the address `everyone`. */
export const EVERYONE = '*'

/** The key of a client's connections and events. */
export function clientKey(client: string): string {
  return `c:${client}`
}

/** The client that a key belongs to; undefined for the key of another address. */
export function clientOf(key: string): string | undefined {
  return key.startsWith('c:') ? key.slice(2) : undefined
}

/** The key of a topic's connections and events. */
export function topicKey(topic: string): string {
  return `t:${topic}`
}

/** The topic that a key belongs to; undefined for the key of another address. */
export function topicOf(key: string): string | undefined {
  return key.startsWith('t:') ? key.slice(2) : undefined
}

/**
 * The key of an address.
 * @throws {HubError} `invalid-address` when the client id or topic breaks {@link NAME}.
 */
export function addressKey(address: Address): string {
  if (address === 'everyone') return EVERYONE
  const { client, topic } = Object(address) as { client?: string; topic?: string }
  if (client !== undefined && topic === undefined) return clientKey(checkName('client id', client))
  if (topic !== undefined && client === undefined) return topicKey(checkName('topic', topic))
  throw new HubError('invalid-address', "An address must be 'everyone', { client } or { topic }.")
}

/** The kinds of addresses. */
export type AddressKind = 'client' | 'topic' | 'everyone'

/** Returns the kind of an address. */
export function kindOf(address: Address): AddressKind {
  if (address === 'everyone') return address
  return address.client === undefined ? 'topic' : 'client'
}

/** The maximum number of topics that one connection may follow. */
export const MAX_TOPICS = 50

/** @throws {HubError} `invalid-address` for an invalid topic, or for more than {@link MAX_TOPICS} topics */
export function checkTopics(topics: readonly string[]): void {
  for (const topic of topics) checkName('topic', topic)
  if (topics.length <= MAX_TOPICS) return
  throw new HubError('invalid-address', `A connection may follow at most ${MAX_TOPICS} topics.`)
}

/**
 * Returns the name if it is valid.
 * @throws {HubError} `invalid-address` if it is not.
 */
export function checkName(what: string, name: string): string {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new HubError('invalid-address', `A ${what} ${NAME_RULE}.`)
  }
  return name
}
