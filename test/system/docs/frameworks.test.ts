/** The files of the page on frameworks and runtimes do what it says, on what they are for. */
import { join } from 'node:path'
import { createTRPCClient, httpLink, httpSubscriptionLink, splitLink } from '@trpc/client'
import type { AnyTRPCRouter } from '@trpc/server'
import { EventSource } from 'eventsource'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { listen, publish } from '../../support/client.ts'
import { hasData, named } from '../../support/events.ts'
import { until } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { ROOT } from '../../support/process.ts'
import { readEvents } from '../../support/reader.ts'
import { openTcpProxy } from '../../support/tcp-proxy.ts'
import { blocksIn, textOf, withExtensions } from './document.ts'
import { compile, openSandbox } from './sandbox.ts'

const files = blocksIn(textOf('docs/frameworks.md')).flatMap(({ title, code }) =>
  title === undefined ? [] : [[title, withExtensions(code)] as const],
)
const ports = await Promise.all(files.map(() => freePort()))
const portOf = (title: string) => ports[files.findIndex(([name]) => name === title)]

const sandbox = openSandbox(
  undefined,
  Object.fromEntries(files.map(([name, code]) => [name, code.replace('3000', `${portOf(name)}`)])),
)
beforeAll(() => compile(sandbox))

/** Starts a server of the page; resolves when it answers. */
async function start(title: string): Promise<string> {
  sandbox.start({}, process.execPath, title.replace(/ts$/, 'js'))
  const url = `http://127.0.0.1:${portOf(title)}`
  await until(`${title} listens`, () =>
    fetch(`${url}/realtime/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return url
}

const bin = (name: string) => join(ROOT, 'node_modules/.bin', name)

test.each<[string, string, string[]]>([
  ['serve.ts', process.execPath, ['serve.js']],
  ['serve.ts', bin('bun'), ['serve.js']],
  ['serve.ts', bin('deno'), ['run', '-A', 'serve.js']],
  ['node.ts', process.execPath, ['node.js']],
  ['bun.ts', bin('bun'), ['run', 'bun.js']],
  [
    'deno.ts',
    bin('deno'),
    ['serve', '-A', '--host', '127.0.0.1', '--port', `${portOf('deno.ts')}`, 'deno.js'],
  ],
])('the server in %s carries events: %s', async (title, file, args) => {
  const server = sandbox.start({}, file, ...args)
  const url = `http://127.0.0.1:${portOf(title)}${title === 'serve.ts' ? '/realtime' : ''}`
  await until(`${title} listens`, () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  const alice = await listen(url, 'id=alice')
  await publish(url, '/clients/alice', 'hello')
  await alice.next(hasData('hello'))
  if (title === 'serve.ts' || title === 'node.ts') {
    server.signal('SIGTERM')
    await alice.next(named('hub:bye'))
    expect(await server.exit).toBe(0)
  }
  await server.kill()
})

describe.each(['express.ts', 'fastify.ts'])('the server in %s', (title) => {
  test('carries events, in the app and in a stream of its own', async () => {
    const url = await start(title)
    const alice = await listen(`${url}/realtime`, 'id=alice')
    const own = readEvents(await fetch(`${url}/me/events`, { headers: { 'X-User': 'bob' } }))
    onTestFinished(() => own.close())
    await own.next(({ event }) => event === 'hub:ready')
    await publish(`${url}/realtime`, '/broadcast', 'hello')
    await alice.next(hasData('hello'))
    expect(await own.next(({ data }) => data === 'hello')).toBeDefined()
    await alice.close()
  })

  test.each([
    ['a form', 'application/x-www-form-urlencoded', 'data=hi'],
    ['text', 'text/plain', 'hi'],
    ['lines', 'application/x-ndjson', '{"data":"hi"}\n'],
    ['an event stream', 'text/event-stream', 'data: hi\n\n'],
  ])('publishes %s', async (_, type, body) => {
    const url = await start(title)
    const alice = await listen(`${url}/realtime`, 'id=alice')
    const headers = { 'Content-Type': type }
    const response = await fetch(`${url}/realtime/broadcast`, { method: 'POST', headers, body })
    expect(response.status).toBe(200)
    await alice.next(hasData('hi'))
    await alice.close()
  })
})

test('the server in fastify.ts accepts a batch of any size that the hub does', async () => {
  const url = await start('fastify.ts')
  const batch = Array.from({ length: 12 }, () => ({ to: 'everyone', data: 'x'.repeat(100_000) }))
  const headers = { 'Content-Type': 'application/json' }
  const request = { method: 'POST', headers, body: JSON.stringify(batch) }
  expect((await fetch(`${url}/realtime/publish`, request)).status).toBe(200)
})

describe('the subscription in trpc.ts', () => {
  interface Item {
    readonly kind: string
    readonly text?: string
  }
  interface Client {
    readonly post: { mutate(text: string): Promise<unknown> }
    readonly news: {
      subscribe(
        input: object,
        on: { onData(item: { data: Item }): void; onError(error: unknown): void },
      ): { unsubscribe(): void }
    }
  }

  const clientOf = (url: string) =>
    createTRPCClient<AnyTRPCRouter>({
      links: [
        splitLink({
          condition: ({ type }) => type === 'subscription',
          true: httpSubscriptionLink({ url, EventSource }),
          false: httpLink({ url }),
        }),
      ],
    }) as unknown as Client

  test('resumes without loss, also before the first event, and reports a gap after a restart', async () => {
    const port = Number(portOf('trpc.ts'))
    const start = async () => {
      const server = sandbox.start({}, process.execPath, 'trpc.js')
      await until('trpc.ts listens', () =>
        fetch(`http://127.0.0.1:${port}/`).then(
          () => true,
          () => false,
        ),
      )
      return server
    }
    const first = await start()
    const proxy = await openTcpProxy(port)
    onTestFinished(proxy.close)
    const items: string[] = []
    const errors: unknown[] = []
    const received = (item: string) => until(item, () => items.includes(item))
    const direct = clientOf(`http://127.0.0.1:${port}/trpc`)
    const subscription = clientOf(`http://127.0.0.1:${proxy.port}/trpc`).news.subscribe(
      {},
      {
        onData: ({ data }) => items.push(data.text ?? data.kind),
        onError: (error) => errors.push(error),
      },
    )
    onTestFinished(() => subscription.unsubscribe())
    await received('ready')
    proxy.reset()
    await direct.post.mutate('before any event')
    await received('before any event')
    await direct.post.mutate('live')
    await received('live')
    proxy.reset()
    await direct.post.mutate('in the tunnel')
    await received('in the tunnel')
    first.signal('SIGTERM')
    expect(await first.exit).toBe(0)
    await start()
    await received('gap')
    await direct.post.mutate('afterwards')
    await received('afterwards')
    expect(items).toEqual([
      'ready',
      'before any event',
      'live',
      'in the tunnel',
      'gap',
      'afterwards',
    ])
    expect(errors).toEqual([])
  })
})

describe('the routes that share a hub', () => {
  const load = (path: string) => import(join(sandbox.folder, path))
  const posting = (data: string) =>
    new Request('http://localhost/events', { method: 'POST', body: JSON.stringify({ data }) })

  test('for Next.js and SvelteKit open streams, and publish to each other', async () => {
    const next = await load('src/app/events/route.js')
    const svelte = await load('src/routes/events/+server.js')
    const request = new Request('http://localhost/events', { headers: { 'X-User': 'alice' } })
    const readers = [
      readEvents(await next.GET(request)),
      readEvents(await svelte.GET({ request, locals: { user: 'bob' } })),
    ]
    for (const [at, client] of ['alice', 'bob'].entries()) {
      const ready = await readers[at]?.next(({ event }) => event === 'hub:ready')
      expect(JSON.parse(ready?.data ?? '')).toMatchObject({ client, topics: ['news'] })
    }
    for (const [data, publish] of [
      ['one', () => next.POST(posting('one'))],
      ['two', () => svelte.POST({ request: posting('two') })],
    ] as const) {
      expect(await (await publish()).json()).toMatchObject({ connections: 2 })
      for (const reader of readers) expect(await reader.next()).toMatchObject({ data })
    }
    for (const reader of readers) await reader.close()
  })

  test('find it again when the module is loaded again, and SIGTERM closes it', async () => {
    const { hub } = await load('src/lib/hub.js')
    expect((await load('src/lib/hub.js?edited')).hub).toBe(hub)
    process.emit('SIGTERM', 'SIGTERM')
    await until('the hub is closing', () => hub.closing)
  })
})
