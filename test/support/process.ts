/** Starts a server as a separate process, reads its log, and makes sure that it ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { fileURLToPath } from 'node:url'

/** The environment variables of a server, besides the port. */
export type Environment = Readonly<Record<string, string>>

/** A process that was started, whether or not it listens. */
export interface Process {
  readonly pid: number
  /** The lines it wrote to stdout. */
  readonly lines: readonly string[]
  /** Everything it wrote to stderr. */
  readonly stderr: string
  /** The exit code, or the name of the signal that ended it. */
  readonly exit: Promise<number | string>
  signal(name: NodeJS.Signals): void
  /** Kills it and its children. */
  kill(): Promise<void>
}

/** A server that listens. */
export interface Server extends Process {
  readonly url: string
}

/** How a process is started. */
export interface Command {
  readonly file: string
  readonly args: readonly string[]
}

/** The folder of package.json. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))

const START_MS = 120_000

const groups = new Set<number>()
process.once('exit', () => {
  for (const pid of groups) killGroup(pid)
})

/** Starts a server on a free port of this machine; resolves when it logs that it listens. */
export async function startServer(command: Command, environment: Environment): Promise<Server> {
  const server = startProcess(command, environment)
  const timer = setTimeout(() => void server.kill(), START_MS)
  try {
    const url = await Promise.race([server.listening, server.exit.then(() => undefined)])
    if (!url) throw new Error(`No server: ${server.lines.join('\n')}\n${server.stderr}`)
    return Object.assign(server, { url })
  } finally {
    clearTimeout(timer)
  }
}

/** Starts a process that may end by itself. */
export function startProcess(
  { file, args }: Command,
  environment: Environment,
): Process & { readonly listening: Promise<string> } {
  const { PATH = '', HOME = '' } = process.env
  const own = { PATH, HOME, TMPDIR: tmpdir(), NO_COLOR: '1', PORT: '0', DRAIN_DELAY_SECONDS: '0' }
  const child = spawn(file, args, {
    cwd: ROOT,
    env: { ...own, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that its children can be ended with it.
    detached: true,
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${file} can't be started.`)
  groups.add(pid)
  const lines: string[] = []
  const errors: string[] = []
  child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text))
  const exit = exitOf(child)
  return {
    pid,
    lines,
    get stderr() {
      return errors.join('')
    },
    exit,
    listening: urlIn(child, lines),
    signal: (name) => void child.kill(name),
    kill: async () => {
      killGroup(pid)
      await exit
      groups.delete(pid)
    },
  }
}

function urlIn(child: ChildProcess, lines: string[]): Promise<string> {
  let rest = ''
  return new Promise((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      lines.push(...parts)
      for (const line of parts) {
        const url = urlOf(line)
        if (url) resolve(url)
      }
    })
  })
}

function urlOf(line: string): string | undefined {
  if (!line.includes('"listening"')) return undefined
  const { url } = JSON.parse(line) as { url: string }
  return url.replace(/\/$/, '')
}

function exitOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(code ?? signal ?? 'unknown'))
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}
