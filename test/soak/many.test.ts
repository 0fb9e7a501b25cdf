/** Very many connections on one Node process: all are served, and what they took is given back. */
import { execSync } from 'node:child_process'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connectionsOf, publish, until } from '../runtime/client.ts'
import { type Server, startServer } from '../runtime/process.ts'
import { openCrowd } from './crowd.ts'

/** More where the machine allows and the environment asks: `MANY=50000`. */
const WANTED = Number(process.env.MANY ?? 10_000)
const OPEN_FILES = Number(execSync('ulimit -Hn', { encoding: 'utf8' }).replace('unlimited', '1e6'))
/** Both ends are processes of this machine, and have other files to open. */
const SIZE = Math.min(WANTED, OPEN_FILES - 1_000)
const BROADCASTS = 5
const WAIT_MS = 120_000

let server: Server

beforeAll(async () => {
  const preload = ['--expose-gc', '--import', './test/soak/heap.mjs']
  const node = `ulimit -n ${OPEN_FILES}; exec "$0" "$@"`
  server = await startServer(
    { file: 'bash', args: ['-c', node, process.execPath, ...preload, 'dist/node.js'] },
    { CLOCK_SECONDS: '0', MAX_CONNECTIONS: String(SIZE + 100), LOG_LEVEL: 'info' },
  )
})

afterAll(() => server?.kill())

test(
  `${SIZE} connections are opened, broadcast to and closed, twice, and the heap is back within a tenth`,
  async () => {
    // The first few make the server load and compile what it will need.
    await comeAndGo(1_000)
    const before = await heapBytes()
    for (let round = 1; round <= 2; round++) {
      await comeAndGo(SIZE)
      expect((await heapBytes()) / before, `round ${round}`).toBeLessThan(1.1)
    }
  },
  3 * WAIT_MS,
)

async function comeAndGo(size: number): Promise<void> {
  const { url } = server
  const crowd = await openCrowd(url, size, WAIT_MS)
  for (let i = 0; i < BROADCASTS; i++) {
    const text = `broadcast-${i}.`
    const all = crowd.expect(text, WAIT_MS)
    expect(await publish(url, '/broadcast', text)).toMatchObject({ connections: size })
    const health = await fetch(`${url}/healthz`)
    expect(health.status).toBe(200)
    await all
  }
  crowd.leave()
  await until('the hub is empty', async () => (await total(url)) === 0, WAIT_MS)
  expect(await connectionsOf(url, '0')).toEqual([])
}

async function total(url: string): Promise<number> {
  const response = await fetch(`${url}/clients?limit=1`)
  return ((await response.json()) as { total: number }).total
}

/** Bytes of heap in use in the server, without garbage. */
async function heapBytes(): Promise<number> {
  const asked = server.stderr.length
  server.signal('SIGUSR2')
  await until('the server tells', () => server.stderr.slice(asked).endsWith('\n'))
  return Number(/heap (\d+)/.exec(server.stderr.slice(asked))?.[1])
}
