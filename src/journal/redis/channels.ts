/** Channel subscriptions: one for each address that has a listener on this hub. */
import type { RedisConnection } from './connection.ts'

/** The channels that this hub subscribes to. */
export interface ChannelSubscriptions {
  subscribe(key: string): void
  unsubscribe(key: string): void
  /** Resolves when Redis has confirmed the subscriptions to these keys. @throws if the connection is lost */
  confirmed(keys: readonly string[]): Promise<unknown>
  /** Moves all subscriptions to a new connection and subscribes to channels without a key. */
  attach(connection: RedisConnection, others: readonly string[]): Promise<void>
  /** Drops the connection, which is lost. */
  detach(): void
  channelOf(key: string): string
  /** Returns the key of an address's channel; undefined for any other channel. */
  keyOf(channel: string): string | undefined
}

/** Creates the subscriptions of one hub. */
export function createChannelSubscriptions(prefix: string): ChannelSubscriptions {
  const subscribed = new Set<string>()
  /** Subscriptions that Redis has not confirmed yet. */
  const pending = new Map<string, Promise<void>>()
  /** The last command of each key. It resolves after all earlier ones. */
  const commands = new Map<string, Promise<void>>()
  let attached: Promise<void> = Promise.resolve()
  let connection: RedisConnection | undefined
  return { subscribe, unsubscribe, confirmed, attach, detach, channelOf, keyOf }

  function subscribe(key: string): void {
    subscribed.add(key)
    if (!connection || connection.closed) return
    const current = connection
    const done = inOrder(key, () => current.subscribe([channelOf(key)]))
    pending.set(key, done)
    done.then(
      () => pending.get(key) === done && pending.delete(key),
      // Callers of `confirmed` receive the error.
      current.close,
    )
  }

  function unsubscribe(key: string): void {
    subscribed.delete(key)
    pending.delete(key)
    if (!connection || connection.closed) return
    const current = connection
    inOrder(key, () => current.unsubscribe(channelOf(key))).catch(current.close)
  }

  /**
   * Runs the commands of a key one after another. If the Redis client unsubscribes before the
   * subscription is confirmed, and subscribes again before that is confirmed, it sends no command
   * and treats the channel as subscribed.
   */
  function inOrder(key: string, run: () => Promise<void>): Promise<void> {
    const command = (commands.get(key) ?? attached).then(run)
    const forget = () => void (commands.get(key) === command && commands.delete(key))
    commands.set(key, command)
    command.then(forget, forget)
    return command
  }

  async function confirmed(keys: readonly string[]): Promise<unknown> {
    if (pending.size === 0) return
    return await Promise.all(keys.map((key) => pending.get(key)))
  }

  async function attach(next: RedisConnection, others: readonly string[]): Promise<void> {
    detach()
    connection = next
    attached = next.subscribe([...others, ...[...subscribed].map(channelOf)])
    await attached
  }

  function detach(): void {
    connection = undefined
    pending.clear()
    commands.clear()
  }

  function channelOf(key: string): string {
    return prefix + key
  }

  function keyOf(channel: string): string | undefined {
    return channel.startsWith(prefix) ? channel.slice(prefix.length) : undefined
  }
}
