/** Addresses name the recipients of an event: one client, one topic, or everyone. */
import { HubError } from './errors.ts'
import { isPattern, MAX_LEVELS, patternsOf, uncovered } from './patterns/topic-pattern.ts'

/**
 * Everyone, all connections of one client, or all connections that follow one topic. To listen, the topic may be a
 * pattern: `orders/*` for the topics one level below `orders`, `orders/**` for all below it.
 */
export type Address =
  | 'everyone'
  | { readonly client: string; readonly topic?: never }
  | { readonly topic: string; readonly client?: never }

/** One address, or a list: all that listen to any of them. */
export type Addresses = Address | readonly Address[]

/**
 * A client id: 1 to 128 characters without control characters or lone surrogates.
 * `*` is reserved because it means "all" in permissions. `.` and `..` are refused because URL parsers
 * resolve them as path segments.
 */
export const NAME: RegExp = /^(?!(?:\.{1,2}|\*)$)[^\p{Cc}\p{Cs}]{1,128}$/u

/** The rule of {@link NAME}, as error messages state it. */
export const NAME_RULE =
  'must be 1 to 128 characters long, must not contain control characters or lone surrogates, and must not be ".", ".." or "*"'

/** A topic to publish to: a name as in {@link NAME} without `*`, which patterns reserve. */
export const TOPIC: RegExp = /^(?!\.{1,2}$)[^*\p{Cc}\p{Cs}]{1,128}$/u

/** The rule of {@link TOPIC}, as error messages state it. */
export const TOPIC_RULE =
  'must be 1 to 128 characters long, must not contain control characters, lone surrogates or "*", and must not be "." or ".."'

/** What a connection follows: a topic, or a pattern, which ends with `/*` or `/**` and has at most 10 levels. */
export const FOLLOWED: RegExp =
  /^(?=[^\p{Cc}\p{Cs}]{1,128}$)(?!\.{1,2}$)(?!(?:[^/]*\/){10,}\*{1,2}$)(?:[^*]+|[^*]*\/\*{1,2})$/u

/** The rule of {@link FOLLOWED}, as error messages state it. */
export const FOLLOWED_RULE: string = `must be 1 to 128 characters long, must not contain control characters or lone surrogates, must not be "." or "..", and may contain "*" only as a last level "/*" or "/**". A pattern has at most ${MAX_LEVELS} levels`

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

const PATTERN_PREFIX = 'p:'

/** Whether a key is that of a pattern. */
export function isPatternKey(key: string): boolean {
  return key.startsWith(PATTERN_PREFIX)
}

/** The key of a topic or a pattern that connections follow. */
export function followedKey(name: string): string {
  return isPattern(name) ? PATTERN_PREFIX + name : topicKey(name)
}

/** The topic or pattern that a key belongs to; undefined for the key of another address. */
export function followedOf(key: string): string | undefined {
  return isPatternKey(key) ? key.slice(PATTERN_PREFIX.length) : topicOf(key)
}

/** The keys of everything that listens to an address with this key: of a topic, with those of the patterns that cover it. */
export function keysAt(key: string): readonly string[] {
  // Most keys have no levels.
  const topic = key.includes('/') ? topicOf(key) : undefined
  return topic === undefined ? [key] : [key, ...patternsOf(topic).map(followedKey)]
}

/** Whether events at this key have further keys, even those for one address: that of the topic, or those of patterns. */
export function isOneOfSeveral(key: string): boolean {
  return key.includes('/') && clientOf(key) === undefined
}

/**
 * The key of an address to publish to.
 * @throws {HubError} `invalid-address` when the client id breaks {@link NAME}, or the topic {@link TOPIC}
 */
export function addressKey(address: Address): string {
  return keyOf(address, checkTopic)
}

/**
 * The key of an address to listen to.
 * @throws {HubError} `invalid-address` when the client id breaks {@link NAME}, or the topic {@link FOLLOWED}
 */
export function listenKey(address: Address): string {
  return keyOf(address, checkFollowed)
}

function keyOf(address: Address, check: (topic: string) => string): string {
  if (address === 'everyone') return EVERYONE
  const { client, topic } = Object(address) as { client?: string; topic?: string }
  for (const name in address) {
    if (name !== 'client' && name !== 'topic') throw new HubError('invalid-address', ADDRESS_RULE)
  }
  if (client !== undefined && topic === undefined) return clientKey(checkName('client id', client))
  if (topic !== undefined && client === undefined) return followedKey(check(topic))
  throw new HubError('invalid-address', ADDRESS_RULE)
}

const ADDRESS_RULE = "An address must be 'everyone', { client } or { topic }."

/** The key of one address, or the keys of several, each once. */
export type AddressKeys = string | readonly string[]

/** The maximum number of addresses of one event. */
export const MAX_ADDRESSES = 1_000

/** The maximum number of keys of one event, those of patterns included. */
const MAX_KEYS = 3_000

/**
 * The keys that an event for these addresses is stored at: a topic with levels has those of the patterns that cover it
 * as well. Where that is one key, it is not in a list.
 * @throws {HubError} `invalid-address` for an invalid address, an empty list, or one that is too long
 */
export function addressKeys(addresses: Addresses): AddressKeys {
  const own = Array.isArray(addresses)
    ? uniqueKeys(addresses, addressKey, MAX_ADDRESSES)
    : [addressKey(addresses as Address)]
  const [key = ''] = own
  const keys = own.length === 1 ? keysAt(key) : [...new Set(own.flatMap(keysAt))]
  if (keys.length <= MAX_KEYS) return keys.length === 1 ? key : keys
  throw new HubError(
    'invalid-address',
    `The topics in a list of addresses have too many levels: with the patterns that cover them, they are ${keys.length} addresses, and at most ${MAX_KEYS} are possible. Publish to fewer topics at a time.`,
  )
}

/**
 * Returns the same addresses in a list of their own, which no one can change.
 * @throws {HubError} `invalid-address` @see addressKeys
 */
export function ownAddresses(addresses: Addresses): readonly Address[] {
  return [addressKeys(addresses)].flat().flatMap((key) => {
    if (key === EVERYONE) return 'everyone'
    const [client, topic] = [clientOf(key), topicOf(key)]
    return client !== undefined ? { client } : topic !== undefined ? { topic } : []
  })
}

/**
 * The keys of addresses to listen to, without topics and patterns that one of the patterns covers.
 * @param max - the maximum number of addresses, not counting duplicates
 * @throws {HubError} `invalid-address` for an invalid address, an empty list, or more than `max` addresses
 */
export function listenKeys(addresses: Addresses, max: number): string[] {
  const keys = uniqueKeys([addresses].flat() as readonly Address[], listenKey, max)
  const names = uncovered(keys.flatMap((key) => followedOf(key) ?? []))
  return keys.filter((key) => {
    const name = followedOf(key)
    return name === undefined || names.includes(name)
  })
}

function uniqueKeys(
  addresses: readonly Address[],
  toKey: (address: Address) => string,
  max: number,
): string[] {
  const keys = [...new Set(addresses.map(toKey))]
  if (keys.length > 0 && keys.length <= max) return keys
  throw new HubError(
    'invalid-address',
    `A list of addresses needs 1 to ${max} of them, and not ${keys.length}.`,
  )
}

/** The kinds of addresses; `several` stands for a list. */
export type AddressKind = 'client' | 'topic' | 'everyone' | 'several'

/** Returns the key of the only address with these keys; undefined if they are those of several. */
export function soleKey(keys: AddressKeys): string | undefined {
  if (typeof keys === 'string') return keys
  const [key, ...others] = keys
  return others.every(isPatternKey) ? key : undefined
}

/** Returns the kind of the addresses with these keys. */
export function kindOf(keys: AddressKeys): AddressKind {
  const key = soleKey(keys)
  if (key === undefined) return 'several'
  if (key === EVERYONE) return 'everyone'
  return clientOf(key) === undefined ? 'topic' : 'client'
}

/** The maximum number of topics that one connection may follow. */
export const MAX_TOPICS = 50

/** @throws {HubError} `invalid-address` for an invalid topic or pattern, or for more than {@link MAX_TOPICS} of both */
export function checkTopics(topics: readonly string[]): void {
  for (const topic of topics) checkFollowed(topic)
  if (topics.length <= MAX_TOPICS) return
  throw new HubError('invalid-address', `A connection may follow at most ${MAX_TOPICS} topics.`)
}

/**
 * Returns the name if it is valid.
 * @throws {HubError} `invalid-address` if it is not.
 */
export function checkName(what: string, name: string): string {
  return matching(name, NAME, `A ${what} ${NAME_RULE}.`)
}

function checkTopic(topic: string): string {
  return matching(topic, TOPIC, `A topic ${topicRule(topic)}.`)
}

/** Returns what to say of a topic to publish to that breaks {@link TOPIC}. */
export function topicRule(topic: unknown): string {
  const isWild = typeof topic === 'string' && topic.includes('*')
  return isWild ? `${TOPIC_RULE}. ${NO_PATTERN}` : TOPIC_RULE
}

const NO_PATTERN = 'Patterns can only be followed: name each topic'

function checkFollowed(name: string): string {
  return matching(name, FOLLOWED, `A topic ${FOLLOWED_RULE}.`)
}

function matching(name: string, pattern: RegExp, message: string): string {
  if (typeof name === 'string' && pattern.test(name)) return name
  throw new HubError('invalid-address', message)
}
