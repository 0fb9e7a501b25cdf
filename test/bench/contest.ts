/** One run: a contestant on one core, the load client on another, both gone at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect as open } from 'node:net'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Command, type Contestant, tool } from './contestants.ts'
import type { Answer, Job, ScenarioName, Size } from './job.ts'

const START_MS = 30_000
const STOP_MS = 1_000
/** The longest that a run may take, whatever its scenario waits for. */
const RUN_MS = 150_000

const HERE = import.meta.dirname
const SERVER_CORE = '0'
const CLIENT_CORE = availableParallelism() > 1 ? '1' : '0'
const EVERY_CORE = CLIENT_CORE === SERVER_CORE ? SERVER_CORE : `${SERVER_CORE},${CLIENT_CORE}`

/** Runs one scenario against a contestant. */
export async function runContest(
  contestant: Contestant,
  scenario: ScenarioName,
  size: Size,
): Promise<Answer> {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-bench-'))
  const port = await freePort()
  let server: ChildProcess | undefined
  try {
    const { everyCore } = contestant
    server = pinned(everyCore ? EVERY_CORE : SERVER_CORE, contestant.start(port, folder))
    if (everyCore) await printed(everyCore.ready, server)
    await accepting(port, server)
    if (server.pid === undefined) throw new Error('it did not start')
    const { protocol } = contestant
    return await load({ ...size, scenario, port, pid: server.pid, protocol })
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) }
  } finally {
    await stop(server)
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How many files a process of this user may open. */
export async function fileLimit(): Promise<number> {
  const limit = await outputOf(spawn('bash', ['-c', 'ulimit -Hn']))
  return limit.trim() === 'unlimited' ? 1_048_576 : Number(limit)
}

async function load(job: Job): Promise<Answer> {
  const args = ['run', join(HERE, 'load.js'), JSON.stringify(job)]
  const client = pinned(CLIENT_CORE, { file: tool('bun'), args })
  const timer = setTimeout(() => client.kill('SIGKILL'), RUN_MS)
  const output = await outputOf(client)
  clearTimeout(timer)
  return output === '' ? { error: 'the load client came to no end' } : JSON.parse(output)
}

/** A process on one core, with as many files as it may have. */
function pinned(core: string, { file, args, env }: Command): ChildProcess {
  const script = 'ulimit -n "$(ulimit -Hn)"; exec taskset -c "$0" "$@"'
  return spawn('bash', ['-c', script, core, file, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function outputOf(process: ChildProcess): Promise<string> {
  let output = ''
  process.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  await new Promise((resolve) => process.once('close', resolve))
  return output
}

async function printed(text: string, server: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.stdout?.on('data', (output: Buffer) => output.includes(text) && resolve())
    server.once('close', () => reject(new Error('it did not start')))
  })
}

async function accepting(port: number, server: ChildProcess): Promise<void> {
  server.stdout?.resume()
  const deadline = Date.now() + START_MS
  while (Date.now() < deadline && server.exitCode === null) {
    if (await answers(port)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('it did not start')
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = open(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** A free port of this machine. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}

async function stop(server: ChildProcess | undefined): Promise<void> {
  if (!server || server.exitCode !== null || server.signalCode !== null) return
  const gone = new Promise((resolve) => server.once('close', resolve))
  // A second signal ends the hub at once; nginx takes its workers along at the first.
  server.kill('SIGTERM')
  await Promise.race([gone, new Promise((resolve) => setTimeout(resolve, STOP_MS / 4))])
  server.kill('SIGTERM')
  const timer = setTimeout(() => server.kill('SIGKILL'), STOP_MS)
  await gone
  clearTimeout(timer)
}
