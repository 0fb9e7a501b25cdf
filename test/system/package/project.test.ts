/** Installed into an empty project, the package is a command, a library on each runtime, and has types. */
import { realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listen, publish } from '../../support/client.ts'
import { hasData } from '../../support/events.ts'
import {
  type Command,
  type Environment,
  type Server,
  startProcess,
  startServer,
} from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { install, manifest, PACK_MS, pack, ROOT, runFile, type Tarball } from './tarball.ts'

let tarball: Tarball
let project: string
const servers: Server[] = []
beforeAll(async () => {
  tarball = await pack()
  project = install(tarball)
}, PACK_MS)
afterAll(async () => {
  for (const server of servers) await server.kill()
  tarball.remove()
})

function write(name: string, text: string): string {
  const file = join(project, name)
  writeFileSync(file, text)
  return file
}

/** Starts what an author would write in the project, and goes once through publishing and listening. */
async function carries(command: Command, environment: Environment = {}, base = ''): Promise<void> {
  const server = await startServer(command, { CLOCK_SECONDS: '0', ...environment })
  servers.push(server)
  const url = server.url + base
  const listener = await listen(url, 'id=alice')
  await publish(url, '/clients/alice', 'hello')
  await listener.next(hasData('hello'))
  await listener.close()
}

const hello = `console.log(JSON.stringify({ message: 'listening', url: 'http://127.0.0.1:' + port }))`
const mounted = `new Hono().route('/realtime', createApp({ hub: createHub(), access: 'anyone' }))`

test('npx runs the command', async () => {
  const { stdout } = await runFile('npx', ['--no-install', 'hono-sse', '--version'], {
    cwd: project,
  })
  expect(stdout).toBe(`${manifest.version}\n`)
  await carries({ file: join(project, 'node_modules/.bin/hono-sse'), args: ['serve'] })
})

test.each([
  ['Bun', 'bun', ['--bun', 'run']],
  ['Deno', 'deno', ['run', '--allow-net', '--allow-env', '--allow-read']],
])('the command runs on %s, with its own adapter', async (_, runtime, flags) => {
  const cli = join(project, 'node_modules/hono-sse', manifest.bin['hono-sse'] ?? '')
  await carries({ file: join(ROOT, 'node_modules/.bin', runtime), args: [...flags, cli] })
})

test('with REDIS_URL and without its package, the command says what to install', async () => {
  const command = { file: join(project, 'node_modules/.bin/hono-sse'), args: ['serve'] }
  const server = startProcess(command, { REDIS_URL: 'redis://127.0.0.1:1' })
  expect(await server.exit).toBe(2)
  expect(server.lines.join()).toContain('npm install @redis/client')
})

test('without its optional packages, the command says so', async () => {
  const commander = join(project, 'node_modules/commander')
  renameSync(commander, `${commander}-away`)
  const command = { file: join(project, 'node_modules/.bin/hono-sse'), args: ['--version'] }
  const run = startProcess(command, {})
  expect(await run.exit).toBe(2)
  expect(run.stderr).toMatch(/^hono-sse: The command can’t load one of its packages: .*commander/)
  renameSync(`${commander}-away`, commander)
})

test('Node mounts the library, with streams straight to its sockets', async () => {
  const file = write(
    'node.js',
    `import { createApp, createHub } from 'hono-sse'
    import { serve } from 'hono-sse/serve'
    import { Hono } from 'hono'
    const app = ${mounted}
    const { port } = await serve(app, { port: 0 })
    ${hello}`,
  )
  await carries({ file: process.execPath, args: [file] }, {}, '/realtime')
})

test('Bun mounts the library', async () => {
  const file = write(
    'bun.js',
    `import { createApp, createHub } from 'hono-sse'
    import { Hono } from 'hono'
    const app = ${mounted}
    const { port } = Bun.serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', idleTimeout: 0 })
    ${hello}`,
  )
  const bun = join(ROOT, 'node_modules/.bin/bun')
  await carries({ file: bun, args: ['run', file] }, {}, '/realtime')
})

test('Deno mounts the library', async () => {
  const file = write(
    'deno.js',
    `import { createApp, createHub } from 'hono-sse'
    import { Hono } from 'hono'
    const app = ${mounted}
    const options = { port: 0, hostname: '127.0.0.1', onListen: () => {} }
    const { port } = Deno.serve(options, app.fetch).addr
    ${hello}`,
  )
  const deno = join(ROOT, 'node_modules/.bin/deno')
  await carries({ file: deno, args: ['run', '--allow-net', file] }, {}, '/realtime')
})

test('a Worker needs only two exports of the package', async () => {
  write('worker.js', `export { default, Hub } from 'hono-sse/worker'`)
  const CONFIG = write(
    'wrangler.toml',
    `name = "host"
    main = "worker.js"
    compatibility_date = "2026-04-01"
    compatibility_flags = ["enable_request_signal"]
    send_metrics = false
    [[durable_objects.bindings]]
    name = "HUB"
    class_name = "Hub"
    [[migrations]]
    tag = "v1"
    new_sqlite_classes = ["Hub"]`,
  )
  await carries(COMMANDS.wrangler, { CONFIG, ALLOW_ANONYMOUS: 'true' })
})

test.each([
  ['nodenext', 'hono'],
  ['bundler', 'hono'],
  ['bundler', 'hono-lowest'],
])(
  'the types are complete, resolved as %s, with the package %s as Hono',
  async (resolution, hono) => {
    const link = join(project, 'node_modules/hono')
    rmSync(link)
    symlinkSync(realpathSync(join(ROOT, 'node_modules', hono)), link)
    const module = resolution === 'nodenext' ? 'nodenext' : 'esnext'
    write(
      'host.ts',
      `import { createAccess, createApp, createHub, createLimits, type Hub, portableStream, streamEvents } from 'hono-sse'
    import { streamEventsTo, toNodeHandler } from 'hono-sse/node'
    import { type RunningServer, serve } from 'hono-sse/serve'
    import { createRedisJournal, type RedisJournalOptions } from 'hono-sse/redis'
    import { createSqliteJournal, type ObjectStorage } from 'hono-sse/sqlite'
    import worker, { Hub as HubObject } from 'hono-sse/worker'
    import { Hono } from 'hono'

    const options: RedisJournalOptions = { url: 'redis://127.0.0.1' }
    const hub: Hub = createHub({ journal: createRedisJournal(options), heartbeatMs: 15_000 })
    export const app = new Hono<{ Variables: { user: string } }>()
      .route('/realtime', createApp({ hub, access: 'anyone' }))
      .get('/me', (c) => streamEvents(c, { hub, client: c.get('user'), openStream: portableStream() }))
    export const listening: Promise<RunningServer> = serve(app, { port: 0, hub })
    export const others = [streamEventsTo, toNodeHandler(app)]
    export const onDisk = (storage: ObjectStorage) => createSqliteJournal({ storage }).prune()
    interface Events { inbox: { unread: number } }
    export const typed = new Hono().route('/typed', createApp({ hub: createHub<Events>(), access: 'anyone' }))
    export const access = createAccess({ hub, keys: ['a-key-that-is-long-enough'], jwt: { secret: 's'.repeat(32) } })
    export const limits = createLimits({ hub, streamsPerMinute: 60, addressOf: (c) => c.req.header('CF-Connecting-IP') })
    export const guarded = createApp({ hub, access, limits })
    // @ts-expect-error Whom an event is for is no plain word.
    export const wrong = hub.publish('alice', { data: 'hello' })
    export { HubObject as Hub, worker as default }`,
    )
    const config = write(
      `tsconfig.${resolution}.json`,
      JSON.stringify({
        compilerOptions: {
          module,
          moduleResolution: resolution,
          target: 'es2023',
          strict: true,
          exactOptionalPropertyTypes: true,
          types: ['node'],
          // Every package finds the Hono of this project.
          preserveSymlinks: true,
          // A project whose parts refer to each other emits declarations: they can name only what is exported.
          declaration: true,
          emitDeclarationOnly: true,
          outDir: 'types',
        },
        files: ['host.ts'],
      }),
    )
    const tsc = runFile(join(ROOT, 'node_modules/.bin/tsc'), ['-p', config])
    const complaint = await tsc.then(
      () => '',
      ({ stdout }: { stdout: string }) => stdout,
    )
    expect(complaint).toBe('')
  },
)
