/** Instances of a cluster: the three doors as processes of their own, all on one Redis. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../..', import.meta.url))

/** How each runtime starts its door. */
const DOORS = {
  node: [process.execPath, 'dist/node.js'],
  bun: ['node_modules/.bin/bun', 'run', 'src/bun.ts'],
  deno: ['node_modules/.bin/deno', 'run', '--allow-net', '--allow-env', 'src/deno.ts'],
} as const

/** A runtime that has a door. */
export type DoorName = keyof typeof DOORS

/** One instance. */
export interface Instance {
  readonly name: DoorName
  /** Where it listens now; undefined while it does not run. */
  readonly url: string | undefined
  /** What it wrote, over all its lives. */
  readonly lines: readonly string[]
  start(): Promise<void>
  /** Ends it at once. */
  kill(): Promise<void>
}

const running = new Set<number>()
process.once('exit', () => {
  for (const pid of running) killGroup(pid)
})

/** Makes an instance that does not run yet. */
export function createInstance(name: DoorName, environment: Record<string, string>): Instance {
  const lines: string[] = []
  let child: ChildProcess | undefined
  let url: string | undefined
  return {
    name,
    lines,
    get url() {
      return url
    },
    start,
    kill,
  }

  async function start(): Promise<void> {
    const [file, ...args] = DOORS[name]
    const { PATH = '', HOME = '' } = process.env
    const env = { PATH, HOME, NO_COLOR: '1', PORT: '0', CLOCK_SECONDS: '0', ...environment }
    // A group of its own, because a launcher may start the runtime as its child.
    child = spawn(file, args, {
      cwd: ROOT,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    if (child.pid) running.add(child.pid)
    const started = child
    started.stderr?.setEncoding('utf8').on('data', (text: string) => void lines.push(text))
    url = await new Promise<string>((resolve, reject) => {
      started.once('exit', () => reject(new Error(`${name} is over: ${lines.join('\n')}`)))
      let rest = ''
      started.stdout?.setEncoding('utf8').on('data', (text: string) => {
        const parts = (rest + text).split('\n')
        rest = parts.pop() ?? ''
        lines.push(...parts)
        const line = parts.find((part) => part.includes('"listening"'))
        if (line) resolve((JSON.parse(line) as { url: string }).url)
      })
    })
    await ready()
  }

  async function ready(): Promise<void> {
    for (let tries = 0; tries < 500; tries++) {
      if ((await fetch(`${url}/readyz`)).ok) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`${name} does not reach Redis.`)
  }

  async function kill(): Promise<void> {
    const ended = child
    url = undefined
    if (!ended?.pid || ended.exitCode !== null || ended.signalCode !== null) return
    const gone = new Promise((resolve) => ended.once('exit', resolve))
    killGroup(ended.pid)
    await gone
    running.delete(ended.pid)
  }
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}
