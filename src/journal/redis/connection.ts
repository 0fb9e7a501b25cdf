/** A connection to Redis: one socket for commands, one for subscriptions. Once lost, it is not reopened. */
import type { createClient } from '@redis/client'
import { loadRedisClient } from './load-client.ts'
import { findPrimary } from './redis-url.ts'
import { toScriptError } from './replies.ts'
import { FOLLOW_CLIENTS } from './scripts/follow-clients.ts'
import { SCRIPTS } from './scripts/index.ts'
import { MEMBERS, REMOVE, STORED_REQUESTS } from './scripts/membership.ts'
import type { Script } from './scripts/script.ts'

/** Where to connect, and what receives messages. */
export interface RedisConnectionInit {
  readonly url: string
  /** Whether the server may evict keys. */
  readonly acceptEviction: boolean
  /** Called with each message of a subscribed channel, in the order in which Redis sent them. */
  onMessage(channel: string, message: Uint8Array): void
}

/** A connection that is open or lost. */
export interface RedisConnection {
  /** Identifies the server process and its replication history: any other may have lost the latest writes. */
  readonly serverId: string
  /** The policy by which the server evicts keys when its memory is full; undefined if it evicts none. */
  readonly eviction: string | undefined
  readonly closed: boolean
  /** Resolves with the reason when the connection is lost. */
  readonly ended: Promise<Error>
  /** Runs a script on one key. @throws if the script fails, or the connection is lost meanwhile */
  evalScript(script: Script, key: string, args: readonly string[]): Promise<unknown>
  /** `PUBLISH`: resolves with the number of subscribers that received the message. */
  publish(channel: string, message: string): Promise<number>
  /** `SUBSCRIBE`, as one command. */
  subscribe(channels: readonly string[]): Promise<void>
  /** `UNSUBSCRIBE`, as one command. */
  unsubscribe(channels: readonly string[]): Promise<void>
  /** Closes the connection. */
  close(reason: Error): void
}

type Client = ReturnType<typeof createClient>

/** The maximum number of commands in flight. Beyond it, a command fails. */
const MAX_PENDING = 20_000

/** Opens a connection until the signal aborts. @throws if Redis can't be reached, is a replica, or may evict events */
export async function connectRedis(
  init: RedisConnectionInit,
  signal: AbortSignal,
): Promise<RedisConnection> {
  const { acceptEviction, onMessage } = init
  const create = await loadRedisClient()
  const url = await findPrimary(init.url, create)
  signal.throwIfAborted()
  const options = {
    url,
    // No command of this connection may be sent on the next one.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_PENDING,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false, connectTimeout: 5_000 },
  } as const
  const commands = create(options) as unknown as Client
  const subscriber = create(options) as unknown as Client
  const clients = [commands, subscriber]
  let closed = false
  let resolveEnded: (reason: Error) => void = () => {}
  const ended = new Promise<Error>((resolve) => {
    resolveEnded = resolve
  })
  for (const client of clients) client.on('error', close)
  for (const client of clients)
    client.on('end', () => close(new Error('The connection was closed.')))
  signal.addEventListener('abort', () => close(new Error('Redis does not respond.')))
  const opened = prepare()
  // If `ended` resolves first, a later rejection must not be reported as unhandled.
  opened.catch(() => {})
  const prepared = await Promise.race([opened, ended.then((reason) => Promise.reject(reason))])
  return {
    ...prepared,
    ended,
    publish,
    subscribe,
    unsubscribe,
    close,
    get closed() {
      return closed
    },
  }

  async function prepare(): Promise<Pick<RedisConnection, 'serverId' | 'eviction' | 'evalScript'>> {
    try {
      await Promise.all(clients.map((client) => client.connect()))
      const info = `${await commands.info()}`
      if (/^role:(?!master)/m.test(info))
        throw new Error('Redis is a replica: connect to its primary.')
      const hashes = new Map<Script, string>()
      for (const script of [...SCRIPTS, MEMBERS, REMOVE, STORED_REQUESTS, FOLLOW_CLIENTS]) {
        hashes.set(script, `${await commands.scriptLoad(script.text)}`)
      }
      const serverId = serverIdOf(info)
      const eviction = evictionOf(info)
      if (eviction && !acceptEviction) {
        throw new Error(
          `Redis may evict events: its maxmemory-policy is ${eviction}. Set it to noeviction, or accept the loss with acceptEviction (REDIS_EVICTION=accept).`,
        )
      }
      return {
        serverId,
        eviction,
        evalScript: (script, key, args) => evalScript(script, key, args, hashes),
      }
    } catch (error) {
      close(error)
      // If it was closed before, this is why, and not that its commands were then ended.
      throw await ended
    }
  }

  async function evalScript(
    script: Script,
    key: string,
    args: readonly string[],
    hashes: ReadonlyMap<Script, string>,
  ): Promise<unknown> {
    const call = { keys: [key], arguments: [...args] }
    try {
      return await commands.evalSha(hashes.get(script) ?? '', call)
    } catch (reply) {
      const error = toScriptError(asError(reply))
      const { message } = error
      // The scripts were flushed, or a server took over that has not loaded them.
      if (message.startsWith('NOSCRIPT')) return await commands.eval(script.text, call)
      // No command can succeed until the server or the format of the journal is another.
      if (/^(READONLY|FORMAT) /.test(message)) close(error)
      throw error
    }
  }

  function publish(channel: string, message: string): Promise<number> {
    return commands.publish(channel, message)
  }

  async function subscribe(channels: readonly string[]): Promise<void> {
    await subscriber.subscribe([...channels], listener, true)
  }

  async function unsubscribe(channels: readonly string[]): Promise<void> {
    await subscriber.unsubscribe([...channels], listener, true)
  }

  function listener(message: Uint8Array, channel: Uint8Array): void {
    if (!closed) onMessage(`${channel}`, message)
  }

  function close(reason: unknown): void {
    if (closed) return
    closed = true
    for (const client of clients) client.destroy()
    resolveEnded(asError(reason))
  }
}

/** A server that has been a replica has a new `master_replid`; a restarted server has a new `run_id`. */
function serverIdOf(info: string): string {
  const ids = ['run_id', 'master_replid'].map(
    (name) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1],
  )
  if (ids.includes(undefined)) {
    throw new Error(
      'The INFO of Redis lacks run_id or master_replid: connect to Redis or Valkey directly.',
    )
  }
  return ids.join(':')
}

function evictionOf(info: string): string | undefined {
  const [, policy] = /^maxmemory_policy:(\S+)/m.exec(info) ?? []
  return /^maxmemory:0\r?$/m.test(info) || policy === 'noeviction' ? undefined : policy
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
