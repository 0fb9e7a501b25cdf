/** Subscriptions: to an address's channel as long as somebody listens, once however many do. */
import type { RedisConnection } from './connection.ts'

/** What this hub listens to. */
export interface ChannelSubscriptions {
  subscribe(key: string): void
  unsubscribe(key: string): void
  /** Resolves when all that comes at these keys is heard. @throws when the link is lost */
  confirmed(keys: readonly string[]): Promise<unknown>
  /** Takes all over to a new link, with channels that are always heard. */
  attach(link: RedisConnection, others: readonly string[]): Promise<void>
  /** The link is lost. */
  detach(): void
  channelOf(key: string): string
  /** The key of an address's channel; undefined for another channel. */
  keyOf(channel: string): string | undefined
}

/** Makes the list of what is listened to. */
export function createChannelSubscriptions(prefix: string): ChannelSubscriptions {
  const subscribed = new Set<string>()
  /** Those that Redis has not confirmed yet. */
  const pending = new Map<string, Promise<void>>()
  /** What is under way at each key, and what waits behind it. */
  const turns = new Map<string, Promise<void>>()
  let moved: Promise<void> = Promise.resolve()
  let link: RedisConnection | undefined
  return { subscribe, unsubscribe, confirmed, attach, detach, channelOf, keyOf }

  function subscribe(key: string): void {
    subscribed.add(key)
    if (!link || link.closed) return
    const held = link
    const done = inTurn(key, () => held.subscribe([channelOf(key)]))
    pending.set(key, done)
    done.then(
      () => pending.get(key) === done && pending.delete(key),
      // Who waits for it hears of it.
      held.close,
    )
  }

  function unsubscribe(key: string): void {
    subscribed.delete(key)
    pending.delete(key)
    if (!link || link.closed) return
    const held = link
    inTurn(key, () => held.unsubscribe(channelOf(key))).catch(held.close)
  }

  /**
   * One after another at each key. Redis' client, told to leave a channel before it has heard that it
   * is on it, and to come back before it has heard that it left, sends nothing and thinks it is on it.
   */
  function inTurn(key: string, work: () => Promise<void>): Promise<void> {
    const turn = (turns.get(key) ?? moved).then(work)
    const over = () => void (turns.get(key) === turn && turns.delete(key))
    turns.set(key, turn)
    turn.then(over, over)
    return turn
  }

  async function confirmed(keys: readonly string[]): Promise<unknown> {
    if (pending.size === 0) return
    return await Promise.all(keys.map((key) => pending.get(key)))
  }

  async function attach(next: RedisConnection, others: readonly string[]): Promise<void> {
    detach()
    link = next
    moved = next.subscribe([...others, ...[...subscribed].map(channelOf)])
    await moved
  }

  function detach(): void {
    link = undefined
    pending.clear()
    turns.clear()
  }

  function channelOf(key: string): string {
    return prefix + key
  }

  function keyOf(channel: string): string | undefined {
    return channel.startsWith(prefix) ? channel.slice(prefix.length) : undefined
  }
}
