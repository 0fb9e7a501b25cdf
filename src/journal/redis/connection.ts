/** A link to Redis: one connection for commands, one for all subscriptions. Once lost, it stays lost. */
import type { createClient } from 'redis'
import { SCRIPTS, type Script } from './scripts/index.ts'

/** Where to, and who hears what comes. */
export interface RedisConnectionInit {
  /** The `createClient` of the package `redis`. */
  readonly create: typeof createClient
  readonly url: string
  /** Gets what comes on the channels, in the order in which Redis sent it. */
  onMessage(channel: string, message: Uint8Array): void
}

/** A link that is open or lost. */
export interface RedisConnection {
  /** Names the server process at the other ended, and its history: another one may have lost the tail. */
  readonly serverId: string
  /** The policy by which the server drops keys when its memory is full; undefined when it drops none. */
  readonly eviction: string | undefined
  readonly closed: boolean
  /** Resolves with the reason when the link is lost. */
  readonly ended: Promise<Error>
  /** Runs a script on one key. @throws when the script fails, or the link is lost meanwhile */
  evalScript(script: Script, key: string, args: readonly string[]): Promise<unknown>
  /** `SET NX PX`: whether the key was free. */
  setIfAbsent(key: string, ttlMs: number): Promise<boolean>
  /** `PUBLISH`: how many links hear it. */
  publish(channel: string, message: string): Promise<number>
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channel: string): Promise<void>
  /** Gives the link up. */
  close(reason: Error): void
}

type Client = ReturnType<typeof createClient>

/** Channels that are subscribed with one command. */
const BATCH = 1_000

/** Commands on their way; beyond it the next is refused. */
const MAX_PENDING = 20_000

/** Opens a link. The signal gives up waiting for it. @throws when Redis can't be reached, or is a replica */
export async function connectRedis(
  init: RedisConnectionInit,
  signal: AbortSignal,
): Promise<RedisConnection> {
  const { create, url, onMessage } = init
  const options = {
    url,
    // Another link is a new start: nothing that waited on this one may leak into it.
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_PENDING,
    maintNotifications: 'disabled',
    socket: { reconnectStrategy: false, connectTimeout: 5_000 },
  } as const
  const commands = create(options) as unknown as Client
  const subscriber = create(options) as unknown as Client
  const clients = [commands, subscriber]
  let closed = false
  let settle: (reason: Error) => void = () => {}
  const ended = new Promise<Error>((resolve) => {
    settle = resolve
  })
  for (const client of clients) client.on('error', close)
  for (const client of clients)
    client.on('end', () => close(new Error('The connection was closed.')))
  signal.addEventListener('abort', () => close(new Error('Redis does not answer.')), { once: true })
  const opened = prepare()
  // Of the two that may fail, only one is heard.
  opened.catch(() => {})
  const prepared = await Promise.race([opened, ended.then((reason) => Promise.reject(reason))])
  return {
    ...prepared,
    ended,
    setIfAbsent,
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
      if (/^role:(?!master)/m.test(info)) throw new Error('Redis is a replica.')
      const hashes = new Map<Script, string>()
      for (const script of SCRIPTS) hashes.set(script, `${await commands.scriptLoad(script.text)}`)
      const serverId = serverIdOf(info)
      const eviction = evictionOf(info)
      return {
        serverId,
        eviction,
        evalScript: (script, key, args) => evalScript(script, key, args, hashes),
      }
    } catch (error) {
      close(asError(error))
      throw error
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
    } catch (error) {
      const { message } = asError(error)
      // Another server took over that has not seen the script, or somebody flushed them.
      if (message.startsWith('NOSCRIPT')) return await commands.eval(script.text, call)
      if (message.startsWith('READONLY')) close(asError(error))
      throw error
    }
  }

  async function setIfAbsent(key: string, ttlMs: number): Promise<boolean> {
    const px = Math.max(1, Math.ceil(ttlMs))
    return (await commands.sendCommand(['SET', key, '1', 'NX', 'PX', `${px}`])) !== null
  }

  function publish(channel: string, message: string): Promise<number> {
    return commands.publish(channel, message)
  }

  async function subscribe(channels: readonly string[]): Promise<void> {
    for (let at = 0; at < channels.length; at += BATCH) {
      await subscriber.subscribe(channels.slice(at, at + BATCH), listener, true)
    }
  }

  async function unsubscribe(channel: string): Promise<void> {
    await subscriber.unsubscribe(channel, listener, true)
  }

  function listener(message: Uint8Array, channel: Uint8Array): void {
    if (!closed) onMessage(`${channel}`, message)
  }

  function close(reason: unknown): void {
    if (closed) return
    closed = true
    for (const client of clients) client.destroy()
    settle(asError(reason))
  }
}

/** A process that was a replica in between has another history, and one that began anew another name. */
function serverIdOf(info: string): string {
  const names = ['run_id', 'master_replid'].map(
    (name) => new RegExp(`^${name}:(\\w+)`, 'm').exec(info)?.[1],
  )
  if (names.includes(undefined)) throw new Error('Redis does not tell by INFO who it is.')
  return names.join(':')
}

function evictionOf(info: string): string | undefined {
  const [, policy] = /^maxmemory_policy:(\S+)/m.exec(info) ?? []
  return /^maxmemory:0\r?$/m.test(info) || policy === 'noeviction' ? undefined : policy
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
