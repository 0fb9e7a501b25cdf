/** Address subscriptions: one channel for each address that has a listener on this hub. */
import type { Channels } from './channels.ts'

/** The addresses that this hub subscribes to. */
export interface AddressSubscriptions {
  subscribe(key: string): void
  unsubscribe(key: string): void
  /** Returns whether the hub subscribes to this key, whether or not Redis has confirmed it. */
  has(key: string): boolean
  /** Resolves when Redis has confirmed the subscriptions to these keys. @throws if the connection is lost */
  confirmed(keys: readonly string[]): Promise<void>
  channelOf(key: string): string
  /** Returns the key of an address's channel; undefined for any other channel. */
  keyOf(channel: string): string | undefined
}

/** Creates the subscriptions of one hub. @param prefix - what the channels of addresses start with */
export function createAddressSubscriptions(
  prefix: string,
  channels: Channels,
): AddressSubscriptions {
  return { subscribe, unsubscribe, has, confirmed, channelOf, keyOf }

  function subscribe(key: string): void {
    channels.subscribe(channelOf(key))
  }

  function unsubscribe(key: string): void {
    channels.unsubscribe(channelOf(key))
  }

  function has(key: string): boolean {
    return channels.has(channelOf(key))
  }

  async function confirmed(keys: readonly string[]): Promise<void> {
    await channels.confirmed(keys.map(channelOf))
  }

  function channelOf(key: string): string {
    return prefix + key
  }

  function keyOf(channel: string): string | undefined {
    return channel.startsWith(prefix) ? channel.slice(prefix.length) : undefined
  }
}
