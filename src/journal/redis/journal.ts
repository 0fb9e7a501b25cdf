/** The journal in Redis or Valkey: several hubs share it, and it survives their restarts. */
import type { createClient } from 'redis'
import { newEpoch, type Position, parseCursor, positionOf } from '../../core/cursor.ts'
import { HubError } from '../../core/errors.ts'
import { frameText, type HubEvent } from '../../core/event.ts'
import type { Journal, JournalHandler } from '../journal.ts'
import { createPublishBatcher } from './batch.ts'
import { createChannelSubscriptions } from './channels.ts'
import { connectRedis, type RedisConnection } from './connection.ts'
import { type RedisJournalOptions, reasonOf, resolveRedisOptions, unavailable } from './options.ts'
import { createReads } from './reads.ts'
import { type ReconnectLoop, startReconnectLoop } from './reconnect.ts'
import { framesOf, idOf, textOf, toCatchUp, toStats } from './replies.ts'
import { type BroadcastRequest, createControlRequests } from './requests.ts'
import {
  CATCH_UP,
  CONTROL_REQUEST,
  KEEP_ALIVE,
  PUBLISH,
  READ,
  type Script,
} from './scripts/index.ts'

/** The maximum number of messages buffered while a new connection catches up. */
const MAX_BUFFERED = 50_000

/** Replaces the hub before the journal is opened and after it is closed. */
const CLOSED: JournalHandler = { deliver: () => {}, missed: () => {}, respond: () => null }

/** Creates a journal that connects to Redis when a hub opens it. @throws {HubError} `invalid-option` */
export function createRedisJournal(options: RedisJournalOptions): Journal {
  const { url, prefix, maxEvents, maxAgeMs, maxBytes, observer, clock, random } =
    resolveRedisOptions(options)
  const tag = `{${prefix}}`
  const instance = newEpoch(clock)
  const inbox = `${tag}:instance:${instance}`
  const allInstances = `${tag}:instances`
  const bounds = [Math.floor(maxEvents), Math.ceil(maxAgeMs), Math.floor(maxBytes)].map(String)
  const subscriptions = createChannelSubscriptions(`${tag}:address:`)
  const reads = createReads({
    connection: () => connection,
    run: (keys, args, target) => subscriptions.confirmed(keys).then(() => call(READ, args, target)),
  })
  const batcher = createPublishBatcher({ clock, store: (args) => call(PUBLISH, args) })
  const requests = createControlRequests({ clock, inbox, broadcast, send })
  let handler: JournalHandler = CLOSED
  let reconnect: ReconnectLoop | undefined
  /** The connection in use, once it has caught up. */
  let connection: RedisConnection | undefined
  let opening: RedisConnection | undefined
  /** Messages that arrived while the connection was catching up. */
  let buffered: (() => void)[] = []
  let epoch = ''
  let head: Position = positionOf(instance, 0)
  const stats = { events: 0, bytes: 0, reconnects: 0 }
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
        // Imported late, so that a runtime without sockets can load this module.
        create ??= (await import('redis')).createClient
        return await connectRedis({ create, url, onMessage }, signal)
      },
      onConnected,
      onDisconnected,
      probe: (connection) => void call(KEEP_ALIVE, [inbox], connection).then(updateStats, () => {}),
    })
  }

  /** Subscribes first, then reads what was missed. Messages that arrive in between are buffered. */
  async function onConnected(next: RedisConnection): Promise<void> {
    buffered = []
    opening = next
    await subscriptions.attach(next, [allInstances, inbox])
    const seen = epoch === '' ? ['', '0'] : [epoch, String(head.sequence)]
    const reply = await next.evalScript(CATCH_UP, `${tag}:head`, [...commonArgs(next), ...seen])
    if (next.closed) return
    const { end, affects, storedRequests } = toCatchUp(reply)
    handler.missed(affects)
    if (epoch !== '') stats.reconnects += 1
    epoch = end.epoch
    head = positionOf(end.epoch, end.sequence)
    stored = end.sequence
    connection = next
    for (const dispatchMessage of buffered.splice(0)) dispatchMessage()
    for (const { body, remainingMs } of storedRequests) handler.respond(body, remainingMs)
    reads.resume()
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
    return await attempt((connection) => connection.setIfAbsent(`${tag}:used:${name}`, ttlMs))
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
    target?: RedisConnection,
  ): Promise<unknown> {
    const reply = await attempt(
      (connection) =>
        connection.evalScript(script, `${tag}:head`, [...commonArgs(connection), ...args]),
      target,
    )
    if (!Array.isArray(reply)) return reply
    const [replyEpoch, sequence] = reply as unknown as [string, number]
    if (replyEpoch === epoch) stored = Math.max(stored, sequence)
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
    const seen = Math.max(stored, head.sequence)
    // A new epoch for each call: two calls in flight may both have to start one.
    return [tag, serverId, newEpoch(clock), epoch, String(seen), ...bounds]
  }

  function onMessage(channel: string, message: Uint8Array): void {
    if (connection) dispatch(channel, message)
    else if (buffered.length < MAX_BUFFERED) buffered.push(() => dispatch(channel, message))
    else opening?.close(new Error('Too many messages arrived while the connection caught up.'))
  }

  function dispatch(channel: string, message: Uint8Array): void {
    const key = subscriptions.keyOf(channel)
    if (key !== undefined) for (const frame of framesOf(message)) receive(key, frame)
    else if (channel === allInstances) requests.onRequest(textOf(message), handler.respond)
    else onInbox(textOf(message))
  }

  function receive(key: string, frame: Uint8Array): void {
    const id = idOf(frame)
    const cursor = id === undefined ? undefined : parseCursor(id)
    if (id === undefined || !cursor) {
      handler.deliver({ key, frame })
      return
    }
    // Connections receive an event that is not newer than the head by reading the journal.
    if (!checkEpoch(cursor.epoch) || cursor.sequence <= head.sequence) return
    const entry = { id, sequence: cursor.sequence, frame }
    head = { id, sequence: cursor.sequence }
    handler.deliver({ key, frame, entry })
  }

  function onInbox(text: string): void {
    if (!text.startsWith('head: ')) {
      requests.onResponse(text)
      return
    }
    reconnect?.alive()
    const cursor = parseCursor(text.slice(6))
    if (cursor && checkEpoch(cursor.epoch) && cursor.sequence > head.sequence) {
      head = positionOf(epoch, cursor.sequence)
    }
  }

  /** Returns whether a message is of this epoch, and closes the connection if it is not. */
  function checkEpoch(messageEpoch: string): boolean {
    if (messageEpoch === epoch) return true
    connection?.close(new Error('The journal in Redis has started a new epoch.'))
    return false
  }

  async function broadcast({ message, body, keepMs }: BroadcastRequest): Promise<number> {
    const args = [allInstances, message, JSON.stringify(body), String(Math.ceil(keepMs))]
    const hubs = Number(await call(CONTROL_REQUEST, args))
    if (hubs >= 0) return hubs
    throw new HubError('at-capacity', 'Too many control requests are stored. Try again later.')
  }

  function send(channel: string, message: string): void {
    attempt((connection) => connection.publish(channel, message)).catch(() => {})
  }
}
