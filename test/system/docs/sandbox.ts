/** A folder with the files of a recipe, compiled as a reader would compile them, and run. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll } from 'vitest'
import { eventually } from '../../support/eventually.ts'
import { startHub } from '../../support/hub-server.ts'
import {
  type Command,
  type Environment,
  type Process,
  ROOT,
  type Server,
  startProcess,
} from '../../support/process.ts'
import { filesOf } from './document.ts'

/** A folder of a recipe's files. */
export interface Sandbox {
  readonly folder: string
  /** Runs a command in the folder to its end, and returns what it says. @throws if it fails */
  run(file: string, ...args: string[]): Promise<string>
  /** Starts a program in the folder. */
  start(environment: Environment, file: string, ...args: string[]): Process
  /** Starts a program in the folder, and waits until it says where it listens. */
  serve(environment: Environment, file: string, ...args: string[]): Promise<Server>
}

/** What recipes may import. */
const PACKAGES = [
  '@hono',
  '@stablelib',
  '@trpc',
  '@types',
  'eventsource-parser',
  'express',
  'fast-sha256',
  'fastify',
  'hono',
  'react',
  'react-dom',
  'standardwebhooks',
  'vitest',
  'zod',
]

/** Compiler options of a reader who is strict, and runs the same files on a server and in a page. */
const TSCONFIG = {
  extends: join(ROOT, 'tsconfig.json'),
  compilerOptions: {
    rootDir: '.',
    outDir: '.',
    lib: ['ES2024', 'DOM', 'DOM.Iterable'],
    jsx: 'react-jsx',
    // An app that a page exports must have a type that can be named.
    declarationDir: 'types',
    isolatedDeclarations: false,
  },
  include: ['.'],
  exclude: ['node_modules', 'types'],
}

/** The key of the hubs that recipes talk to. */
export const KEY = 'a-key-for-the-recipes-0123456789'

/** A header that gives all rights. */
export const WITH_KEY = { Authorization: `Bearer ${KEY}` }

const cleaners: (() => unknown)[] = []
afterAll(async () => {
  for (const clean of cleaners.reverse()) await clean()
})

/** Lays out the files of a recipe, if it is one, and what else a test adds to them, before its suite. */
export function openSandbox(
  recipe: string | undefined,
  more: Readonly<Record<string, string>> = {},
): Sandbox {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hono-sse-recipe-'))
    cleaners.push(() => rmSync(folder, { recursive: true }))
    layOut(folder, recipe, more)
  })
  return {
    get folder() {
      return folder
    },
    run,
    start,
    serve,
  }

  async function run(file: string, ...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(file, args, { cwd: folder }).catch((error) => {
      throw new Error(`${error.message}\n${error.stdout}`)
    })
    return stdout
  }

  function start(environment: Environment, ...command: string[]): Process {
    const started = startProcess(inFolder(folder, command), environment)
    cleaners.push(started.kill)
    return started
  }

  async function serve(environment: Environment, ...command: string[]): Promise<Server> {
    const server = start(environment, ...command)
    const url = await eventually(() => urlIn(server))
    return Object.assign(server, { url })
  }
}

/** Compiles the recipe's TypeScript, and says what is wrong with it. */
export async function compile({ run }: Sandbox): Promise<void> {
  await run(join(ROOT, 'node_modules/.bin/tsc'), '-p', '.')
}

function layOut(
  folder: string,
  recipe: string | undefined,
  more: Readonly<Record<string, string>>,
): void {
  const own = recipe === undefined ? [] : filesOf(recipe)
  const files = { ...Object.fromEntries(own), ...more, ...settings() }
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(ROOT, join(folder, 'node_modules/hono-sse'))
  for (const name of PACKAGES) {
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  }
}

function inFolder(folder: string, command: readonly string[]): Command {
  return { file: 'sh', args: ['-c', 'cd "$0" && exec "$@"', folder, ...command] }
}

/** Starts a hub that recipes talk to, and ends it after the suite. */
export async function startRecipeHub(environment: Environment): Promise<Server> {
  const hub = await startHub({ RETRY_MS: '100', ...environment })
  cleaners.push(hub.kill)
  return hub
}

/** Publishes to a hub as a back end does. */
export async function publishWithKey(url: string, path: string, body: unknown): Promise<void> {
  const headers = { ...WITH_KEY, 'Content-Type': 'application/json' }
  const answer = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`)
}

function settings(): Record<string, string> {
  return {
    'package.json': JSON.stringify({ type: 'module', private: true }),
    'tsconfig.json': JSON.stringify(TSCONFIG),
  }
}

function urlIn({ lines, stderr }: Process): string {
  const url = lines.find((line) => line.startsWith('http://'))
  if (!url) throw new Error(`It has not said where it listens: ${lines.join('\n')}\n${stderr}`)
  return url
}
