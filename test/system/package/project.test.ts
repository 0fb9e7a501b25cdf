/** Installed into an empty project, the package is a command, a library on each runtime, and has types. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { listen, publish } from '../../support/client.ts'
import { hasData } from '../../support/events.ts'
import { type Command, type Environment, type Server, startServer } from '../../support/process.ts'
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
const mounted = `new Hono().route('/realtime', createApp({ hub: createHub(), access: 'anyone', openStream }))`

test('npx runs the command', async () => {
  const { stdout } = await runFile('npx', ['--no-install', 'hono-sse', '--version'], {
    cwd: project,
  })
  expect(stdout).toBe(`${manifest.version}\n`)
  await carries({ file: join(project, 'node_modules/.bin/hono-sse'), args: ['serve'] })
}, 60_000)

test.each([
  ['Bun', 'bun', ['--bun', 'run']],
  ['Deno', 'deno', ['run', '--allow-net', '--allow-env', '--allow-read']],
])(
  'the command runs on %s, with its own adapter',
  async (_, runtime, flags) => {
    const cli = join(project, 'node_modules/hono-sse', manifest.bin['hono-sse'] ?? '')
    await carries({ file: join(ROOT, 'node_modules/.bin', runtime), args: [...flags, cli] })
  },
  60_000,
)

test('Node mounts the library, with streams straight to its sockets', async () => {
  const file = write(
    'node.js',
    `import { createApp, createHub } from 'hono-sse'
    import { createNodeStreams, serveNode } from 'hono-sse/node'
    import { Hono } from 'hono'
    const { openStream, serve } = createNodeStreams()
    const app = ${mounted}
    const { port } = await serveNode({ fetch: serve(app.fetch), port: 0 })
    ${hello}`,
  )
  await carries({ file: process.execPath, args: [file] }, {}, '/realtime')
}, 60_000)

test('Bun mounts the library', async () => {
  const file = write(
    'bun.js',
    `import { createApp, createHub } from 'hono-sse'
    import { bunStream } from 'hono-sse/bun'
    import { Hono } from 'hono'
    const openStream = bunStream()
    const app = ${mounted}
    const { port } = Bun.serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1', idleTimeout: 0 })
    ${hello}`,
  )
  const bun = join(ROOT, 'node_modules/.bin/bun')
  await carries({ file: bun, args: ['run', file] }, {}, '/realtime')
}, 60_000)

test('Deno mounts the library', async () => {
  const file = write(
    'deno.js',
    `import { createApp, createHub, webStream } from 'hono-sse'
    import { Hono } from 'hono'
    const openStream = webStream()
    const app = ${mounted}
    const options = { port: 0, hostname: '127.0.0.1', onListen: () => {} }
    const { port } = Deno.serve(options, app.fetch).addr
    ${hello}`,
  )
  const deno = join(ROOT, 'node_modules/.bin/deno')
  await carries({ file: deno, args: ['run', '--allow-net', file] }, {}, '/realtime')
}, 60_000)

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
}, 60_000)

test.each(['nodenext', 'bundler'])(
  'the types are complete, resolved as %s',
  async (resolution) => {
    const module = resolution === 'nodenext' ? 'nodenext' : 'esnext'
    write(
      'host.ts',
      `import { createAccess, createApp, createHub, createLimits, type Hub, webStream, streamEvents } from 'hono-sse'
    import { bunStream } from 'hono-sse/bun'
    import { createNodeStreams, type NodeServer, serveNode } from 'hono-sse/node'
    import { createRedisJournal, type RedisJournalOptions } from 'hono-sse/redis'
    import { createSqliteJournal, type ObjectStorage } from 'hono-sse/sqlite'
    import worker, { Hub as HubObject } from 'hono-sse/worker'
    import { Hono } from 'hono'

    const options: RedisJournalOptions = { url: 'redis://127.0.0.1' }
    const hub: Hub = createHub({ journal: createRedisJournal(options), heartbeatMs: 15_000 })
    const { openStream, serve } = createNodeStreams()
    const app = new Hono<{ Variables: { user: string } }>()
      .route('/realtime', createApp({ hub, access: 'anyone', openStream }))
      .get('/me', (c) => streamEvents(c, { hub, client: c.get('user'), openStream }))
    export const listening: Promise<NodeServer> = serveNode({ fetch: serve(app.fetch), port: 0 })
    export const onDisk = (storage: ObjectStorage) => createSqliteJournal({ storage }).prune()
    export const others = [bunStream(), webStream()]
    const access = createAccess({ hub, keys: ['a-key-that-is-long-enough'], jwt: { secret: 's'.repeat(32) } })
    const limits = createLimits({ hub, streamsPerMinute: 60, addressOf: (c) => c.req.header('CF-Connecting-IP') })
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
          noEmit: true,
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
  60_000,
)
