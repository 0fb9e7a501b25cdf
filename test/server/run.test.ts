/** A server process survives what its log, its descriptors and its operator do to it. */
import { readdirSync, readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { freePort } from '../support/free-port.ts'
import {
  type Command,
  type Process,
  type Server,
  startProcess,
  startServer,
} from '../support/process.ts'
import { REDIS_IS_MISSING, startRedis } from '../support/redis.ts'
import { COMMANDS } from '../support/runtimes.ts'
import { openTcpProxy } from '../support/tcp-proxy.ts'

const RUNTIMES = ['node', 'bun', 'deno'] as const
const QUIET = { CLOCK_SECONDS: '0', PUBLISH_KEY: 'a-key-for-the-log-0123456789' }

const started: Process[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.kill()
})

/** The command in a shell, which may redirect it. `$0` and `$@` stand for the command. */
function inShell(script: string, { file, args }: Command): Command {
  return { file: 'bash', args: ['-c', script, file, ...args] }
}

async function healthOf(url: string): Promise<string> {
  return await (await fetch(`${url}/healthz`)).text()
}

describe.each(RUNTIMES)('a log of %s', (runtime) => {
  test.each([
    ['to a pipe whose reader has closed it', '"$0" "$@" | head -n 1'],
    ['to a full disk', '"$0" "$@" > /dev/full'],
    ['to a full pipe', '"$0" "$@" | sleep 600'],
  ])('%s does not stop the server', async (_, script) => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    const command = inShell(script, COMMANDS[runtime])
    started.push(startProcess(command, { ...QUIET, PORT: String(port) }))
    await eventually(async () => expect(await healthOf(url)).toBe('ok'))
    // Each refused request writes a line: together more than a pipe holds.
    for (let round = 0; round < 12; round++) {
      const requests = Array.from({ length: 50 }, () =>
        fetch(`${url}/broadcast`, { method: 'POST' }),
      )
      for (const response of await Promise.all(requests)) {
        expect(response.status).toBe(401)
        await response.arrayBuffer()
      }
    }
    expect(await healthOf(url)).toBe('ok')
  })
})

describe.each(RUNTIMES)('%s', (runtime) => {
  test('ends its streams with a goodbye at SIGHUP, as at SIGTERM', async () => {
    const server = await startServer(COMMANDS[runtime], { CLOCK_SECONDS: '0', DRAIN_SECONDS: '2' })
    started.push(server)
    const stream = await fetch(`${server.url}/sse?id=alice`)
    server.signal('SIGHUP')
    expect(await stream.text()).toContain('event: hub:bye\ndata: {"reason":"shutdown"}')
    expect(await server.exit).toBe(0)
  })

  test('at SIGTERM it stops being ready at once, and keeps serving for DRAIN_DELAY_SECONDS', async () => {
    const server = await startServer(COMMANDS[runtime], {
      CLOCK_SECONDS: '0',
      DRAIN_SECONDS: '1',
      DRAIN_DELAY_SECONDS: '2',
    })
    started.push(server)
    const stream = await fetch(`${server.url}/sse?id=alice`)
    server.signal('SIGTERM')
    await eventually(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(503))
    const published = await fetch(`${server.url}/ping/alice`, { method: 'POST' })
    expect(await published.json()).toMatchObject({ connections: 1 })
    expect(await stream.text()).toContain('data: hello')
    expect(await server.exit).toBe(0)
  })

  test('stops at SIGTERM before it listens, and reports it', async () => {
    const server = startProcess(COMMANDS[runtime], { REDIS_URL: 'redis://127.0.0.1:1' })
    started.push(server)
    await eventually(() => expect(server.lines.join()).toContain('Redis unavailable'))
    server.signal('SIGTERM')
    expect(await server.exit).toBe(0)
    expect(server.lines.join()).toContain('"stopped"')
    expect(server.lines.join()).not.toContain('"listening"')
  })

  test('accepts connections again after it ran out of file descriptors, and keeps its streams', async () => {
    const server = await startWithFewFiles()
    const stream = (await fetch(`${server.url}/sse`)).body?.getReader()
    const idle = Array.from({ length: 260 }, () => openSocket(server.url))
    await Promise.all(idle.map(({ opened }) => opened))
    await eventually(() => expect(failuresIn(server)).toHaveLength(1))
    if (runtime === 'node') {
      expect(readdirSync(`/proc/${server.pid}/fd`).length).toBeLessThan(200 - 30)
    }
    for (const { socket } of idle) socket.destroy()
    await eventually(async () => expect(await healthOf(server.url)).toBe('ok'))
    // hub:ready, and at least one heartbeat after the flood.
    await stream?.read()
    expect((await stream?.read())?.done).toBe(false)
    await stream?.cancel()
  })

  test('rests while streams take all file descriptors, and reports that once', async () => {
    const server = await startWithFewFiles()
    const streams = Array.from({ length: 260 }, () => openSocket(server.url))
    for (const { socket } of streams) socket.write('GET /sse HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await eventually(() => expect(failuresIn(server)).toHaveLength(1))
    const before = cpuMs(server)
    // Of these two seconds, a server that is called again and again takes nearly all.
    await new Promise((resolve) => setTimeout(resolve, 2_000))
    expect(cpuMs(server) - before).toBeLessThan(700)
    expect(failuresIn(server)).toHaveLength(1)
    for (const { socket } of streams) socket.destroy()
    await eventually(async () => expect(await healthOf(server.url)).toBe('ok'))
  })

  test.skipIf(REDIS_IS_MISSING)(
    'connects to Redis again while connections take all file descriptors',
    async () => {
      const redis = await startRedis()
      const proxy = await openTcpProxy(redis.port)
      try {
        const server = await startWithFewFiles({ REDIS_URL: `redis://127.0.0.1:${proxy.port}` })
        const crowd = keepOpening(server.url, 260)
        await eventually(() => expect(failuresIn(server)).toHaveLength(1))
        const subscribers = async () => {
          const reply = await redis.command('PUBSUB', 'NUMSUB', '{hono-sse}:instances')
          return (reply as [string, number])[1]
        }
        proxy.cut()
        await eventually(async () => expect(await subscribers()).toBe(0))
        // The crowd takes what the connection to Redis has freed.
        const { attempts } = crowd
        await eventually(() => expect(crowd.attempts).toBeGreaterThan(attempts + 1_000))
        proxy.redirect(redis.port)
        await eventually(async () => expect(await subscribers()).toBe(1))
        crowd.stop()
      } finally {
        await proxy.close()
        await redis.close()
      }
    },
  )

  async function startWithFewFiles(
    settings: Readonly<Record<string, string>> = {},
  ): Promise<Server> {
    const command = inShell('ulimit -n 200; exec "$0" "$@"', COMMANDS[runtime])
    const fixed = { CLOCK_SECONDS: '0', HEARTBEAT_SECONDS: '1' }
    const server = await startServer(command, { ...fixed, ...settings })
    started.push(server)
    return server
  }
})

/** The log lines that say that connections could not be accepted. */
function failuresIn({ lines }: Server): string[] {
  return lines.filter((line) => line.includes('"connections could not be accepted"'))
}

/** Milliseconds of CPU that a process has used. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function cpuMs({ pid }: Server): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** A connection that reads. `opened` resolves when the kernel has accepted or refused it. */
function openSocket(url: string): { readonly socket: Socket; readonly opened: Promise<void> } {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').resume()
  // It may be reset at any time.
  socket.on('error', () => {})
  const opened = new Promise<void>((resolve) => {
    socket.once('connect', resolve)
    socket.once('close', () => resolve())
  })
  return { socket, opened }
}

/** Connections, each of which is opened again when it is closed. */
function keepOpening(url: string, count: number) {
  let attempts = 0
  let stopped = false
  const sockets = new Set<Socket>()
  const open = () => {
    if (stopped) return
    attempts += 1
    const { socket } = openSocket(url)
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      setTimeout(open, 50)
    })
  }
  for (let i = 0; i < count; i++) open()
  return {
    get attempts() {
      return attempts
    },
    stop: () => {
      stopped = true
      for (const socket of sockets) socket.destroy()
    },
  }
}
