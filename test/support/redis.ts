/** A Redis server for tests: on a free port, in a folder that is deleted afterwards. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@redis/client'
import { freePort } from './free-port.ts'

/** Whether tests may skip Redis: never where all tests must run. */
export const REDIS_IS_MISSING: boolean =
  spawnSync('redis-server', ['--version']).status !== 0 && !process.env.CI

if (REDIS_IS_MISSING) console.warn('redis-server is not installed: what needs it is skipped.')

/** How Redis writes to its disk. */
export type Persistence = 'none' | 'everysec' | 'always'

/** A server that can be killed, restarted and suspended. */
export interface RedisServer {
  readonly port: number
  readonly url: string
  /** Restarts with what is on disk. */
  restart(): Promise<void>
  /** Kills it as a power cut would; `empty` deletes the disk, too. */
  crash(disk?: 'kept' | 'empty'): Promise<void>
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
  /** Sends one command. */
  command(...args: string[]): Promise<unknown>
  /** Stops it and deletes its folder. */
  close(): Promise<void>
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a server. @param settings - extra lines for its configuration */
export async function startRedis(
  persistence: Persistence = 'none',
  settings: readonly string[] = [],
): Promise<RedisServer> {
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-redis-'))
  const config = join(folder, 'redis.conf')
  const aof = persistence === 'none' ? 'no' : `yes\nappendfsync ${persistence}`
  const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, 'save ""', `appendonly ${aof}`]
  writeFileSync(config, `${[...lines, ...settings].join('\n')}\n`)
  let child = await begin()

  return {
    port,
    url,
    restart: async () => {
      child = await begin()
    },
    crash: async (disk = 'kept') => {
      await killRedis(child)
      // A folder, and a file in Redis before 7.
      for (const name of disk === 'empty' ? ['appendonlydir', 'appendonly.aof'] : []) {
        rmSync(join(folder, name), { recursive: true, force: true })
      }
    },
    signal: (name) => void child.kill(name),
    command,
    close: async () => {
      await killRedis(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }

  function begin(): Promise<ChildProcess> {
    return launchRedis([config], 'Ready to accept connections')
  }

  function command(...args: string[]): Promise<unknown> {
    return sendCommand(url, args)
  }
}

/** Starts the program; resolves when it has printed a text. */
export async function launchRedis(args: readonly string[], ready: string): Promise<ChildProcess> {
  const started = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(started)
  await new Promise<void>((resolve, reject) => {
    const lines: string[] = []
    started.once('exit', (code) => {
      reject(new Error(`redis-server has exited with ${code}: ${lines.slice(-5).join('')}`))
    })
    started.stdout?.setEncoding('utf8').on('data', (text: string) => {
      lines.push(text)
      if (text.includes(ready)) resolve()
    })
  })
  return started
}

/** Sends one command on a connection of its own. */
export async function sendCommand(url: string, args: readonly string[]): Promise<unknown> {
  const client = createClient({ url, socket: { reconnectStrategy: false } })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.sendCommand(args)
  } finally {
    client.destroy()
  }
}

/** Kills the program. */
export async function killRedis(child: ChildProcess): Promise<void> {
  running.delete(child)
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}
