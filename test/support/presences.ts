/** Hubs that share the presence of their clients in a real Redis, and the hooks that were called. */
import { systemClock } from '../../src/core/clock.ts'
import type { OnlineClients } from '../../src/journal/backplane.ts'
import { connectRedis, type RedisConnection } from '../../src/journal/redis/connection.ts'
import { createClientPresence } from '../../src/journal/redis/control/client-presence.ts'

/** One of several hubs. */
export interface PresenceHub {
  readonly connections: Map<string, number>
  connect(...clients: string[]): void
  disconnect(...clients: string[]): void
  /** How often it has called Redis, and how many clients it has sent. */
  readonly calls: number
  readonly sent: number
  /** How many clients all hubs have. */
  count(): Promise<number | undefined>
  /** Cuts it off from Redis, or dies. */
  fail(how: Failure | undefined): void
  close(): Promise<void>
}

/**
 * `cut`: no call reaches Redis. `deaf`: every other reply is lost. `dead`: the process has ended. `parting` and
 * `dying`: the next call reaches Redis, but its reply is lost, and then the hub is cut off or dead. `still`: Redis
 * does not reply. `slow`: it takes half a second.
 */
export type Failure = 'cut' | 'deaf' | 'still' | 'slow' | 'parting' | 'dying' | 'dead'

/** Hubs, and what their hooks were called with, in order. */
export interface Presences {
  readonly hooks: readonly string[]
  /** The time that each of them was called with. */
  readonly times: readonly number[]
  /** The hooks by hub. */
  readonly hooksOf: ReadonlyMap<string, readonly string[]>
  readonly errors: readonly unknown[]
  hub(name: string): PresenceHub
  /** What was reported last of each client that is online. */
  online(): string[]
  /** From now on, the hubs take Redis for another server, which may lack the latest data. */
  failOver(): void
  end(): Promise<void>
}

/** Options of the hubs. */
export interface PresencesOptions {
  readonly url: string
  readonly prefix: string
  readonly graceMs?: number
  readonly deadAfterMs?: number
  /** How many hubs may be alive. @defaultValue 2 */
  readonly instances?: number
}

/** Creates hubs on one connection to Redis. */
export async function createPresences(options: PresencesOptions): Promise<Presences> {
  const { url, prefix, graceMs = 300, deadAfterMs = 3_000, instances = 2 } = options
  const connection = await open(url)
  let { serverId } = connection
  const hooks: string[] = []
  const times: number[] = []
  const hooksOf = new Map<string, string[]>()
  const errors: unknown[] = []
  const hubs: PresenceHub[] = []
  return {
    hooks,
    times,
    hooksOf,
    errors,
    hub,
    online: () => {
      const last = new Map(hooks.map((text) => [text.slice(0, -1), text.endsWith('+')]))
      return [...last].flatMap(([client, isOnline]) => (isOnline ? [client] : [])).sort()
    },
    failOver: () => {
      serverId += "'"
    },
    end: async () => {
      for (const one of hubs) one.fail('dead')
      connection.close(new Error('The test has ended.'))
    },
  }

  function hub(name: string): PresenceHub {
    const connections = new Map<string, number>()
    let failure: Failure | undefined
    let calls = 0
    let sent = 0
    const own: string[] = []
    hooksOf.set(name, own)
    const record = (text: string, at: number) => {
      if (failure === 'dead') return
      own.push(text)
      times.push(at)
      hooks.push(text)
    }
    const timers: (() => void)[] = []
    const presence = createClientPresence({
      tag: `{${prefix}}`,
      instance: name,
      deadAfterMs,
      members: { alive: instances },
      connection: () => (failure === 'cut' || failure === 'dead' ? undefined : faulty()),
    })
    const online: OnlineClients = presence.follow({
      clock: {
        ...systemClock,
        every: (ms, task) => {
          const stop = systemClock.every(ms, task)
          timers.push(stop)
          return stop
        },
      },
      graceMs,
      isConnected: (client) => (connections.get(client) ?? 0) > 0,
      clients: () => connections.keys(),
      count: () => ({ clients: connections.size }),
      hooks: {
        onClientOnline: (client, at) => record(`${client}+`, at),
        onClientOffline: (client, at) => record(`${client}-`, at),
        onError: (error) => void errors.push(error),
      },
    })
    const one: PresenceHub = {
      connections,
      connect: (...clients) => {
        for (const client of clients) change(client, 1)
      },
      disconnect: (...clients) => {
        for (const client of clients) change(client, -1)
      },
      get calls() {
        return calls
      },
      get sent() {
        return sent
      },
      count: async () => await online.count?.(),
      fail: (how) => {
        failure = how
        if (how === 'dead') for (const stop of timers) stop()
      },
      close: async () => online.close(),
    }
    hubs.push(one)
    return one

    function change(client: string, by: 1 | -1): void {
      const count = (connections.get(client) ?? 0) + by
      if (count > 0) connections.set(client, count)
      else connections.delete(client)
      if (count + by === 1 || count === 0 || count === 1) online.update(client)
    }

    function faulty(): Pick<RedisConnection, 'serverId' | 'closed' | 'evalScript'> {
      const { evalScript } = connection
      return {
        serverId,
        closed: failure !== undefined,
        evalScript: async (...args) => {
          calls += 1
          sent += args[2].length - 8
          const now = failure
          if (now === 'still') return await new Promise(() => {})
          const reply = await evalScript(...args)
          if (now === 'slow') await new Promise((resolve) => setTimeout(resolve, 500))
          if (now === 'dying') one.fail('dead')
          if (now === 'parting') one.fail('cut')
          const isLost = failure === 'cut' || failure === 'dead'
          if (isLost || (failure === 'deaf' && calls % 2 === 0)) {
            throw new Error('The reply is lost.')
          }
          return reply
        },
      }
    }
  }
}

function open(url: string): Promise<RedisConnection> {
  const init = { url, acceptEviction: false, onMessage: () => {} }
  return connectRedis(init, new AbortController().signal)
}
