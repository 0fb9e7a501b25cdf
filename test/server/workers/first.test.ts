/** Several processes serve as one: they start, stop and fail without clients losing anything. */
import { fork } from 'node:child_process'
import { connect, createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { childrenOf } from '../../support/children.ts'
import {
  type Listener,
  listen,
  publish,
  requestJson,
  untilConnections,
} from '../../support/client.ts'
import { hasData, named } from '../../support/events.ts'
import { eventually, until } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import {
  type Process,
  ROOT,
  type Server,
  startProcess,
  startServer,
} from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'

const QUIET = { CLOCK_SECONDS: '0', DRAIN_SECONDS: '2', WORKERS: '2', RETRY_MS: '100' }

const started: Process[] = []
afterEach(async () => {
  for (const one of started.splice(0)) await one.kill()
})

const workersOf = ({ pid }: Process) => childrenOf(pid)

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function linesWith({ lines }: Process, message: string): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line)).filter((line) => line.message === message)
}

/** Publishes as one whose connection may be to a worker that has been killed: it repeats with its key. */
async function publishOnce(url: string, path: string, data: string): Promise<void> {
  const headers = { 'Content-Type': 'text/plain', 'Idempotency-Key': data }
  await eventually(() => requestJson(url + path, { method: 'POST', headers, body: data }))
}

describe.each(['node', 'bun'] as const)('two workers on %s', (runtime) => {
  async function start(environment: Readonly<Record<string, string>> = {}): Promise<Server> {
    const server = await startServer(COMMANDS[runtime], { ...QUIET, ...environment })
    started.push(server)
    return server
  }

  /** Streams of one client until both workers have one. */
  async function listenOnBoth({ url }: Server, query: string): Promise<Map<string, Listener>> {
    const found = new Map<string, Listener>()
    for (let n = 0; n < 60 && found.size < 2; n++) {
      const listener = await listen(url, query)
      const { connections } = await requestJson<{
        connections: { instance: string; connection: string; requestId: string }[]
      }>(`${url}/clients/alice`)
      const id = listener.response.headers.get('x-request-id')
      const instance = connections.find(({ requestId }) => requestId === id)?.instance ?? ''
      if (found.has(instance)) await listener.close()
      else found.set(instance, listener)
    }
    expect([...found.keys()].sort()).toEqual(['1', '2'])
    await untilConnections(url, 'alice', 2)
    return found
  }

  test('say once that they listen, and share the port and one journal', async () => {
    const server = await start()
    expect(linesWith(server, 'listening')).toEqual([expect.objectContaining({ url: server.url })])
    expect(workersOf(server)).toHaveLength(2)
    const streams = await listenOnBoth(server, 'id=alice')
    const results = []
    for (const data of ['a', 'b', 'c', 'd']) {
      results.push(await publish(server.url, '/clients/alice', data))
    }
    expect(results.map(({ connections }) => connections)).toEqual([2, 2, 2, 2])
    const ids = results.map(({ id }) => id)
    for (const stream of streams.values()) {
      for (const id of ids) expect((await stream.next()).id).toBe(id)
    }
  })

  test('report the metrics of all, whichever is asked', async () => {
    const server = await start()
    await listenOnBoth(server, 'id=alice')
    const text = await (await fetch(`${server.url}/metrics`)).text()
    for (const worker of ['1', '2']) {
      expect(text).toContain(`hono_sse_worker_up{worker="${worker}"} 1\n`)
      expect(text).toContain(`hono_sse_connections{worker="${worker}"} 1\n`)
    }
    await publish(server.url, '/clients/alice', 'one')
    const after = await (await fetch(`${server.url}/metrics`)).text()
    expect(after.match(/^hono_sse_journal_events.*/gm)).toEqual([
      'hono_sse_journal_events{worker="0"} 1',
    ])
    expect(text).toMatch(/^process_resident_memory_bytes\{worker="0"\} \d+$/m)
    expect(text.match(/^# HELP process_resident_memory_bytes /gm)).toHaveLength(1)
  })

  test('replace one that is killed, whose clients resume without loss', async () => {
    const server = await start()
    const streams = await listenOnBoth(server, 'id=alice')
    const first = await publish(server.url, '/clients/alice', 'before')
    for (const stream of streams.values()) await stream.next(hasData('before'))
    const [victim = 0, survivor] = workersOf(server)
    process.kill(victim, 'SIGKILL')
    await until('it is gone', () => !isRunning(victim))
    await until('its stream is cut', () => [...streams.values()].some(({ ended }) => ended))
    const [kept] = [...streams.values()].filter(({ ended }) => !ended)
    for (const data of ['1', '2', '3']) await publishOnce(server.url, '/clients/alice', data)
    const resumed = await listen(server.url, 'id=alice', first.id)
    expect(resumed.ready.resume).toBe('complete')
    for (const data of ['1', '2', '3']) await resumed.next(hasData(data))
    for (const data of ['1', '2', '3']) await kept?.next(hasData(data))
    await until('it is replaced', () => workersOf(server).length === 2)
    expect(workersOf(server)).toContain(survivor)
    expect(linesWith(server, 'a worker has ended, and is replaced')).toHaveLength(1)
    await until('both serve again', async () => {
      const text = await (await fetch(`${server.url}/metrics`)).text()
      return (text.match(/^hono_sse_worker_up\{.*\} 1$/gm) ?? []).length === 2
    })
  })

  test('keep blocks and tickets when one is replaced', async () => {
    const server = await start()
    await requestJson(`${server.url}/clients/alice?block=60`, { method: 'DELETE' })
    for (const pid of workersOf(server)) process.kill(pid, 'SIGKILL')
    await eventually(async () => {
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    })
    for (let n = 0; n < 4; n++) {
      expect((await fetch(`${server.url}/sse?id=alice`)).status).toBe(204)
    }
  })

  test('leave no connection open that one of them was about to accept when it was killed', async () => {
    const server = await start()
    const workers = workersOf(server)
    for (const pid of workers) process.kill(pid, 'SIGSTOP')
    const sockets = Array.from({ length: 6 }, () =>
      connect(Number(new URL(server.url).port), '127.0.0.1'),
    )
    const ends = sockets.map(async (socket) => {
      socket.on('error', () => {})
      await new Promise((resolve) => socket.once('connect', resolve))
      socket.end('GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
      socket.resume()
      await new Promise((resolve) => socket.once('close', resolve))
    })
    await Promise.all(
      sockets.map((socket) => new Promise((resolve) => socket.once('connect', resolve))),
    )
    for (const pid of workers) process.kill(pid, 'SIGKILL')
    await Promise.all(ends)
  })

  test('drain alone at SIGTERM, and are replaced', async () => {
    const server = await start()
    const streams = await listenOnBoth(server, 'id=alice')
    const [pid = 0] = workersOf(server)
    process.kill(pid, 'SIGTERM')
    await until('it has ended', () => !isRunning(pid))
    const byes = () =>
      [...streams.values()].map(({ events }) => events.filter(named('hub:bye')).length)
    await eventually(() => expect(byes().sort()).toEqual([0, 1]))
    await until('it is replaced', () => workersOf(server).length === 2)
    expect(server.stderr).toBe('')
  })

  test('end with the first process', async () => {
    const server = await start()
    const workers = workersOf(server)
    process.kill(server.pid, 'SIGKILL')
    await until('they have ended', () => !workers.some(isRunning))
  })

  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'drain at %s, all at once',
    async (signal) => {
      const server = await start({ DRAIN_DELAY_SECONDS: '1' })
      const streams = await listenOnBoth(server, 'id=alice')
      server.signal(signal)
      if (signal === 'SIGTERM') {
        for (let n = 0; n < 4; n++) {
          await eventually(async () =>
            expect((await fetch(`${server.url}/readyz`)).status).toBe(503),
          )
        }
        await publish(server.url, '/clients/alice', 'still')
      }
      for (const stream of streams.values()) {
        if (signal === 'SIGTERM') await stream.next(hasData('still'))
        expect(JSON.parse((await stream.next(named('hub:bye'))).data).reason).toBe('shutdown')
      }
      expect(await server.exit).toBe(0)
      expect(linesWith(server, 'stopping')).toHaveLength(1)
      expect(linesWith(server, 'stopped')).toHaveLength(1)
      expect(server.stderr).toBe('')
    },
  )

  test('drain as one when a terminal or systemd sends the signal to all of them', async () => {
    const server = await start()
    const streams = await listenOnBoth(server, 'id=alice')
    process.kill(-server.pid, 'SIGINT')
    for (const stream of streams.values()) await stream.next(named('hub:bye'))
    expect(await server.exit).toBe(0)
    expect(linesWith(server, 'a worker has ended, and is replaced')).toEqual([])
  })

  test('end at once at a second signal', async () => {
    const server = await start({ DRAIN_SECONDS: '60', DRAIN_DELAY_SECONDS: '60' })
    const workers = workersOf(server)
    server.signal('SIGTERM')
    await until('it stops', () => linesWith(server, 'stopping').length === 1)
    server.signal('SIGTERM')
    expect(await server.exit).toBe(143)
    await until('all have ended', () => !workers.some(isRunning))
  })

  test('stop before they listen', async () => {
    const server = startProcess(COMMANDS[runtime], { ...QUIET, REDIS_URL: 'redis://127.0.0.1:1' })
    started.push(server)
    await until('one has started', () => server.lines.join().includes('Redis unavailable'))
    server.signal('SIGTERM')
    expect(await server.exit).toBe(0)
    expect(linesWith(server, 'stopped')).toHaveLength(1)
    expect(linesWith(server, 'listening')).toEqual([])
  })

  test('refuse a port in use once, with code 1', async () => {
    const port = await freePort()
    const other = createServer().listen(port, '127.0.0.1')
    const server = startProcess(COMMANDS[runtime], { ...QUIET, PORT: String(port) })
    started.push(server)
    expect(await server.exit).toBe(1)
    other.close()
    expect(server.lines.filter((line) => line.includes('"FATAL"'))).toEqual([
      expect.stringContaining('the port is in use'),
    ])
  })

  test('refuse a port that workers of another server use', async () => {
    const { url } = await start()
    const server = startProcess(COMMANDS[runtime], { ...QUIET, PORT: new URL(url).port })
    started.push(server)
    expect(await server.exit).toBe(1)
  })

  test('refuse a port that another server takes at the same time', async () => {
    const environment = { ...QUIET, PORT: String(await freePort()) }
    const servers = [0, 1].map(() => startProcess(COMMANDS[runtime], environment))
    started.push(...servers)
    expect(await Promise.race(servers.map(({ exit }) => exit))).toBe(1)
    await until('the other one listens', () => {
      return servers.flatMap((server) => linesWith(server, 'listening')).length === 1
    })
  })

  test('refuse an invalid configuration once, with code 2', async () => {
    const server = startProcess(COMMANDS[runtime], { ...QUIET, LOG_LEVEL: 'loud' })
    started.push(server)
    expect(await server.exit).toBe(2)
    expect(server.stderr.match(/LOG_LEVEL/g)).toHaveLength(1)
  })
})

describe('on Deno', () => {
  test.each(['2', 'auto'])('WORKERS=%s is refused with code 2', async (WORKERS) => {
    const server = startProcess(COMMANDS.deno, { ...QUIET, WORKERS })
    started.push(server)
    expect(await server.exit).toBe(2)
    expect(server.stderr).toContain('WORKERS requires Node or Bun')
  })
})

test('a process whose certificate can’t be read fails once, with code 1', async () => {
  const environment = { ...QUIET, TLS_CERT: '/missing.pem', TLS_KEY: '/missing.pem' }
  const server = startProcess(COMMANDS.node, environment)
  started.push(server)
  expect(await server.exit).toBe(1)
  expect(server.lines.filter((line) => line.includes('"FATAL"'))).toHaveLength(1)
})

test('a worker of another version than the first process does not join it', async () => {
  const environment = { ...QUIET, PATH: process.env.PATH, HONO_SSE_WORKER: '1/2:0 0.0.0' }
  const worker = fork(`${ROOT}/dist/node.js`, { env: environment, silent: true })
  let output = ''
  worker.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text
  })
  expect(await new Promise((resolve) => worker.once('close', resolve))).toBe(1)
  expect(output).toContain('restart the server')
})

test('a server with one worker has one process', async () => {
  const server = await startServer(COMMANDS.node, { ...QUIET, WORKERS: '1' })
  started.push(server)
  expect(workersOf(server)).toEqual([])
})
