/** The journal in Redis or Valkey: several hubs share it, and it survives their restarts. */
import { newEpoch, positionOf } from '../../core/cursor.ts'
import type { RelayResult } from '../backplane.ts'
import type { Journal, JournalHandler } from '../journal.ts'
import { unavailable } from '../unavailable.ts'
import { createPublishBatcher } from './batch.ts'
import { catchUp } from './catch-up.ts'
import { connectRedis, type RedisConnection } from './connection.ts'
import { createClientPresence } from './control/client-presence.ts'
import { createMembers } from './control/members.ts'
import { createControlRequests } from './control/requests.ts'
import { readStoredRequests } from './control/stored-requests.ts'
import { type RedisJournalOptions, reasonOf, resolveRedisOptions } from './options.ts'
import { createAddressSubscriptions } from './pubsub/addresses.ts'
import { createChannels } from './pubsub/channels.ts'
import { createFeed } from './pubsub/feed.ts'
import { createInbound } from './pubsub/inbound.ts'
import { createReads } from './reads.ts'
import { type ReconnectLoop, startReconnectLoop } from './reconnect.ts'
import { createSizeReader, textOf } from './replies.ts'
import { RELAY } from './scripts/buckets.ts'
import { USE_ONCE } from './scripts/control.ts'
import { CHANNELS, KEEP_ALIVE, LISTEN_TO_BUCKETS } from './scripts/index.ts'
import { STORED_REQUESTS } from './scripts/membership.ts'
import { READ } from './scripts/read.ts'
import type { Script } from './scripts/script.ts'
import { RELAY_SEVERAL } from './scripts/several.ts'

/** Milliseconds to wait for Redis when the journal closes. */
const LEAVE_MS = 500

/** Replaces the hub before the journal is opened and after it is closed. */
const CLOSED: JournalHandler = { deliver: () => {}, missed: () => {}, respond: () => null }

/** Creates a journal that connects to Redis when a hub opens it. @throws {HubError} `invalid-option` */
export function createRedisJournal(options: RedisJournalOptions): Journal {
  const settings = resolveRedisOptions(options)
  const { tag, bounds, maxBytes, observer, clock, random } = settings
  const instance = newEpoch(clock)
  const inbox = `${tag}:instance:${instance}`
  const allInstances = `${tag}:instances`
  const channels = createChannels([allInstances, inbox, ...CHANNELS.map((name) => tag + name)])
  const subscriptions = createAddressSubscriptions(tag, channels, (target) =>
    call(LISTEN_TO_BUCKETS, [], target),
  )
  const reads = createReads({
    connection: () => (ready ? connection : undefined),
    run: async (keys, args, target) => {
      // Before the journal is read, all that is published from now on has to reach this hub.
      await subscriptions.confirmed(keys, target)
      return await call(READ, args, target)
    },
  })
  const batcher = createPublishBatcher({
    ...settings,
    store: (script, args) => call(script, args),
    relay: (key, body) => relay(RELAY, key, body),
    relaySeveral: (keys, body) => relay(RELAY_SEVERAL, keys, body),
  })
  const members = createMembers({
    tag,
    instance,
    run: (script, key, args) => attempt((connection) => connection.evalScript(script, key, args)),
  })
  const presence = createClientPresence({ tag, instance, members, connection: () => connection })
  const requests = createControlRequests({ clock, allInstances, inbox, members, call, publish })
  const inbound = createInbound({ dispatch, ignored })
  const feed = createFeed({
    start: positionOf(instance, 0),
    handler: () => handler,
    followsPatterns: () => subscriptions.needsPatterns,
    fetchEpoch: async () => ((await call(KEEP_ALIVE, [inbox])) as [string])[0],
    guard: inbound.guard,
  })
  let handler: JournalHandler = CLOSED
  let reconnect: ReconnectLoop | undefined
  /** The connection in use, once it has caught up. */
  let connection: RedisConnection | undefined
  /** Whether it is in use and all blocks are known. */
  let ready = false
  const stats = { events: 0, bytes: 0, evicted: 0, maxBytes, reconnects: 0, ignored: 0 }
  const readSize = createSizeReader(settings)
  /** The highest sequence of this epoch that is known to be stored, delivered here or not. */
  let stored = 0

  return {
    stats,
    get ready() {
      return ready
    },
    appendsOnce: true,
    append: batcher.append,
    read: reads.read,
    retained: reads.retained,
    head: () => feed.head,
    backplane: {
      instance,
      get instances() {
        return members.alive
      },
      relay: batcher.relay,
      subscribe: subscriptions.subscribe,
      unsubscribe: subscriptions.unsubscribe,
      request: requests.request,
      useOnce,
      presence,
    },
    open,
    close,
  }

  function open(hub: JournalHandler): void {
    handler = hub
    reconnect = startReconnectLoop({
      clock,
      random,
      open: (signal) => connectRedis({ ...settings, onMessage: inbound.onMessage }, signal),
      onConnected,
      onDisconnected,
      probe: (connection) => {
        keepAlive(connection).catch(() => {})
        members.count(0).catch(() => {})
      },
    })
  }

  async function keepAlive(target: RedisConnection): Promise<void> {
    Object.assign(stats, readSize(await call(KEEP_ALIVE, [inbox], target)))
  }

  /** Subscribes first, then reads what was missed. */
  async function onConnected(next: RedisConnection): Promise<void> {
    const onProgress = () => reconnect?.alive()
    const { epoch, head } = feed
    inbound.drop()
    await presence.join(next)
    await channels.attach(next, onProgress)
    const run = (script: Script, args: readonly string[]) =>
      next.evalScript(script, `${tag}:head`, [...commonArgs(next), ...args])
    const missed = await catchUp({ epoch, head, inbound, subscriptions, run, onProgress })
    if (next.closed) return
    reads.share(missed.share, () => inbound.guard(() => handler.missed(missed.affects)))
    if (epoch !== '') stats.reconnects += 1
    feed.moveTo(missed.epoch, missed.end.sequence)
    stored = missed.end.sequence
    connection = next
    inbound.release()
    await readStoredRequests(
      (args) => next.evalScript(STORED_REQUESTS, `${tag}:requests`, args),
      (stored) => inbound.guard(() => requests.onStored(stored, handler.respond)),
      onProgress,
    )
    if (next.closed || connection !== next) return
    ready = true
    reads.resume()
    observer.connected?.(next.eviction)
  }

  function onDisconnected(reason: Error): void {
    connection = undefined
    ready = false
    channels.detach()
    observer.disconnected?.(reason)
  }

  async function relay(script: Script, keys: string, body: string): Promise<RelayResult> {
    const instances = await attempt((to) => to.evalScript(script, `${tag}:head`, [tag, keys, body]))
    return { instances: Number(instances) }
  }

  function publish(channel: string, message: string): Promise<number> {
    return attempt((connection) => connection.publish(channel, message))
  }

  async function useOnce(name: string, ttlMs: number): Promise<boolean> {
    const reply = await call(USE_ONCE, [name, String(Math.max(1, Math.ceil(ttlMs)))])
    const [, , isFirst] = reply as [string, number, number | undefined]
    if (isFirst === undefined) throw unavailable('has started a new epoch')
    return isFirst === 1
  }

  async function close(): Promise<void> {
    handler = CLOSED
    const left = members.leave()
    connection = undefined
    ready = false
    reads.close()
    // Redis that does not respond must not hold up a shutdown.
    const stop = clock.every(LEAVE_MS, () => reconnect?.close())
    await left
    stop()
    reconnect?.close()
  }

  async function call(
    script: Script,
    args: readonly string[],
    target?: RedisConnection,
  ): Promise<unknown> {
    const reply = await attempt(
      (connection) =>
        connection.evalScript(script, `${tag}:head`, [...commonArgs(connection), ...args]),
      target,
    )
    if (!Array.isArray(reply)) return reply
    const [replyEpoch, sequence] = reply as unknown as [string, number]
    if (replyEpoch === feed.epoch) stored = Math.max(stored, sequence)
    else (target ?? connection)?.close(new Error('The journal in Redis has started a new epoch.'))
    return reply
  }

  async function attempt<T>(
    work: (connection: RedisConnection) => Promise<T>,
    target = connection,
  ): Promise<T> {
    if (!target || target.closed) throw unavailable('can’t be reached')
    try {
      return await work(target)
    } catch (error) {
      throw unavailable(reasonOf(error))
    }
  }

  /** The arguments that every script starts with. */
  function commonArgs({ serverId }: RedisConnection): string[] {
    const seen = Math.max(stored, feed.newest)
    // A new epoch for each call: two calls in flight may both have to start one.
    return [tag, serverId, newEpoch(clock), feed.epoch, String(seen), ...bounds]
  }

  function dispatch(channel: string, message: Uint8Array): void {
    if (subscriptions.onMessage(channel, message, feed.receive)) return
    if (channel === allInstances) requests.onRequest(textOf(message), handler.respond)
    else onInbox(textOf(message))
  }

  function onInbox(text: string): void {
    if (!text.startsWith('head: ')) {
      requests.onResponse(text)
      return
    }
    feed.onHead(text.slice(6))
    reconnect?.alive()
  }

  function ignored(error: unknown): void {
    stats.ignored += 1
    observer.ignored?.(error instanceof Error ? error : new Error(String(error)))
  }
}
