/** Runs the built command as a shell would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { eventually } from './eventually.ts'

const ROOT = new URL('../..', import.meta.url)

/** The built command. */
export const CLI = 'dist/cli.js'

/** How a command ended. */
export interface Ended {
  readonly stdout: string
  readonly stderr: string
  /** The exit code, or the name of the signal that ended it. */
  readonly end: number | string
}

/** A running command. */
export interface Running {
  readonly stdout: string
  readonly stderr: string
  readonly ended: Promise<Ended>
  /** Resolves once the text appears on stdout or stderr. */
  says(text: string | RegExp): Promise<unknown>
  signal(name: NodeJS.Signals): void
}

/** The environment and input of a command. */
export interface Surroundings {
  readonly environment?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts `hono-sse` with arguments. */
export function start(args: readonly string[], surroundings: Surroundings = {}): Running {
  return startFile(process.execPath, [CLI, ...args], surroundings)
}

/** Starts any program in the folder of package.json. */
export function startFile(file: string, args: readonly string[], with_: Surroundings): Running {
  const { PATH = '', HOME = '' } = process.env
  const env = { PATH, HOME, NO_COLOR: '1', DRAIN_DELAY_SECONDS: '0', ...with_.environment }
  const child = spawn(file, args, { cwd: ROOT, env, stdio: 'pipe' })
  running.add(child)
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  child.stdin.end(with_.stdin)
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child)
      resolve({ stdout, stderr, end: code ?? signal ?? 'unknown' })
    })
  })
  return {
    get stdout() {
      return stdout
    },
    get stderr() {
      return stderr
    },
    ended,
    says: (text) =>
      eventually(() => {
        const all = stdout + stderr
        const found = typeof text === 'string' ? all.includes(text) : text.test(all)
        if (!found) throw new Error(`It does not say ${text}, but:\n${all}`)
      }),
    signal: (name) => void child.kill(name),
  }
}

/** Runs `hono-sse` to its end. */
export function run(args: readonly string[], surroundings?: Surroundings): Promise<Ended> {
  return start(args, surroundings).ended
}
