/**
 * Address subscriptions: one channel for each address that has a listener on this hub. A channel costs
 * Redis 216 bytes per hub: beyond many, further addresses share buckets.
 */
import { type AddressKeys, isPatternKey } from '../../../core/address.ts'
import type { RedisConnection } from '../connection.ts'
import { bucketOf, MARKER } from '../scripts/buckets.ts'
import { SEVERAL } from '../scripts/several.ts'
import type { Channels } from './channels.ts'

/** The addresses that this hub subscribes to. */
export interface AddressSubscriptions {
  subscribe(key: string): void
  unsubscribe(key: string): void
  /** Returns whether the hub subscribes to this key, whether or not Redis has confirmed it. */
  has(key: string): boolean
  /** Whether this hub listens to buckets. */
  readonly needsBuckets: boolean
  /** Whether any of them is a pattern. */
  readonly needsPatterns: boolean
  /** Resolves when this hub receives all that any hub publishes at these keys. @throws if the connection is lost */
  confirmed(keys: readonly string[], connection: RedisConnection): Promise<void>
  /** Calls `receive` with a message on the channel of an address, or of several. Returns false for any other channel. */
  onMessage(
    channel: string,
    message: Uint8Array,
    receive: (keys: AddressKeys, frames: Uint8Array) => void,
  ): boolean
}

/** Addresses with a channel of their own: 14 MB of Redis. All buckets take as much. */
const MAX_EXACT = 65_536

const LINE_FEED = 10
const decoder = new TextDecoder()

/**
 * Creates the subscriptions of one hub.
 * @param useBuckets - makes all hubs publish to buckets for as long as this one subscribes to the marker
 */
export function createAddressSubscriptions(
  tag: string,
  channels: Channels,
  useBuckets: (connection: RedisConnection) => Promise<unknown>,
): AddressSubscriptions {
  const addressPrefix = `${tag}:address:`
  const bucketPrefix = `${tag}:bucket:`
  const marker = tag + MARKER
  let exact = 0
  let patterns = 0
  const inBuckets = new Set<string>()
  /** The number of addresses in each bucket, by its channel. */
  const sizes = new Map<string, number>()
  /** The last use of buckets, since this hub subscribed to the marker. */
  let use: { readonly connection: RedisConnection; readonly done: Promise<unknown> } | undefined
  return {
    subscribe,
    unsubscribe,
    has,
    get needsBuckets() {
      return inBuckets.size > 0
    },
    get needsPatterns() {
      return patterns > 0
    },
    confirmed,
    onMessage,
  }

  function has(key: string): boolean {
    return inBuckets.has(key) || channels.has(channelOf(key))
  }

  function subscribe(key: string): void {
    if (isPatternKey(key)) patterns += 1
    if (exact < MAX_EXACT) {
      exact += 1
      channels.subscribe(channelOf(key))
      return
    }
    if (inBuckets.size === 0) {
      // Without a subscriber to the marker, another hub may have ended the use.
      use = undefined
      channels.subscribe(marker)
    }
    inBuckets.add(key)
    const channel = bucketChannelOf(key)
    const size = sizes.get(channel) ?? 0
    sizes.set(channel, size + 1)
    if (size === 0) channels.subscribe(channel)
  }

  function unsubscribe(key: string): void {
    if (isPatternKey(key)) patterns -= 1
    if (!inBuckets.delete(key)) {
      exact -= 1
      channels.unsubscribe(channelOf(key))
      return
    }
    if (inBuckets.size === 0) channels.unsubscribe(marker)
    const channel = bucketChannelOf(key)
    const size = sizes.get(channel) ?? 0
    if (size > 1) sizes.set(channel, size - 1)
    else {
      sizes.delete(channel)
      channels.unsubscribe(channel)
    }
  }

  async function confirmed(keys: readonly string[], connection: RedisConnection): Promise<void> {
    const areShared = keys.some((key) => inBuckets.has(key))
    const all = keys.map(subscribedChannelOf)
    await channels.confirmed(areShared ? [marker, ...all] : all)
    if (!areShared) return
    if (use?.connection !== connection) use = { connection, done: useBuckets(connection) }
    const { done } = use
    try {
      await done
    } catch (error) {
      if (use?.done === done) use = undefined
      throw error
    }
  }

  function channelOf(key: string): string {
    return addressPrefix + key
  }

  function bucketChannelOf(key: string): string {
    return `${bucketPrefix}${bucketOf(key)}`
  }

  function subscribedChannelOf(key: string): string {
    return inBuckets.has(key) ? bucketChannelOf(key) : channelOf(key)
  }

  function onMessage(
    channel: string,
    message: Uint8Array,
    receive: (keys: AddressKeys, frames: Uint8Array) => void,
  ): boolean {
    if (channel.startsWith(addressPrefix)) {
      const key = channel.slice(addressPrefix.length)
      // Redis may not have confirmed yet that it has unsubscribed from the channel.
      if (!inBuckets.has(key)) receive(key, message)
      return true
    }
    if (channel === tag + SEVERAL) {
      const end = endOfKeys(message)
      const keys = decoder.decode(message.subarray(0, end)).split('\n').filter(has)
      if (keys.length > 0) receive(keys, message.subarray(end + 2))
      return true
    }
    if (!channel.startsWith(bucketPrefix)) return false
    const end = message.indexOf(LINE_FEED)
    const key = decoder.decode(message.subarray(0, Math.max(end, 0)))
    // The others have a channel of their own, or no listener here.
    if (inBuckets.has(key)) receive(key, message.subarray(end + 1))
    return true
  }
}

/** Where the keys of several addresses end: an empty line follows. */
function endOfKeys(message: Uint8Array): number {
  let end = message.indexOf(LINE_FEED)
  while (end >= 0 && message[end + 1] !== LINE_FEED) end = message.indexOf(LINE_FEED, end + 1)
  return Math.max(end, 0)
}
