/**
 * What publishing costs Redis: `npm run bench:redis [-- --save]`. It counts CPU time as Redis itself
 * reports it, so that it is valid on a busy machine, too. The script is compared with a bare,
 * pipelined XADD. A full journal evicts one event per append, as any does after JOURNAL_SECONDS.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from './contest.ts'

/** What is measured, and how many events one call of it stores. */
interface Subject {
  readonly name: string
  /** The script to load first. */
  readonly script?: string
  readonly command: readonly string[]
  readonly events: number
}

const EVENTS = 120_000
const ROUNDS = 3
const BODY = `data: ${'x'.repeat(100)}\n\n`
/** redis-benchmark replaces this with a number below 10,000. */
const ONE_OF_MANY = '__rand_int__'
/** Every script gets: prefix, run, a new epoch, what was seen; bounds on events, age, bytes. */
const FIRST = ['{bench}', 'run', 'fresh', '', '0', '1000', '300000']
const ROOMY = '1000000000'
/** Fewer bytes than are stored before the measurement starts. */
const FULL = '8000000'

const scripts = (await import(join(process.cwd(), 'dist/journal/redis/scripts/index.js'))) as {
  readonly PUBLISH: { readonly text: string }
}
const port = String(await freePort())
let server: ChildProcess | undefined
process.once('exit', () => server?.kill('SIGKILL'))

const subjects: readonly Subject[] = [
  { name: 'XADD', command: ['XADD', 'log', '*', 'f', BODY], events: 1 },
  {
    name: 'XADD to 10,000 streams',
    command: ['XADD', `log:${ONE_OF_MANY}`, '*', 'f', BODY],
    events: 1,
  },
  calling('a script that does nothing', 'return 1', ['all', BODY]),
  ...[1, 16, 128].map((events) => publishing('one address', 'all', events)),
  ...[1, 4, 16, 64, 128].map((events) =>
    publishing('10,000 addresses', `c:${ONE_OF_MANY}`, events),
  ),
  ...[1, 16, 128].map((events) =>
    publishing('10,000 addresses of a full journal', `c:${ONE_OF_MANY}`, events, FULL),
  ),
]

// Round by round, so that other load on the machine affects every case alike.
const rounds: number[][] = []
for (let round = 0; round < ROUNDS; round++) {
  const measured: number[] = []
  for (const subject of subjects) measured.push(await measureUs(subject))
  rounds.push(measured)
}
const figures = Object.fromEntries(
  subjects.map(({ name }, at) => [name, median(rounds.map((round) => round[at] ?? 0))]),
)
for (const [name, us] of Object.entries(figures))
  console.log(`${us.toFixed(1).padStart(7)} µs  ${name}`)
if (process.argv.includes('--save')) {
  const folder = join(process.cwd(), 'test/bench/figures')
  mkdirSync(folder, { recursive: true })
  const data = { date: new Date().toISOString(), cpuUsPerEvent: figures }
  writeFileSync(join(folder, 'redis.json'), `${JSON.stringify(data, null, 2)}\n`)
}
process.exit()

/** A call of the script, as instances make it. */
function publishing(to: string, key: string, events: number, bytes = ROOMY): Subject {
  const keys = Array.from({ length: events }, () => key)
  const marks = (key.includes(ONE_OF_MANY) ? keys : [key]).join('\n')
  const args = [marks, ...keys.flatMap((one) => [one, BODY])]
  const name = `publish to ${to}, ${events} at a time`
  return { ...calling(name, scripts.PUBLISH.text, args, bytes), events }
}

function calling(name: string, text: string, args: readonly string[], bytes = ROOMY): Subject {
  const sha = createHash('sha1').update(text).digest('hex')
  const command = ['EVALSHA', sha, '1', '{bench}:head', ...FIRST, bytes, ...args]
  return { name, script: text, command, events: 1 }
}

function median(values: number[]): number {
  return values.sort((one, other) => one - other)[values.length >> 1] ?? 0
}

/** Microseconds of CPU per event, in its own Redis, once the journal holds some events. */
async function measureUs({ script, command, events }: Subject): Promise<number> {
  server = spawn('redis-server', ['--port', port, '--save', ''], { stdio: 'ignore' })
  const gone = new Promise((resolve) => server?.once('close', resolve))
  while (!answers()) await new Promise((resolve) => setTimeout(resolve, 50))
  if (script !== undefined) redis('SCRIPT', 'LOAD', script)
  const calls = Math.ceil(EVENTS / events)
  load(command, Math.ceil(calls / 4))
  const before = cpuSeconds()
  load(command, calls)
  const us = ((cpuSeconds() - before) * 1e6) / (calls * events)
  server.kill('SIGKILL')
  await gone
  return us
}

function load(command: readonly string[], calls: number): void {
  const options = ['-p', port, '-n', String(calls), '-c', '16', '-P', '16', '-r', '10000', '-q']
  // On a busy machine it reports its progress more often than fits into a buffer.
  execFileSync('redis-benchmark', [...options, ...command], { stdio: 'ignore' })
}

function cpuSeconds(): number {
  const text = redis('INFO', 'cpu')
  const seconds = (name: string) => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1])
  return seconds('used_cpu_user_main_thread') + seconds('used_cpu_sys_main_thread')
}

function redis(...args: string[]): string {
  return execFileSync('redis-cli', ['-p', port, ...args], {
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim()
}

function answers(): boolean {
  try {
    return redis('PING') === 'PONG'
  } catch {
    return false
  }
}
