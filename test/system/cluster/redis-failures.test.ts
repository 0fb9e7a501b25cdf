/** Errors that Redis can answer: each is reported, and none of them ends a stream. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { startRedisPair } from '../../support/failover.ts'
import { freePort } from '../../support/free-port.ts'
import { type Process, type Server, startProcess, startServer } from '../../support/process.ts'
import { type Reader, readEvents } from '../../support/reader.ts'
import { REDIS_IS_MISSING, type RedisServer, startRedis } from '../../support/redis.ts'
import { COMMANDS } from '../../support/runtimes.ts'

/** Each line is written after something else has kept the event loop for longer than half a second. */
const SLOW_LINES = `data:text/javascript,${encodeURIComponent(`
  import fs from 'node:fs'
  import { syncBuiltinESMExports } from 'node:module'
  const { write } = fs
  fs.write = (...args) =>
    setImmediate(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600)
      write(...args)
    })
  syncBuiltinESMExports()
`)}`

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function ending<T>(one: T, end: (one: T) => Promise<unknown>): T {
  ends.push(() => end(one))
  return one
}

const redisWith = async (...settings: string[]) =>
  ending(await startRedis('none', settings), (redis) => redis.close())

async function serve(REDIS_URL: string, environment = {}): Promise<Server> {
  const settings = { REDIS_URL, CLOCK_SECONDS: '0', LOG_LEVEL: 'debug', ...environment }
  return ending(await startServer(COMMANDS.node, settings), (server) => server.kill())
}

async function listen({ url }: Server): Promise<Reader> {
  const stream = readEvents(await fetch(`${url}/sse?id=alice`))
  await stream.next(({ event }) => event === 'hub:ready')
  return ending(stream, ({ close }) => close())
}

function publish({ url }: Server, data: string): Promise<Response> {
  const headers = { 'Content-Type': 'text/plain' }
  return fetch(`${url}/clients/alice`, { method: 'POST', headers, body: data })
}

function saidBy({ lines, stderr }: Process): string {
  return `${lines.join('\n')}\n${stderr}`
}

async function expectRefusal(answer: Response, detail: RegExp): Promise<void> {
  expect(answer.status).toBe(503)
  expect(answer.headers.get('Retry-After')).toMatch(/^\d+$/)
  expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(detail) })
}

/** Publishes until a request succeeds, and checks that the open stream receives the event. */
async function expectToGoOn(server: Server, stream: Reader): Promise<void> {
  await eventually(async () => expect((await publish(server, 'at last')).status).toBe(200))
  await stream.next(({ data }) => data === 'at last')
  expect(stream.events.filter(({ event }) => event === 'hub:bye')).toEqual([])
}

describe.skipIf(REDIS_IS_MISSING)('while Redis', () => {
  test('is out of memory, publishing is refused with the reason, and streams stay open', async () => {
    const redis = await redisWith()
    const server = await serve(redis.url, { HEARTBEAT_SECONDS: '1' })
    const stream = await listen(server)
    await redis.command('CONFIG', 'SET', 'maxmemory', '1')
    await expectRefusal(await publish(server, 'x'), /^The journal refused \(OOM [^:]+\): /)
    // Open streams receive a heartbeat, and new ones are accepted.
    await stream.next(({ event }) => event === 'hub:beat')
    await listen(server)
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    await expectToGoOn(server, stream)
  })

  test('is a replica, publishing is refused until there is a primary', async () => {
    const pair = ending(await startRedisPair(), ({ close }) => close())
    const server = await serve(pair.url)
    const stream = await listen(server)
    await pair.caughtUp()
    await pair.demote()
    await expectRefusal(await publish(server, 'x'), /READONLY|can’t be reached/)
    await pair.failOver()
    await expectToGoOn(server, stream)
  })

  test('loads its data, publishing is refused, and works again afterwards', async () => {
    const redis = ending(await startRedis('always'), ({ close }) => close())
    const server = await serve(redis.url)
    const stream = await listen(server)
    const fill = `for i = 1, 6000 do redis.call('SET', 'other' .. i, 'x') end`
    await redis.command('EVAL', fill, '0')
    await redis.command('CONFIG', 'SET', 'key-load-delay', '400')
    await redis.command('CONFIG', 'REWRITE')
    await redis.crash()
    const back = redis.restart()
    await eventually(() => expect(saidBy(server)).toContain('"reason":"LOADING '))
    await expectRefusal(await publish(server, 'x'), /can’t be reached/)
    await back
    await expectToGoOn(server, stream)
  })
})

describe.skipIf(REDIS_IS_MISSING)('at its start a server', () => {
  const over = (REDIS_URL: string): Process =>
    ending(startProcess(COMMANDS.node, { REDIS_URL }), ({ kill }) => kill())

  test.each([
    ['without the password', '', 'NOAUTH'],
    ['with a wrong password', ':not-sesame@', 'WRONGPASS'],
    ['with a user without permissions', 'nobody:sesame@', 'NOPERM'],
  ])('%s exits with 2, says why, and does not print the password', async (_, user, reason) => {
    const { url } = await redisWith('requirepass sesame', 'user nobody on >sesame ~* +hello')
    const refused = over(url.replace('://', `://${user}`))
    expect(await refused.exit).toBe(2)
    const said = saidBy(refused)
    expect(said).toMatch(new RegExp(`"level":"FATAL".*REDIS_URL.*"reason":"${reason}`))
    expect(said).not.toContain('sesame')
  })

  test('on a machine that gives it little time says why, too', async () => {
    const { url } = await redisWith('requirepass sesame')
    const command = { ...COMMANDS.node, args: ['--import', SLOW_LINES, ...COMMANDS.node.args] }
    const refused = ending(startProcess(command, { REDIS_URL: url }), ({ kill }) => kill())
    expect(await refused.exit).toBe(2)
    expect(saidBy(refused)).toMatch(/"level":"FATAL".*"reason":"NOAUTH/)
  })

  test.each([
    ['has a user without INFO', 'user default on nopass ~* &* +@all -info', '', 'NOPERM'],
    ['has no INFO', 'rename-command INFO ""', '', 'ERR unknown command'],
    ['lacks the database', '', '/99', 'ERR DB index'],
  ])('whose Redis %s exits with 2 and says why', async (_, setting, path, reason) => {
    const { url } = await redisWith(setting)
    const refused = over(url + path)
    expect(await refused.exit).toBe(2)
    expect(saidBy(refused)).toMatch(new RegExp(`"level":"FATAL".*"reason":"${reason}`))
  })

  test('whose journal a newer version has changed exits with 2 and says why', async () => {
    const redis = await redisWith()
    await redis.command('HSET', '{hono-sse}:head', 'format', '99')
    const refused = over(redis.url)
    expect(await refused.exit).toBe(2)
    expect(saidBy(refused)).toMatch(/"level":"FATAL".*"reason":"FORMAT .* format 99, /)
  })

  test('whose Redis drops keys when its memory is full is not ready until it no longer does', async () => {
    const dropping = await redisWith('maxmemory 100mb', 'maxmemory-policy allkeys-lru')
    const accepting = await serve(dropping.url, { REDIS_EVICTION: 'accept' })
    const warning = /"level":"WARN".*noeviction.*"eviction":"allkeys-lru"/
    await eventually(() => expect(saidBy(accepting)).toMatch(warning))
    const refusing = await serve(dropping.url)
    expect(saidBy(refusing)).toMatch(/"level":"ERROR".*allkeys-lru. Set it to noeviction/)
    expect((await fetch(`${refusing.url}/readyz`)).status).toBe(503)
    await expectRefusal(await publish(refusing, 'x'), /can’t be reached/)
    await dropping.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    await eventually(async () => expect((await publish(refusing, 'x')).status).toBe(200))
    const keeping = await redisWith('maxmemory 100mb', 'maxmemory-policy noeviction')
    expect(saidBy(await serve(keeping.url))).not.toContain('noeviction')
  })
})

describe.skipIf(REDIS_IS_MISSING)('over TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-'))
  const ca = join(folder, 'ca.pem')
  const cert = join(folder, 'cert.pem')
  const key = join(folder, 'key.pem')
  let redis: RedisServer
  let url = ''
  beforeAll(async () => {
    const authority = await generate([{ name: 'commonName', value: 'an authority' }], {
      extensions: [{ name: 'basicConstraints', cA: true, critical: true }],
    })
    const made = await generate([{ name: 'commonName', value: 'localhost' }], {
      ca: { key: authority.private, cert: authority.cert },
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    })
    writeFileSync(ca, authority.cert)
    writeFileSync(cert, made.cert)
    writeFileSync(key, made.private)
    const port = await freePort()
    url = `rediss://localhost:${port}`
    const files = [`tls-cert-file ${cert}`, `tls-key-file ${key}`, `tls-ca-cert-file ${ca}`]
    redis = await startRedis('none', [`tls-port ${port}`, ...files, 'tls-auth-clients no'])
  })
  afterAll(async () => {
    await redis.close()
    rmSync(folder, { recursive: true })
  })

  test.each(['node', 'bun', 'deno'] as const)(
    '%s trusts the certificates in NODE_EXTRA_CA_CERTS',
    async (runtime) => {
      const environment = { REDIS_URL: url, CLOCK_SECONDS: '0', NODE_EXTRA_CA_CERTS: ca }
      const server = await startServer(COMMANDS[runtime], environment)
      ending(server, ({ kill }) => kill())
      const stream = await listen(server)
      await expectToGoOn(server, stream)
    },
  )

  test('an untrusted certificate is refused, with a reason', async () => {
    const process = startProcess(COMMANDS.node, { REDIS_URL: url, CLOCK_SECONDS: '0' })
    ending(process, ({ kill }) => kill())
    await eventually(() => expect(saidBy(process)).toMatch(/"reason":"[^"]*certificate/))
  })
})
