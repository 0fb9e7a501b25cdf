/** A link to Redis: one connection for commands, one for all subscriptions. Once lost, it stays lost. */
import type { createClient } from 'redis'
import { SCRIPTS, type Script } from './scripts/index.ts'

/** Where to, and who hears what comes. */
export interface LinkInit {
  /** The `createClient` of the package `redis`. */
  readonly create: typeof createClient
  readonly url: string
  /** Gets what comes on the channels, in the order in which Redis sent it. */
  heard(channel: string, message: Uint8Array): void
}

/** A link that is open or lost. */
export interface Link {
  /** Names the server process at the other end, and its history: another one may have lost the tail. */
  readonly run: string
  /** The policy by which the server drops keys when its memory is full; undefined when it drops none. */
  readonly eviction: string | undefined
  readonly lost: boolean
  /** Resolves with the reason when the link is lost. */
  readonly end: Promise<Error>
  /** Runs a script on one key. @throws when the script fails, or the link is lost meanwhile */
  run1(script: Script, key: string, args: readonly string[]): Promise<unknown>
  /** `SET NX PX`: whether the key was free. */
  take(key: string, ttlMs: number): Promise<boolean>
  /** `PUBLISH`: how many links hear it. */
  publish(channel: string, message: string): Promise<number>
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channel: string): Promise<void>
  /** Gives the link up. */
  drop(reason: Error): void
}

type Client = ReturnType<typeof createClient>

/** Channels that are subscribed with one command. */
const BATCH = 1_000

/** Commands on their way; beyond it the next is refused. */
const MAX_PENDING = 20_000

/** Opens a link. The signal gives up waiting for it. @throws when Redis can't be reached, or is a replica */
export async function openLink(init: LinkInit, signal: AbortSignal): Promise<Link> {
  const { create, url, heard } = init
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
  let lost = false
  let settle: (reason: Error) => void = () => {}
  const end = new Promise<Error>((resolve) => {
    settle = resolve
  })
  for (const client of clients) client.on('error', drop)
  for (const client of clients)
    client.on('end', () => drop(new Error('The connection was closed.')))
  signal.addEventListener('abort', () => drop(new Error('Redis does not answer.')), { once: true })
  const opened = prepare()
  // Of the two that may fail, only one is heard.
  opened.catch(() => {})
  const prepared = await Promise.race([opened, end.then((reason) => Promise.reject(reason))])
  return {
    ...prepared,
    end,
    take,
    publish,
    subscribe,
    unsubscribe,
    drop,
    get lost() {
      return lost
    },
  }

  async function prepare(): Promise<Pick<Link, 'run' | 'eviction' | 'run1'>> {
    try {
      await Promise.all(clients.map((client) => client.connect()))
      const about = `${await commands.info()}`
      if (/^role:(?!master)/m.test(about)) throw new Error('Redis is a replica.')
      const hashes = new Map<Script, string>()
      for (const script of SCRIPTS) hashes.set(script, `${await commands.scriptLoad(script.text)}`)
      const run = runOf(about)
      const eviction = evictionOf(about)
      return { run, eviction, run1: (script, key, args) => run1(script, key, args, hashes) }
    } catch (error) {
      drop(asError(error))
      throw error
    }
  }

  async function run1(
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
      if (message.startsWith('READONLY')) drop(asError(error))
      throw error
    }
  }

  async function take(key: string, ttlMs: number): Promise<boolean> {
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
    if (!lost) heard(`${channel}`, message)
  }

  function drop(reason: unknown): void {
    if (lost) return
    lost = true
    for (const client of clients) client.destroy()
    settle(asError(reason))
  }
}

/** A process that was a replica in between has another history, and one that began anew another name. */
function runOf(about: string): string {
  const names = ['run_id', 'master_replid'].map(
    (name) => new RegExp(`^${name}:(\\w+)`, 'm').exec(about)?.[1],
  )
  if (names.includes(undefined)) throw new Error('Redis does not tell by INFO who it is.')
  return names.join(':')
}

function evictionOf(about: string): string | undefined {
  const [, policy] = /^maxmemory_policy:(\S+)/m.exec(about) ?? []
  return /^maxmemory:0\r?$/m.test(about) || policy === 'noeviction' ? undefined : policy
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
