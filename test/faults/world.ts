/** The servers of a run, and the faults that happen to them. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Command, type Server, startServer } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { COMMANDS } from '../support/runtimes.ts'
import { openTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import type { FaultPlan, Plan } from './plan.ts'

/** The servers of a run. */
export interface World {
  /** The URLs of the instances that run now. */
  readonly urls: readonly string[]
  /** Causes a fault; resolves when it is over. */
  inject(fault: FaultPlan): Promise<void>
  /** Resolves when every instance is ready. */
  recovered(): Promise<void>
  close(): Promise<void>
}

interface Instance {
  readonly command: Command
  readonly environment: Readonly<Record<string, string>>
  /** Its own way to Redis. */
  readonly link: TcpProxy | undefined
  /** Absent while it does not run. */
  server: Server | undefined
}

const PREFIX = 'faults'

/** What no hub has sent. */
const BAD_MESSAGES = ['', 'not json', '\0\n\n', 'id: junk\ndata: x', '{"type":"unknown"}']

/** Starts the servers of a plan. */
export async function createWorld({ cell, environment }: Plan): Promise<World> {
  const redis = cell.journal === 'redis' ? await startRedis('always') : undefined
  const disk =
    cell.journal === 'sqlite' ? mkdtempSync(join(tmpdir(), 'hono-sse-faults-')) : undefined
  const instances = await Promise.all(
    cell.runtimes.map(async (name): Promise<Instance> => {
      const link = redis && (await openTcpProxy(redis.port))
      const own = {
        LOG_LEVEL: 'info',
        REDIS_PREFIX: PREFIX,
        ...(link ? { REDIS_URL: `redis://127.0.0.1:${link.port}` } : {}),
        ...(disk ? { ALLOW_ANONYMOUS: 'true', PERSIST: disk } : {}),
      }
      const instance = { command: COMMANDS[name], environment: { ...environment, ...own }, link }
      return { ...instance, server: undefined }
    }),
  )
  await Promise.all(instances.map(start))
  await recovered()

  return {
    get urls() {
      return instances.flatMap(({ server }) => (server ? [server.url] : []))
    },
    inject,
    recovered,
    close: async () => {
      await Promise.all(instances.map(({ server }) => server?.kill()))
      await Promise.all(instances.map(({ link }) => link?.close()))
      await redis?.close()
      if (disk) rmSync(disk, { recursive: true, force: true })
    },
  }

  async function inject({ kind, forMs, instance: index }: FaultPlan): Promise<void> {
    const instance = instances[index] as Instance
    const { link } = instance
    switch (kind) {
      case 'suspend':
        return suspend(instance, forMs)
      case 'terminate':
        return restart(instance, 'SIGTERM', forMs)
      case 'kill':
        return restart(instance, 'SIGKILL', forMs)
      case 'reset link':
        link?.reset()
        return
      case 'hold link':
        link?.hold()
        await sleep(forMs)
        link?.release()
        return
      case 'cut link':
        link?.cut()
        await sleep(forMs)
        if (redis) link?.redirect(redis.port)
        return
      default:
        if (redis) await injectRedisFault(redis, kind, forMs)
    }
  }

  async function recovered(): Promise<void> {
    const deadline = Date.now() + 15_000
    for (const { server } of instances) {
      while (!(await isReady(server?.url))) {
        if (Date.now() > deadline) throw new Error(`Not ready: ${server?.lines.slice(-5)}`)
        await sleep(20)
      }
    }
  }
}

async function injectRedisFault(
  redis: RedisServer,
  kind: FaultPlan['kind'],
  forMs: number,
): Promise<void> {
  // Another fault may have stopped it.
  const command = (...args: string[]) => redis.command(...args).catch(() => undefined)
  if (kind === 'kill clients') {
    await command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await command('CLIENT', 'KILL', 'TYPE', 'normal')
  } else if (kind === 'suspend redis') {
    redis.signal('SIGSTOP')
    await sleep(forMs)
    redis.signal('SIGCONT')
  } else if (kind === 'crash redis') {
    await redis.crash()
    await sleep(forMs)
    await redis.restart()
  } else if (kind === 'bad messages') {
    const channels = ((await command('PUBSUB', 'CHANNELS', `{${PREFIX}}:*`)) ?? []) as string[]
    for (const channel of channels) {
      for (const message of BAD_MESSAGES) await command('PUBLISH', channel, message)
    }
  }
}

async function start(instance: Instance): Promise<void> {
  instance.server = await startServer(instance.command, instance.environment)
}

/** Stops the process without a word; the kernel goes on accepting connections for it. */
async function suspend({ server }: Instance, forMs: number): Promise<void> {
  if (!server) return
  signal(server, 'SIGSTOP')
  await sleep(forMs)
  signal(server, 'SIGCONT')
}

async function restart(instance: Instance, how: NodeJS.Signals, forMs: number): Promise<void> {
  const { server } = instance
  // Another fault may have stopped it already.
  if (!server) return
  signal(server, how)
  if (how === 'SIGKILL') instance.server = undefined
  await server.exit
  instance.server = undefined
  await sleep(forMs)
  await start(instance)
}

/** To the process and its children: workerd is one. */
function signal({ pid }: Server, name: NodeJS.Signals): void {
  try {
    process.kill(-pid, name)
  } catch {
    // Another fault has ended it.
  }
}

async function isReady(url: string | undefined): Promise<boolean> {
  if (url === undefined) return false
  const response = await fetch(`${url}/readyz`).catch(() => undefined)
  await response?.arrayBuffer().catch(() => {})
  return response?.ok ?? false
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
