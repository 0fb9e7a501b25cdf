/** The journal in Redis or Valkey: shared by several hubs, and there when they restart. */
import type { createClient } from 'redis'
import { newEpoch, type Position, parseCursor, positionOf } from '../../core/cursor.ts'
import { frameText, type HubEvent } from '../../core/event.ts'
import type { Journal, JournalHandler } from '../journal.ts'
import { createPublishBatcher } from './batch.ts'
import { createChannelSubscriptions } from './channels.ts'
import { connectRedis, type RedisConnection } from './connection.ts'
import { type RedisJournalOptions, reasonOf, resolveRedisOptions, unavailable } from './options.ts'
import { createReads } from './reads.ts'
import { type ReconnectLoop, startReconnectLoop } from './reconnect.ts'
import { framesOf, idOf, textOf, toCatchUp, toStats } from './replies.ts'
import { createControlRequests } from './requests.ts'
import {
  CATCH_UP,
  CONTROL_REQUEST,
  KEEP_ALIVE,
  PUBLISH,
  READ,
  type Script,
} from './scripts/index.ts'

/** Messages that may wait while a new link catches up. */
const MAX_EARLY = 50_000

/** Stands in for a hub before the journal is opened and after it is closed. */
const CLOSED: JournalHandler = { deliver: () => {}, missed: () => {}, respond: () => null }

/** Makes a journal that looks for Redis from the moment that a hub opens it. @throws {HubError} `invalid-option` */
export function createRedisJournal(options: RedisJournalOptions): Journal {
  const { url, prefix, maxEvents, maxAgeMs, maxBytes, observer, clock, random } =
    resolveRedisOptions(options)
  const tag = `{${prefix}}`
  const instance = newEpoch(clock)
  const inbox = `${tag}:to:${instance}`
  const forAll = `${tag}:all`
  const bounds = [Math.floor(maxEvents), Math.ceil(maxAgeMs), Math.floor(maxBytes)].map(String)
  const subscriptions = createChannelSubscriptions(`${tag}:on:`)
  const reads = createReads({
    link: () => connection,
    ask: (keys, args, over) => subscriptions.confirmed(keys).then(() => call(READ, args, over)),
  })
  const batcher = createPublishBatcher({ clock, store: (args) => call(PUBLISH, args) })
  const requests = createControlRequests({ clock, inbox, broadcast, send })
  let handler: JournalHandler = CLOSED
  let reconnect: ReconnectLoop | undefined
  /** The link that all goes through, once it has caught up. */
  let connection: RedisConnection | undefined
  let opening: RedisConnection | undefined
  /** What came before it had. */
  let early: (() => void)[] = []
  let epoch = ''
  let head: Position = positionOf(instance, 0)
  const stats = { events: 0, bytes: 0, reconnects: 0 }
  const weigh = (reply: unknown) => void Object.assign(stats, toStats(reply))
  /** The newest of this epoch that is known to be stored, delivered here or not. */
  let stored = 0

  return {
    stats,
    get ready() {
      return connection !== undefined
    },
    append: batcher.append,
    read: reads.read,
    head: () => head,
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
        // Only now, so that a runtime without sockets can hold this file, too.
        create ??= (await import('redis')).createClient
        return await connectRedis({ create, url, onMessage }, signal)
      },
      onConnected,
      onDisconnected,
      probe: (connection) => void call(KEEP_ALIVE, [inbox], connection).then(weigh, () => {}),
    })
  }

  /** Subscribes first, then asks what was missed: what comes in between waits. */
  async function onConnected(next: RedisConnection): Promise<void> {
    early = []
    opening = next
    await subscriptions.attach(next, [forAll, inbox])
    const seen = epoch === '' ? ['', '0'] : [epoch, String(head.sequence)]
    const reply = await next.evalScript(CATCH_UP, `${tag}:head`, [...first(next), ...seen])
    if (next.closed) return
    const { end, affects, kept } = toCatchUp(reply)
    handler.missed(affects)
    if (epoch !== '') stats.reconnects += 1
    epoch = end.epoch
    head = positionOf(end.epoch, end.sequence)
    stored = end.sequence
    connection = next
    for (const task of early.splice(0)) task()
    for (const { question, ms } of kept) handler.respond(question, ms)
    reads.wake()
    observer?.connected?.(next.eviction)
  }

  function onDisconnected(reason: Error): void {
    connection = undefined
    subscriptions.detach()
    observer?.disconnected?.(reason)
  }

  async function relay(key: string, event: HubEvent): Promise<{ readonly instances: number }> {
    const channel = subscriptions.channelOf(key)
    return {
      instances: await attempt((connection) => connection.publish(channel, frameText(event))),
    }
  }

  async function useOnce(name: string, ttlMs: number): Promise<boolean> {
    return await attempt((connection) => connection.setIfAbsent(`${tag}:once:${name}`, ttlMs))
  }

  function close(): void {
    handler = CLOSED
    reconnect?.close()
    connection = undefined
    reads.close()
  }

  async function call(
    script: Script,
    args: readonly string[],
    over?: RedisConnection,
  ): Promise<unknown> {
    const reply = await attempt(
      (connection) => connection.evalScript(script, `${tag}:head`, [...first(connection), ...args]),
      over,
    )
    if (!Array.isArray(reply)) return reply
    const [itsEpoch, sequence] = reply as unknown as [string, number]
    if (itsEpoch === epoch) stored = Math.max(stored, sequence)
    else (over ?? connection)?.close(new Error('Redis has begun a new epoch.'))
    return reply
  }

  async function attempt<T>(
    work: (connection: RedisConnection) => Promise<T>,
    over = connection,
  ): Promise<T> {
    if (!over || over.closed) throw unavailable('can’t be reached')
    try {
      return await work(over)
    } catch (error) {
      throw unavailable(reasonOf(error))
    }
  }

  function first({ serverId }: RedisConnection): string[] {
    const seen = Math.max(stored, head.sequence)
    // A name of its own for each call: of two calls on their way both may have to begin an epoch.
    return [tag, serverId, newEpoch(clock), epoch, String(seen), ...bounds]
  }

  function onMessage(channel: string, message: Uint8Array): void {
    if (connection) dispatch(channel, message)
    else if (early.length < MAX_EARLY) early.push(() => dispatch(channel, message))
    else opening?.close(new Error('More came than could wait for what was missed.'))
  }

  function dispatch(channel: string, message: Uint8Array): void {
    const key = subscriptions.keyOf(channel)
    if (key !== undefined) for (const frame of framesOf(message)) receive(key, frame)
    else if (channel === forAll) requests.onRequest(textOf(message), handler.respond)
    else inboxHas(textOf(message))
  }

  function receive(key: string, frame: Uint8Array): void {
    const id = idOf(frame)
    const place = id === undefined ? undefined : parseCursor(id)
    if (id === undefined || !place) {
      handler.deliver({ key, frame })
      return
    }
    // Whoever has to get one that is not ahead found it, or finds it, in the journal.
    if (!inThisEpoch(place.epoch) || place.sequence <= head.sequence) return
    const entry = { id, sequence: place.sequence, frame }
    head = { id, sequence: place.sequence }
    handler.deliver({ key, frame, entry })
  }

  function inboxHas(text: string): void {
    if (!text.startsWith('head: ')) {
      requests.onResponse(text)
      return
    }
    reconnect?.alive()
    const place = parseCursor(text.slice(6))
    if (place && inThisEpoch(place.epoch) && place.sequence > head.sequence) {
      head = positionOf(epoch, place.sequence)
    }
  }

  function inThisEpoch(itsEpoch: string): boolean {
    if (itsEpoch === epoch) return true
    connection?.close(new Error('Redis has begun a new epoch.'))
    return false
  }

  async function broadcast(message: string): Promise<number> {
    const { question, keepMs } = JSON.parse(message) as { question: unknown; keepMs: number }
    const args = [forAll, message, JSON.stringify(question), String(Math.ceil(keepMs))]
    return Number(await call(CONTROL_REQUEST, args))
  }

  function send(to: string, message: string): void {
    attempt((connection) => connection.publish(to, message)).catch(() => {})
  }
}
