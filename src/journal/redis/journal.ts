/** The journal in Redis or Valkey: several hubs share it, and it survives their restarts. */
import type { createClient } from 'redis'
import { newEpoch, positionOf } from '../../core/cursor.ts'
import { frameText, type HubEvent } from '../../core/event.ts'
import type { Journal, JournalHandler } from '../journal.ts'
import { createAddressSubscriptions } from './addresses.ts'
import { createPublishBatcher } from './batch.ts'
import { catchUp } from './catch-up.ts'
import { createChannels } from './channels.ts'
import { connectRedis, type RedisConnection } from './connection.ts'
import { createMembers } from './control/members.ts'
import { createControlRequests } from './control/requests.ts'
import { createFeed } from './feed.ts'
import { createInbound } from './inbound.ts'
import { type RedisJournalOptions, reasonOf, resolveRedisOptions, unavailable } from './options.ts'
import { createReads } from './reads.ts'
import { type ReconnectLoop, startReconnectLoop } from './reconnect.ts'
import { textOf, toStats } from './replies.ts'
import { USE_ONCE } from './scripts/control.ts'
import { KEEP_ALIVE, PUBLISH } from './scripts/index.ts'
import { READ } from './scripts/read.ts'
import type { Script } from './scripts/script.ts'

/** Milliseconds to wait for Redis when the journal closes. */
const LEAVE_MS = 500

/** Replaces the hub before the journal is opened and after it is closed. */
const CLOSED: JournalHandler = { deliver: () => {}, missed: () => {}, respond: () => null }

/** Creates a journal that connects to Redis when a hub opens it. @throws {HubError} `invalid-option` */
export function createRedisJournal(options: RedisJournalOptions): Journal {
  const settings = resolveRedisOptions(options)
  const { tag, maxEvents, maxAgeMs, maxBytes, observer, clock, random } = settings
  const instance = newEpoch(clock)
  const inbox = `${tag}:instance:${instance}`
  const allInstances = `${tag}:instances`
  const bounds = [Math.floor(maxEvents), Math.ceil(maxAgeMs), Math.floor(maxBytes)].map(String)
  const channels = createChannels([allInstances, inbox])
  const subscriptions = createAddressSubscriptions(`${tag}:address:`, channels)
  const reads = createReads({
    connection: () => connection,
    run: (keys, args, target) => subscriptions.confirmed(keys).then(() => call(READ, args, target)),
  })
  const batcher = createPublishBatcher({ clock, store: (args) => call(PUBLISH, args) })
  const members = createMembers({
    tag,
    instance,
    run: (script, key, args) => attempt((connection) => connection.evalScript(script, key, args)),
  })
  const requests = createControlRequests({ clock, allInstances, inbox, members, call, publish })
  const inbound = createInbound({ dispatch, ignored })
  const feed = createFeed({
    start: positionOf(instance, 0),
    handler: () => handler,
    fetchEpoch: async () => ((await call(KEEP_ALIVE, [inbox])) as [string])[0],
    guard: inbound.guard,
  })
  let handler: JournalHandler = CLOSED
  let reconnect: ReconnectLoop | undefined
  /** The connection in use, once it has caught up. */
  let connection: RedisConnection | undefined
  const stats = { events: 0, bytes: 0, reconnects: 0, ignored: 0 }
  const updateStats = (reply: unknown) => void Object.assign(stats, toStats(reply))
  /** The highest sequence of this epoch that is known to be stored, delivered here or not. */
  let stored = 0

  return {
    stats,
    get ready() {
      return connection !== undefined
    },
    append: batcher.append,
    read: reads.read,
    head: () => feed.head,
    backplane: {
      instance,
      relay,
      subscribe: subscriptions.subscribe,
      unsubscribe: subscriptions.unsubscribe,
      request: requests.request,
      useOnce,
    },
    open,
    close,
  }

  function open(hub: JournalHandler): void {
    handler = hub
    let create: typeof createClient | undefined
    reconnect = startReconnectLoop({
      clock,
      random,
      open: async (signal) => {
        // Imported on demand, so that a runtime without sockets can load this module.
        create ??= (await import('redis')).createClient
        return await connectRedis({ ...settings, create, onMessage: inbound.onMessage }, signal)
      },
      onConnected,
      onDisconnected,
      probe: (connection) => {
        call(KEEP_ALIVE, [inbox], connection).then(updateStats, () => {})
        members.count(0).catch(() => {})
      },
    })
  }

  /** Subscribes first, then reads what was missed. */
  async function onConnected(next: RedisConnection): Promise<void> {
    const onProgress = () => reconnect?.alive()
    const { epoch, head } = feed
    inbound.drop()
    await channels.attach(next, onProgress)
    const isSubscribed = subscriptions.has
    const run = (script: Script, args: readonly string[]) =>
      next.evalScript(script, `${tag}:head`, [...commonArgs(next), ...args])
    const missed = await catchUp({ epoch, head, inbound, run, isSubscribed, onProgress })
    if (next.closed) return
    reads.share(missed.share, () => inbound.guard(() => handler.missed(missed.affects)))
    if (epoch !== '') stats.reconnects += 1
    feed.moveTo(missed.epoch, missed.end.sequence)
    stored = missed.end.sequence
    connection = next
    inbound.release()
    for (const stored of missed.storedRequests) {
      inbound.guard(() => requests.onStored(stored, handler.respond))
    }
    reads.resume()
    observer.connected?.(next.eviction)
  }

  function onDisconnected(reason: Error): void {
    connection = undefined
    channels.detach()
    observer.disconnected?.(reason)
  }

  async function relay(key: string, event: HubEvent): Promise<{ readonly instances: number }> {
    return { instances: await publish(subscriptions.channelOf(key), frameText(event)) }
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
    const seen = Math.max(stored, feed.head.sequence)
    // A new epoch for each call: two calls in flight may both have to start one.
    return [tag, serverId, newEpoch(clock), feed.epoch, String(seen), ...bounds]
  }

  function dispatch(channel: string, message: Uint8Array): void {
    const key = subscriptions.keyOf(channel)
    if (key !== undefined) feed.receive(key, message)
    else if (channel === allInstances) requests.onRequest(textOf(message), handler.respond)
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
