/** Addresses: whom an event is for. */
import { HubError } from './errors.ts'

/** Everyone, all connections of one client, or whoever follows one topic. */
export type Address =
  | 'everyone'
  | { readonly client: string; readonly topic?: never }
  | { readonly topic: string; readonly client?: never }

/**
 * A client id or a topic: 1 to 128 characters, none a control character, none half a surrogate pair;
 * and neither `*`, which means all in rights, nor the two that mean a folder in a URL and never arrive.
 */
export const NAME: RegExp = /^(?!(?:\.{1,2}|\*)$)[^\p{Cc}\p{Cs}]{1,128}$/u

/** The rule of {@link NAME} in words. */
export const NAME_RULE =
  'must have 1 to 128 characters, without control characters and lone surrogates, and be none of ".", ".." and "*"'

/** The key under which everyone is kept. */
export const EVERYONE = '*'

/** The key under which a client's connections and events are kept. */
export function clientKey(client: string): string {
  return `c:${client}`
}

/** The key under which a topic's connections and events are kept. */
export function topicKey(topic: string): string {
  return `t:${topic}`
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
  throw new HubError('invalid-address', "An address is 'everyone', { client } or { topic }.")
}

/** What an address is of. */
export type AddressKind = 'client' | 'topic' | 'everyone'

/** The kind of an address. */
export function kindOf(address: Address): AddressKind {
  if (address === 'everyone') return address
  return address.client === undefined ? 'topic' : 'client'
}

/** Topics that one connection may follow. */
export const MAX_TOPICS = 50

/** @throws {HubError} `invalid-address` for a topic that can't be one, or for more than {@link MAX_TOPICS} */
export function checkTopics(topics: readonly string[]): void {
  for (const topic of topics) checkName('topic', topic)
  if (topics.length <= MAX_TOPICS) return
  throw new HubError('invalid-address', `A connection may follow ${MAX_TOPICS} topics.`)
}

/**
 * The name itself, if it can be one.
 * @throws {HubError} `invalid-address` when it can't.
 */
export function checkName(what: string, name: string): string {
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new HubError('invalid-address', `A ${what} ${NAME_RULE}.`)
  }
  return name
}
