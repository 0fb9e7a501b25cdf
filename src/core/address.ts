/** Addresses name the recipients of an event: one client, one topic, or everyone. */
import { HubError } from './errors.ts'

/** Everyone, all connections of one client, or all connections that follow one topic. */
export type Address =
  | 'everyone'
  | { readonly client: string; readonly topic?: never }
  | { readonly topic: string; readonly client?: never }

/** One address, or a list: all that listen to any of them. */
export type Addresses = Address | readonly Address[]

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

/** The key of one address, or the keys of several, each once. */
export type AddressKeys = string | readonly string[]

/** The maximum number of addresses of one event. */
export const MAX_ADDRESSES = 1_000

/**
 * The key of an address, or the keys of a list of addresses. Where that is one key, it is not in a list.
 * @param max - the maximum number of addresses, not counting duplicates
 * @throws {HubError} `invalid-address` for an invalid address, an empty list, or more than `max` addresses
 */
export function addressKeys(addresses: Addresses, max: number = MAX_ADDRESSES): AddressKeys {
  if (!Array.isArray(addresses)) return addressKey(addresses as Address)
  const keys = [...new Set((addresses as readonly Address[]).map(addressKey))]
  const [key] = keys
  if (key !== undefined && keys.length <= max) return keys.length === 1 ? key : keys
  throw new HubError(
    'invalid-address',
    `A list of addresses needs 1 to ${max} of them, and not ${keys.length}.`,
  )
}

/** The kinds of addresses; `several` stands for a list. */
export type AddressKind = 'client' | 'topic' | 'everyone' | 'several'

/** Returns the kind of the addresses with these keys. */
export function kindOf(keys: AddressKeys): AddressKind {
  if (typeof keys !== 'string') return 'several'
  if (keys === EVERYONE) return 'everyone'
  return clientOf(keys) === undefined ? 'topic' : 'client'
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
