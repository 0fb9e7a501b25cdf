/** `hono-sse/client` in Node, Bun and Deno: it listens, resumes after a restart of the hub, and ends by `close`. */
import { expect, onTestFinished, test } from 'vitest'
import { publish, untilConnections } from '../../support/client.ts'
import { until } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { type Command, startProcess, startServer } from '../../support/process.ts'
import { COMMANDS, type RuntimeName } from '../../support/runtimes.ts'

const SCRIPT = 'test/support/listen.mjs'

const LISTEN: Readonly<Record<RuntimeName, Command>> = {
  node: { file: COMMANDS.node.file, args: [SCRIPT] },
  bun: { file: COMMANDS.bun.file, args: ['run', SCRIPT] },
  deno: { file: COMMANDS.deno.file, args: ['run', '--allow-net', '--allow-env', SCRIPT] },
}

test.each(['node', 'bun', 'deno'] as const)(
  'in %s, the client listens, resumes after a restart, and ends by close',
  async (runtime) => {
    const PORT = String(await freePort())
    const start = () =>
      startServer(COMMANDS.node, { PORT, CLOCK_SECONDS: '0', RETRY_MS: '300', DRAIN_SECONDS: '1' })
    let server = await start()
    onTestFinished(() => server.kill())
    const { url } = server
    const client = startProcess(LISTEN[runtime], { HUB_URL: url })
    onTestFinished(() => client.kill())
    const printed = (line: string) => until(line, () => client.lines.includes(line))
    await untilConnections(url, 'alice', 1)
    await publish(url, '/clients/alice', 'one')
    await printed('one')
    server.signal('SIGTERM')
    expect(await server.exit).toBe(0)
    server = await start()
    await publish(url, '/clients/alice', 'two')
    await printed('two')
    await untilConnections(url, 'alice', 1)
    await publish(url, '/clients/alice', 'close')
    expect(await client.exit, client.stderr).toBe(0)
    const events = client.lines.filter((line) => !line.startsWith('status: '))
    expect(events).toEqual(['one', 'gap: epoch', 'two', 'close'])
    expect(client.lines.at(-1)).toBe('status: ended')
    await untilConnections(url, 'alice', 0)
  },
)
