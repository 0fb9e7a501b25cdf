/**
 * Address subscriptions: one channel for each address that has a listener on this hub. A channel costs
 * Redis 216 bytes per hub: beyond many, further addresses share buckets.
 */
import { bucketOf } from '../scripts/buckets.ts'
import type { Channels } from './channels.ts'

/** The addresses that this hub subscribes to. */
export interface AddressSubscriptions {
  subscribe(key: string): void
  unsubscribe(key: string): void
  /** Returns whether the hub subscribes to this key, whether or not Redis has confirmed it. */
  has(key: string): boolean
  /** Returns whether any of these keys shares a bucket. */
  areInBuckets(keys: readonly string[]): boolean
  /** Whether this hub uses buckets, or soon may. */
  readonly needsBuckets: boolean
  /** Resolves when Redis has confirmed the subscriptions to these keys. @throws if the connection is lost */
  confirmed(keys: readonly string[]): Promise<void>
  channelOf(key: string): string
  bucketChannelOf(key: string): string
  /** Calls `receive` with a message on the channel of an address. Returns false for any other channel. */
  onMessage(
    channel: string,
    message: Uint8Array,
    receive: (key: string, frames: Uint8Array) => void,
  ): boolean
}

/** Addresses with a channel of their own: 14 MB of Redis. All buckets take as much. */
const MAX_EXACT = 65_536

/**
 * Addresses from which on this hub announces that it uses buckets: before it does, all hubs know,
 * those that relay ephemeral events from their next probe on.
 */
const ANNOUNCE_AT = 49_152

const LINE_FEED = 10
const decoder = new TextDecoder()

/** Creates the subscriptions of one hub. */
export function createAddressSubscriptions(tag: string, channels: Channels): AddressSubscriptions {
  const addressPrefix = `${tag}:address:`
  const bucketPrefix = `${tag}:bucket:`
  let exact = 0
  const inBuckets = new Set<string>()
  /** The number of addresses in each bucket, by its channel. */
  const sizes = new Map<string, number>()
  return {
    subscribe,
    unsubscribe,
    has: (key) => inBuckets.has(key) || channels.has(channelOf(key)),
    areInBuckets: (keys) => inBuckets.size > 0 && keys.some((key) => inBuckets.has(key)),
    get needsBuckets() {
      return inBuckets.size > 0 || exact >= ANNOUNCE_AT
    },
    confirmed: (keys) => channels.confirmed(keys.map(subscribedChannelOf)),
    channelOf,
    bucketChannelOf,
    onMessage,
  }

  function subscribe(key: string): void {
    if (exact < MAX_EXACT) {
      exact += 1
      channels.subscribe(channelOf(key))
      return
    }
    inBuckets.add(key)
    const channel = bucketChannelOf(key)
    const size = sizes.get(channel) ?? 0
    sizes.set(channel, size + 1)
    if (size === 0) channels.subscribe(channel)
  }

  function unsubscribe(key: string): void {
    if (!inBuckets.delete(key)) {
      exact -= 1
      channels.unsubscribe(channelOf(key))
      return
    }
    const channel = bucketChannelOf(key)
    const size = sizes.get(channel) ?? 0
    if (size > 1) sizes.set(channel, size - 1)
    else {
      sizes.delete(channel)
      channels.unsubscribe(channel)
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
    receive: (key: string, frames: Uint8Array) => void,
  ): boolean {
    if (channel.startsWith(addressPrefix)) {
      receive(channel.slice(addressPrefix.length), message)
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
