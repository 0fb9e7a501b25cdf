/** The contestants: every runtime and opener of this hub, its peers, and the floor. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { centrifugoProtocol, startCentrifugo } from './contestants/centrifugo.ts'
import { mercureProtocol, startMercure } from './contestants/mercure.ts'
import { nchanConfig } from './contestants/nchan.ts'
import { workerdConfig } from './contestants/workerd.ts'
import type { Protocol, ScenarioName } from './job.ts'

/** A process to start. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** One contestant. */
export interface Contestant {
  readonly name: string
  readonly title: string
  /** `base` wins nothing: the floor, or what a runtime costs with nothing around it. */
  readonly kind: 'ours' | 'peer' | 'base'
  readonly protocol: Protocol
  /** The scenarios it runs. @defaultValue every scenario its protocol supports */
  readonly only?: readonly ScenarioName[]
  /** Whether it may use both cores, and what it prints when all of its processes serve. @defaultValue one core */
  readonly everyCore?: { readonly ready: string }
  /** How to start it, in a folder of its own. @throws {Missing} */
  start(port: number, folder: string): Command
}

/** Thrown when something a contestant needs is not installed. */
export class Missing extends Error {}

/** The root of the repository: the compiled bench runs there. */
const ROOT = process.cwd()
const HERE = import.meta.dirname
const NGINX = '/usr/sbin/nginx'
const NCHAN = '/usr/lib/nginx/modules/ngx_nchan_module.so'

const plain: Protocol = {
  stream: '/sse?id={id}',
  broadcast: '/broadcast',
  target: '/clients/{id}',
}
const lines = {
  path: '/publish',
  type: 'application/x-ndjson',
  fields: { to: 'everyone' },
} as const
const hub: Protocol = { ...plain, batch: lines, replays: true, health: '/healthz' }

/** Heartbeats and clocks are off, so that only the scenario's work is measured. */
const quiet = {
  HOST: '127.0.0.1',
  CLOCK_SECONDS: '0',
  HEARTBEAT_SECONDS: '3600',
  LIFETIME_SECONDS: '86400',
  LOG_LEVEL: 'error',
}

/** The scenarios for contestants that only hold streams. */
const STREAMS: readonly ScenarioName[] = ['broadcast', 'storm', 'idle']

/** All contestants, the most interesting first. */
export const contestants: readonly Contestant[] = [
  {
    name: 'floor',
    title: 'C, one send() each',
    kind: 'base',
    protocol: plain,
    start: (port, folder) => ({ file: compile('floor.c', 'cc', folder), args: [String(port)] }),
  },
  ours('node', 'hono-sse on Node', node, {}),
  ours('node-nojournal', 'hono-sse on Node, no journal', node, { JOURNAL_EVENTS: '0' }, [
    'broadcast',
    'burst',
  ]),
  {
    ...onNode('mounted', 'hono-sse mounted in an app, on plain serve()'),
    kind: 'ours',
    protocol: hub,
    only: STREAMS,
  },
  ours('node-portable', 'hono-sse on Node, streamSSE', node, { STREAM: 'portable' }),
  ours('bun', 'hono-sse on Bun', bun, {}),
  ours('bun-portable', 'hono-sse on Bun, streamSSE', bun, { STREAM: 'portable' }),
  workers('node-workers', 'hono-sse on Node, two workers', node),
  workers('bun-workers', 'hono-sse on Bun, two workers', bun),
  ours('deno', 'hono-sse on Deno', deno, {}),
  ours('deno-portable', 'hono-sse on Deno, streamSSE', deno, { STREAM: 'portable' }),
  compressing('node', 'hono-sse on Node, gzip', node),
  compressing('bun', 'hono-sse on Bun, gzip', bun),
  compressing('deno', 'hono-sse on Deno, gzip', deno),
  {
    name: 'worker',
    title: 'hono-sse in a Durable Object',
    kind: 'ours',
    protocol: hub,
    start: (port, folder) => {
      const args = ['deploy', '--dry-run', '--outdir', folder]
      const { status, stderr } = spawnSync(tool('wrangler'), args, { encoding: 'utf8' })
      if (status !== 0) throw new Missing(`wrangler can't bundle the Worker: ${stderr}`)
      // The same bounds as the others: an object's own defaults are lower.
      const bounds = { MAX_CONNECTIONS: '50000', MAX_QUEUED_BYTES: '1048576' }
      return workerd(port, folder, { ...quiet, ...bounds, ALLOW_ANONYMOUS: 'true' })
    },
  },
  onNode('better-sse', 'better-sse on Node'),
  onNode('hono-loop', 'streamSSE in a loop on Node'),
  onNode('transmit', '@boringnode/transmit on Node'),
  {
    name: 'nchan',
    title: 'nginx with nchan',
    kind: 'peer',
    protocol: {
      stream: '/sse',
      broadcast: '/broadcast',
      ownStream: '/sse/{id}',
      target: '/clients/{id}',
      replays: true,
    },
    start: startNginx,
  },
  onRequest('mercure', 'Mercure', mercureProtocol, startMercure),
  onRequest('centrifugo', 'Centrifugo', centrifugoProtocol, startCentrifugo),
  {
    name: 'go',
    title: 'Go net/http',
    kind: 'peer',
    protocol: plain,
    start: (port, folder) => ({ file: compile('net-http.go', 'go', folder), args: [String(port)] }),
  },
  {
    ...onNode('node-bare', 'bare socket.write() on Node'),
    kind: 'base',
    only: [...STREAMS, 'latency'],
  },
  bare('bun', ['run']),
  bare('deno', ['run', '--allow-net', '--allow-env']),
  {
    name: 'worker-bare',
    title: 'bare ReadableStream in a Durable Object',
    kind: 'base',
    protocol: plain,
    only: STREAMS,
    start: (port, folder) => {
      copyFileSync(join(HERE, 'contestants/object-bare.js'), join(folder, 'worker.js'))
      return workerd(port, folder, {})
    },
  },
  {
    ...onNode('cluster', 'hono-sse on Node, two instances on Redis'),
    kind: 'ours',
    protocol: { ...hub, streamPort: 1 },
    only: ['cluster'],
    start: (port) => {
      need('redis-server')
      const env = { ...quiet, PORT: String(port) }
      return { file: process.execPath, args: [join(HERE, 'contestants/cluster.js')], env }
    },
  },
  {
    ...onNode('redis-bare', 'PUBLISH and nothing else'),
    kind: 'base',
    protocol: { ...plain, roundTrip: '/rtt' },
    only: ['cluster'],
    start: (port) => {
      need('redis-server')
      return onNode('redis-bare', '').start(port, '')
    },
  },
  { ...onNode('hono-bare', 'bare Hono route on Node'), kind: 'base', only: ['publish'] },
  { ...onNode('hono-hub', 'Hono route that publishes'), kind: 'base', only: ['publish'] },
  {
    ...onNode('durable-streams', 'append to Durable Streams'),
    // A JSON array is appended as its items.
    protocol: { ...plain, batch: { path: '/broadcast', type: 'application/json', fields: {} } },
    only: ['publish', 'publish-batch'],
    start: (port) => {
      // No development dependency, as it takes 23 MB.
      if (!process.env.DURABLE_STREAMS) throw new Missing('DURABLE_STREAMS names no folder')
      return onNode('durable-streams', '').start(port, '')
    },
  },
]

function ours(
  name: string,
  title: string,
  command: () => Command,
  env: Readonly<Record<string, string>>,
  only?: readonly ScenarioName[],
): Contestant {
  const start = (port: number) => ({
    ...command(),
    env: { ...quiet, ...env, PORT: String(port) },
  })
  return { name, title, kind: 'ours', protocol: hub, start, ...(only && { only }) }
}

/** Two workers on both cores, of which the load client uses one, too. */
function workers(name: string, title: string, command: () => Command): Contestant {
  const only = ['broadcast', 'burst', 'targeted', 'storm', 'idle', 'publish', 'cluster'] as const
  const one = ours(name, title, command, { WORKERS: '2', LOG_LEVEL: 'info' }, only)
  return { ...one, everyCore: { ready: '"listening"' } }
}

function compressing(runtime: string, title: string, command: () => Command): Contestant {
  const env = { COMPRESS_MIN_BYTES: '1024' }
  const base = ours(`${runtime}-gzip`, title, command, env, ['snapshot'])
  return { ...base, protocol: { ...hub, encoding: 'gzip' } }
}

function node(): Command {
  return { file: process.execPath, args: [join(ROOT, 'dist/node.js')] }
}

function bun(): Command {
  return { file: tool('bun'), args: ['run', join(ROOT, 'src/bun.ts')] }
}

function deno(): Command {
  const args = ['run', '--allow-net', '--allow-env', join(ROOT, 'src/deno.ts')]
  return { file: tool('deno'), args, env: { DENO_NO_UPDATE_CHECK: '1' } }
}

function onNode(name: string, title: string): Contestant {
  const start = (port: number) => ({
    file: process.execPath,
    args: [join(HERE, `contestants/${name}.js`)],
    env: { PORT: String(port), NODE_ENV: 'production' },
  })
  return { name, title, kind: 'peer', protocol: plain, start }
}

/** A program that the variable with its name in capitals names. */
function onRequest(
  name: string,
  title: string,
  protocol: Protocol,
  start: (file: string, port: number, folder: string) => Command,
): Contestant {
  const variable = name.toUpperCase()
  const started = (port: number, folder: string) => {
    const file = process.env[variable]
    if (!file) throw new Missing(`${variable} names no program`)
    return start(file, port, folder)
  }
  return { name, title, kind: 'peer', protocol, start: started }
}

/** What a runtime's own streams cost, with nothing around them. */
function bare(runtime: 'bun' | 'deno', args: readonly string[]): Contestant {
  return {
    name: `${runtime}-bare`,
    title: `bare ReadableStream on ${runtime === 'bun' ? 'Bun' : 'Deno'}`,
    kind: 'base',
    protocol: plain,
    only: STREAMS,
    start: (port) => ({
      file: tool(runtime),
      args: [...args, join(HERE, 'contestants/web-bare.js')],
      env: { PORT: String(port), DENO_NO_UPDATE_CHECK: '1' },
    }),
  }
}

/** What Cloudflare's servers run, around `worker.js` of that folder. */
function workerd(port: number, folder: string, variables: Readonly<Record<string, string>>) {
  const disk = join(folder, 'disk')
  const config = join(folder, 'workerd.capnp')
  mkdirSync(disk)
  writeFileSync(config, workerdConfig({ port, module: 'worker.js', disk, variables }))
  return { file: tool('workerd'), args: ['serve', '--experimental', config] }
}

/** The path of a program from the development dependencies. @throws {Missing} */
export function tool(name: 'bun' | 'deno' | 'wrangler' | 'workerd'): string {
  const path = join(ROOT, 'node_modules/.bin', name)
  if (existsSync(path)) return path
  throw new Missing(`no ${name} in node_modules`)
}

function need(program: string): void {
  if (spawnSync(program, ['--version']).error) throw new Missing(`no ${program} on this machine`)
}

function compile(source: string, compiler: 'cc' | 'go', folder: string): string {
  const program = join(folder, 'server')
  const path = join(ROOT, 'test/bench/contestants', source)
  const args = compiler === 'cc' ? ['-O2', '-o', program, path] : ['build', '-o', program, path]
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (error) throw new Missing(`no ${compiler} on this machine`)
  if (status !== 0) throw new Missing(`${compiler} can't compile ${source}: ${stderr}`)
  return program
}

function startNginx(port: number, folder: string): Command {
  if (!existsSync(NGINX) || !existsSync(NCHAN)) throw new Missing('no nginx with nchan')
  const config = join(folder, 'nginx.conf')
  mkdirSync(join(folder, 'logs'), { recursive: true })
  writeFileSync(config, nchanConfig(port, folder, NCHAN))
  return { file: NGINX, args: ['-p', folder, '-c', config, '-e', join(folder, 'error.log')] }
}
