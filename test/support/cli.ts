/** Runs the built command as a shell would. */
import { type ChildProcess, spawn } from 'node:child_process'
import { eventually } from './eventually.ts'

const ROOT = new URL('../..', import.meta.url)

/** The built command. */
export const CLI = 'dist/cli.js'

/** The key of the servers that commands talk to. */
export const KEY = 'a-publish-key-of-the-tests'

/** How a command ended. */
export interface CommandResult {
  readonly stdout: string
  readonly stderr: string
  /** The exit code, or the name of the signal that ended it. */
  readonly exit: number | string
}

/** A running command. */
export interface RunningCommand {
  readonly stdout: string
  readonly stderr: string
  readonly ended: Promise<CommandResult>
  /** Resolves once the text appears on stdout or stderr. */
  prints(text: string | RegExp): Promise<unknown>
  signal(name: NodeJS.Signals): void
  /** Writes to its standard input, if that was kept open. */
  type(text: string): void
}

/** The environment and input of a command. */
export interface CommandOptions {
  readonly environment?: Readonly<Record<string, string>>
  readonly stdin?: string | Uint8Array
  /** Whether its standard input stays open. @defaultValue false */
  readonly keepOpen?: boolean
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts `hono-sse` with arguments. */
export function start(args: readonly string[], options: CommandOptions = {}): RunningCommand {
  return startFile(process.execPath, [CLI, ...args], options)
}

/** Starts any program in the folder of package.json. */
export function startFile(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): RunningCommand {
  const { PATH = '', HOME = '' } = process.env
  const env = { PATH, HOME, NO_COLOR: '1', DRAIN_DELAY_SECONDS: '0', ...options.environment }
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
  if (!options.keepOpen) child.stdin.end(options.stdin)
  const ended = new Promise<CommandResult>((resolve) => {
    child.once('close', (code, signal) => {
      running.delete(child)
      resolve({ stdout, stderr, exit: code ?? signal ?? 'unknown' })
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
    prints: (text) =>
      eventually(() => {
        const all = stdout + stderr
        const found = typeof text === 'string' ? all.includes(text) : text.test(all)
        if (!found) throw new Error(`It does not say ${text}, but:\n${all}`)
      }),
    signal: (name) => void child.kill(name),
    type: (text) => void child.stdin.write(text),
  }
}

/** Runs `hono-sse` to its end. */
export function run(args: readonly string[], options?: CommandOptions): Promise<CommandResult> {
  return start(args, options).ended
}
