/** The pages of the documentation: their links lead somewhere, their code compiles, their commands work. */
import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createApp } from '../../../src/http/app.ts'
import { operations } from '../../../src/http/openapi/operations.ts'
import { createHub } from '../../../src/hub/hub.ts'
import { variables } from '../../../src/server/config.ts'
import { eventually } from '../../support/eventually.ts'
import { ROOT, type Server } from '../../support/process.ts'
import { readEvents } from '../../support/reader.ts'
import { blocksIn, PAGES, textOf, withExtensions } from './document.ts'
import { compile, KEY, openSandbox, startRecipeHub } from './sandbox.ts'
import { CURL_IS_MISSING, commandsIn, shell, startInBackground, WITH_CURL } from './shell.ts'

/** Names in capitals that are not variables of the hub's own configuration. */
const OTHER_NAMES =
  /^(TCP_USER_TIMEOUT|HUB_(URL|TOKEN|TICKET)|WRITE_KEY|NODE_[A-Z_]+|NO_COLOR|DURABLE_STREAMS)$/

describe.each(PAGES)('%s', (page) => {
  const text = textOf(page)

  test('links to files and headings that exist', () => {
    const links = [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link)
    const broken = links.filter((link) => !/^https?:/.test(link) && !leads(page, link))
    expect(broken).toEqual([])
  })

  test('names scripts and variables that exist', () => {
    const { scripts } = JSON.parse(textOf('package.json'))
    for (const [, name = ''] of text.matchAll(/npm run ([\w:]+)/g)) {
      expect(scripts).toHaveProperty([name])
    }
    const names = [...text.matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/g)].map(([, name]) => name)
    const known: readonly (string | undefined)[] = variables
    expect(names.filter((name) => !known.includes(name) && !OTHER_NAMES.test(`${name}`))).toEqual(
      [],
    )
  })
})

describe('code', () => {
  const pages = PAGES.filter((page) => /^docs\/[\w-]+\.md$/.test(page))
  const files = pages.flatMap((page) => modulesOf(page))
  const sandbox = openSandbox(undefined, Object.fromEntries(files))

  beforeAll(() => compile(sandbox))

  test('compiles, each block as a file of its own', () => {
    expect(files.length).toBeGreaterThan(8)
  })

  test('handles events in a loop until its signal is aborted', async () => {
    const script = `
      import { handleOrders, hub } from './${fileWith('handleOrders')}'
      const [orders, abort] = [[], new AbortController()]
      const done = handleOrders(async (order) => void orders.push(order.n), abort.signal)
      for (const n of [1, 2, 3]) await hub.publish({ topic: 'orders' }, { data: { n } })
      while (orders.length < 3) await new Promise(setImmediate)
      abort.abort()
      await done
      console.log(orders.join())`
    const flags = ['--input-type=module', '-e', script]
    expect(await sandbox.run(process.execPath, ...flags)).toBe('1,2,3\n')
  })

  test('follows a pattern, whose events name their topics', async () => {
    const script = `
      import { hub, printOrders } from './${fileWith('printOrders')}'
      printOrders()
      for (const topic of ['orders', 'orders/7', 'orders/7/items', 'orders/8'])
        await hub.publish({ topic }, { data: 'paid' })
      await hub.close()`
    const printed = await sandbox.run(process.execPath, '--input-type=module', '-e', script)
    expect(printed).toBe('orders/7 paid\norders/8 paid\n')
  })

  test('tells others who is online, and ends the streams of a session that logs out', async () => {
    const script = `
      import { Hono } from 'hono'
      import { app, hub } from './${fileWith('onClientOnline')}'
      const [loggedOut, other] = [new AbortController(), new AbortController()]
      const as = (user, loggedOut) => (c, next) => {
        c.set('user', user)
        c.set('session', { name: user.toUpperCase(), loggedOut })
        return next()
      }
      const site = new Hono()
      site.use('/alice/*', as('alice', loggedOut)).route('/alice', app)
      site.use('/bob/*', as('bob', other)).route('/bob', app)
      const alice = (await site.request('/alice/events')).text()
      await new Promise(setImmediate)
      void (await site.request('/bob/events')).text()
      while ((await hub.clients()).total < 2) await new Promise(setImmediate)
      await new Promise(setImmediate)
      await site.request('/alice/log-out', { method: 'POST' })
      console.log(await alice)
      process.exit()`
    const received = await sandbox.run(process.execPath, '--input-type=module', '-e', script)
    expect(received).toContain('event: online\ndata: {"name":"BOB"}')
    expect(received).toContain('event: hub:bye\ndata: {"reason":"disconnected"}')
  })

  /** The compiled file of the only block that contains a text. */
  function fileWith(text: string): string {
    const [name = ''] = files.find(([, code]) => code.includes(text)) ?? []
    return name.replace(/ts$/, 'js')
  }
})

test('the configuration of a Worker is that of this repository', () => {
  const [block] = blocksIn(textOf('docs/cloudflare.md')).filter(
    ({ language }) => language === 'toml',
  )
  const own = textOf('wrangler.toml').split('\n')
  const lines = block?.code.split('\n').filter((line) => !/^(name = "r|main)/.test(line)) ?? []
  expect(lines.length).toBeGreaterThan(5)
  expect(lines.filter((line) => !own.includes(line))).toEqual([])
})

test('the HTTP API lists every operation', () => {
  const text = textOf('docs/http-api.md')
  expect(Object.keys(operations).filter((one) => !text.includes(`\`${one}`))).toEqual([])
})

test('the metrics listed are those that are exposed', async () => {
  const app = createApp({ hub: createHub(), access: 'anyone' })
  // Only counted once there is an error; only known where the journal can be lost; only with shards; only of a server; only with webhooks.
  await app.request('/nowhere')
  const elsewhere = [
    'hono_sse_journal_reconnects_total',
    'hono_sse_journal_ignored_messages_total',
    'hono_sse_shard_up',
    'hono_sse_worker_up',
    'hono_sse_event_loop_delay_seconds',
    'hono_sse_webhooks_total',
    'hono_sse_webhook_retries_total',
    'hono_sse_webhooks_waiting',
  ]
  const exposed = await (await app.request('/metrics')).text()
  const names = [...exposed.matchAll(/^# TYPE (\w+)/gm)].map(([, name]) => name)
  const table = textOf('docs/operations.md').match(/^\| `hono_sse_.*?\|/gm) ?? []
  const listed = table.flatMap((cell) => cell.match(/hono_sse_\w+/g) ?? [])
  expect(listed.toSorted()).toEqual([...new Set([...names, ...elsewhere])].toSorted())
})

describe.skipIf(CURL_IS_MISSING)(`commands ${WITH_CURL}`, () => {
  test('publish as the HTTP API says', async () => {
    const { url } = await startRecipeHub({})
    const published = shellBlocks('docs/http-api.md')
      .flatMap((code) => commandsIn(code, url))
      .filter((command) => command.startsWith('curl') && !/\/(sse|publish)$|\/sse\?/.test(command))
      .filter((command) => !/key=|\/retained$/.test(command))
    expect(published).toHaveLength(7)
    const results = published.map((command) => JSON.parse(shell(strict(command))) as unknown)
    expect(results).toMatchObject(results.map(() => ({ connections: 0 })))
    // Two of them have the same idempotency key.
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(6)
  })

  test('follow a pattern as the HTTP API says', async () => {
    const { url } = await startRecipeHub({})
    const [code = ''] = shellBlocks('docs/http-api.md').filter((one) =>
      one.includes('topic=orders'),
    )
    const [listen = '', publish = ''] = commandsIn(code, url)
    const follower = startInBackground(listen)
    await eventually(() => expect(follower.lines.join()).toContain('event: hub:ready'))
    expect(JSON.parse(shell(strict(publish)))).toMatchObject({ connections: 1 })
    await eventually(() =>
      expect(follower.lines.join('\n')).toContain(': topic orders/7\ndata: paid'),
    )
  })

  test('replace events, and retain them, as the HTTP API says', async () => {
    const { url } = await startRecipeHub({})
    const commands = shellBlocks('docs/http-api.md').flatMap((code) => commandsIn(code, url))
    const run = (command = '') => JSON.parse(shell(strict(command))) as unknown
    const keys = commands.filter((command) => command.includes('key=answer'))
    expect(keys).toHaveLength(3)
    for (const command of keys) run(command)
    const response = await fetch(`${url}/sse?topic=chat&lastEventId=earliest`)
    const reader = readEvents(response)
    const { data } = await reader.next(({ event }) => event === undefined)
    expect(data).toBe('Hello')
    await reader.close()

    const [first, second, list, last] = commands.filter((one) => one.includes('/topics/prices'))
    run(first)
    run(second)
    expect(run(list)).toMatchObject({ retained: [{ key: 'ACME', data: '3.40' }], complete: true })
    run(last)
    expect(run(list)).toMatchObject({ retained: [] })
  })

  test('publish batches as the HTTP API says', async () => {
    const { url } = await startRecipeHub({})
    const commands = shellBlocks('docs/http-api.md').flatMap((code) => commandsIn(code, url))
    const [array = '', print = '', lines = ''] = commands.slice(-4)
    expect(JSON.parse(shell(strict(array)))).toMatchObject([{ connections: 0 }, { connections: 0 }])
    const file = join(mkdtempSync(join(tmpdir(), 'hono-sse-batch-')), 'events.ndjson')
    shell(print.replace('events.ndjson', file))
    const answers = shell(strict(lines.replace('events.ndjson', file)))
      .trim()
      .split('\n')
    expect(answers.map((answer) => JSON.parse(answer) as unknown)).toMatchObject([
      { connections: 0 },
      { connections: 0 },
    ])
  })

  test('publish an event stream as the HTTP API says', async () => {
    const { url } = await startRecipeHub({})
    const commands = shellBlocks('docs/http-api.md').flatMap((code) => commandsIn(code, url))
    const { published, id } = JSON.parse(shell(commands.at(-1) ?? ''))
    expect([published, id]).toEqual([2, expect.any(String)])
  })

  test('publish, request tickets and disconnect as the page on authentication says', async () => {
    const { url } = await startRecipeHub({ PUBLISH_KEY: KEY })
    const commands = shellBlocks('docs/authentication.md')
      .flatMap((code) => commandsIn(code, url))
      .filter((command) => command.startsWith('curl'))
    const results = commands.map((one) => JSON.parse(shell(strict(one), { PUBLISH_KEY: KEY })))
    expect(results).toMatchObject([
      { connections: 0 },
      { ticket: expect.any(String), expiresInSeconds: 30 },
      { disconnected: 0, blockedSeconds: 3_600 },
    ])
  })
})

describe('the command line', () => {
  const [commands = ''] = shellBlocks('docs/operations.md').filter((one) => one.startsWith('npx'))
  let server: Server
  beforeAll(async () => {
    server = await startRecipeHub({ PUBLISH_KEY: KEY })
  })

  test('listens, publishes, gets tickets, lists and disconnects as the page says', async () => {
    const [, listen = '', tail = '', ...rest] = commandsIn(commands, server.url)
    const [publish = '', batch = '', ticket = '', clients = '', disconnect = ''] = rest
    const follower = startInBackground(tail, { PUBLISH_KEY: KEY })
    await eventually(() => expect(follower.stderr).toContain('(topics: news, sport)'))
    const listener = startInBackground(listen, { PUBLISH_KEY: KEY })
    await eventually(() => expect(listener.stderr).toContain('listening as alice'))
    expect(shell(publish, { PUBLISH_KEY: KEY })).toMatch(/"connections":1/)
    await eventually(() => expect(listener.lines.join()).toContain('"data":"hello"'))
    const lines = `printf '{"to":"everyone","data":"batch"}'`
    const piped = `${lines} | ${batch.replace('events.ndjson', '-')}`
    expect(shell(piped, { PUBLISH_KEY: KEY })).toMatch(/"connections":2/)
    await eventually(() => expect(listener.lines.join()).toContain('"data":"batch"'))
    expect(shell(ticket, { PUBLISH_KEY: KEY }).trim()).toMatch(/^\S{40,}$/)
    expect(shell(clients, { PUBLISH_KEY: KEY })).toMatch(/^alice /m)
    expect(shell(disconnect, { PUBLISH_KEY: KEY })).toContain('"blockedSeconds":60')
  })

  test('serves at the port of its flag', async () => {
    const [serve = ''] = commandsIn(commands, server.url)
    expect(serve).toMatch(/ --port 3020$/)
    const one = startInBackground(serve.replace('3020', '0'), {})
    await eventually(() => expect(one.lines.join()).toContain('"listening"'))
  })
})

/** The TypeScript and JavaScript of a page, each block a module of its own. */
function modulesOf(page: string): [name: string, code: string][] {
  return (
    blocksIn(textOf(page))
      // A file in JavaScript is run by a test of its own.
      .filter(({ language, title }) => ['ts', 'tsx', title ? '' : 'js'].includes(language))
      .map(({ language, title, code }, at) => {
        const extension = language === 'tsx' ? 'tsx' : 'ts'
        const name = title ?? `${page.slice('docs/'.length, -3)}-${at}.${extension}`
        return [name, `${withExtensions(code)}\nexport {}\n`]
      })
  )
}

function shellBlocks(page: string): string[] {
  return blocksIn(textOf(page)).flatMap(({ language, code }) => (language === 'sh' ? [code] : []))
}

/** A command that fails where the hub refuses, and says nothing but its answer. */
function strict(command: string): string {
  return command.replace(/^curl/, 'curl -fsS')
}

/** Markdown without its code. */
function prose(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, 'code')
}

function leads(from: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const file = path === '' ? from : join(dirname(from), path)
  if (!existsSync(join(ROOT, file))) return false
  return heading === undefined || headingsOf(textOf(file)).includes(heading)
}

/** The anchors of a page's headings, as GitHub makes them. */
function headingsOf(text: string): string[] {
  const headings = text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#{1,6} (.*)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
