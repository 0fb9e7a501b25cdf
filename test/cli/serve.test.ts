/** `hono-sse` and `hono-sse serve` start a server, whose flags are the variables of its environment. */
import { afterAll, describe, expect, test } from 'vitest'
import { defaults, variables } from '../../src/server/config.ts'
import { KEY, run, start } from '../support/cli.ts'
import { publish } from '../support/client.ts'
import { REDIS_IS_MISSING, startRedis } from '../support/redis.ts'

async function served(args: string[], environment: Record<string, string> = {}) {
  const server = start(args, { environment })
  await server.prints('Try these')
  const [url = ''] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(server.stderr) ?? []
  return { server, url }
}

async function stopped(server: ReturnType<typeof start>): Promise<void> {
  server.signal('SIGTERM')
  expect((await server.ended).exit).toBe(0)
}

test.each([[[]], [['serve']]])(
  '%j starts a server that serves, and ends at SIGTERM',
  async (args) => {
    const { server, url } = await served([...args, '--port', '0', '--drain-seconds', '1'])
    await publish(url, '/broadcast', 'hello')
    expect(server.stderr).toContain('mode     loopback')
    expect(server.stderr).toContain('journal  memory')
    expect(server.stderr).toContain(`curl -N '${url}/sse?id=alice'`)
    await stopped(server)
  },
)

test('every line on stdout is JSON, and the banner is not among them', async () => {
  const { server } = await served(['--port', '0'])
  await stopped(server)
  const { stdout } = await server.ended
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { message: string })
  expect(lines.map(({ message }) => message)).toEqual(['listening', 'stopping', 'stopped'])
})

test('a flag takes precedence over its variable', async () => {
  const { server } = await served(['--port', '0', '--log-level', 'info'], {
    PORT: 'none',
    LOG_LEVEL: 'loud',
  })
  await stopped(server)
})

test('a variable applies when its flag is absent', async () => {
  const { server } = await served(['--port', '0'], { PUBLISH_KEY: KEY })
  expect(server.stderr).toContain('mode     keys')
  expect(server.stderr + server.stdout).not.toContain(KEY)
  await stopped(server)
})

test.each([[['--allow-anonymous']], [['--allow-anonymous', 'true']]])(
  '%j permits a public address',
  async (args) => {
    const { server } = await served(['--port', '0', ...args])
    expect(server.stderr).toContain('mode     anonymous')
    await stopped(server)
  },
)

test('each numeric flag sets its variable, and all mistakes are reported at once', async () => {
  const numbers = variables.filter((name) => typeof defaults[name] === 'number')
  const flags = numbers.flatMap((name) => [`--${name.toLowerCase().replaceAll('_', '-')}`, 'x'])
  const { stdout, stderr, exit } = await run(flags)
  for (const name of numbers) expect(stderr).toMatch(new RegExp(`^ {2}${name} must be`, 'm'))
  expect({ stdout, exit }).toEqual({ stdout: '', exit: 2 })
})

test('without a key it does not start on a public address, and says what to set', async () => {
  const { stderr, exit } = await run(['--host', '0.0.0.0', '--port', '0'])
  expect(stderr).toMatch(/PUBLISH_KEY.*ALLOW_ANONYMOUS/s)
  expect(exit).toBe(2)
})

const redis = REDIS_IS_MISSING ? undefined : await startRedis()
afterAll(() => redis?.close())

describe.skipIf(redis === undefined)('with Redis', () => {
  test('the banner mentions the journal', async () => {
    const { server } = await served(['--port', '0', '--redis-url', redis?.url ?? ''])
    expect(server.stderr).toContain('journal  Redis')
    await stopped(server)
  })
})
