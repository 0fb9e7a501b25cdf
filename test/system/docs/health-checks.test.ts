/** The recipe's health checks, with the real HAProxy in front of each runtime. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { freePort } from '../../support/free-port.ts'
import { type Process, type Server, startProcess, startServer } from '../../support/process.ts'
import { COMMANDS } from '../../support/runtimes.ts'
import { codeOf } from './document.ts'
import { isMissing } from './real-proxies.ts'
import { KEY } from './sandbox.ts'

const ENVIRONMENT = {
  PUBLISH_KEY: KEY,
  CLOCK_SECONDS: '0',
  LOG_LEVEL: 'debug',
  DRAIN_DELAY_SECONDS: '20',
}

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

describe.skipIf(isMissing('haproxy'))('HAProxy, which checks an instance', () => {
  test.each(['node', 'deno', 'bun'] as const)(
    'on %s as the recipe says, or plainly',
    async (runtime) => {
      const server = await startServer(COMMANDS[runtime], ENVIRONMENT)
      ends.push(() => server.kill())
      const { isUp } = await startHaproxy(server)
      await eventually(() => expect(answered(server, '/readyz')).toBeGreaterThan(5))
      await eventually(async () => expect(await isUp('plain')).toBe(true))
      expect(await isUp('hub')).toBe(true)

      server.signal('SIGTERM')
      await eventually(async () => expect(await isUp('hub')).toBe(false))
      // It still serves those that HAProxy has sent already.
      expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
      expect(await isUp('plain')).toBe(true)
    },
  )
})

/** How many requests of a route the log shows. */
function answered({ lines }: Server, route: string): number {
  return lines.filter((line) => line.includes(`"route":"${route}"`)).length
}

/** Starts HAProxy with the recipe's backend, one with a plain check, and a page that shows what it thinks of both. */
async function startHaproxy({ url }: Server) {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-haproxy-'))
  const [port, path] = [await freePort(), join(folder, 'haproxy.cfg')]
  const address = new URL(url).host
  const recipe = codeOf('proxies', 'checks.cfg')
    .replace('10.0.0.1:3020', address)
    .replace(/^.* hub2 .*\n/m, '')
    .replaceAll('inter 1s', 'inter 100ms')
  expect(recipe).toContain(`server hub1 ${address} check inter 100ms`)
  writeFileSync(
    path,
    `
defaults
  mode http
  timeout connect 2s
  timeout client 2s
  timeout server 2s
${recipe}
backend plain
  option httpchk
  server hub1 ${address} check inter 100ms
frontend opinions
  bind 127.0.0.1:${port}
  http-request return content-type text/plain lf-string "hub=%[srv_is_up(hub/hub1)] plain=%[srv_is_up(plain/hub1)]"
`,
  )
  const haproxy: Process = startProcess({ file: 'haproxy', args: ['-db', '-f', path] }, {})
  ends.push(async () => {
    await haproxy.kill()
    rmSync(folder, { recursive: true })
  })
  const opinions = async () => (await fetch(`http://127.0.0.1:${port}/`)).text()
  await eventually(opinions).catch((error) => {
    throw new Error(`HAProxy does not listen (${error}): ${haproxy.stderr}`)
  })
  return { isUp: async (backend: string) => (await opinions()).includes(`${backend}=1`) }
}
