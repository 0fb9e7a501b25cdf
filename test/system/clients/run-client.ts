/** Runs the code of a client with `url` and `show`, in a page or in Node, for several URLs at once. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { openContext } from '../../support/chromium.ts'
import { type Environment, type Process, ROOT, startProcess } from '../../support/process.ts'
import type { ObservedHub } from './observed-hub.ts'

/** The name and the data of an event that a client received. */
export type HeardEvent = readonly [event: string, data: string]

/** Calls a function when the test has ended: tests that run at once need their own. */
export type OnEnd = (end: () => void | Promise<void>) => void

/** Returns what the stream with this URL has received so far. */
export type Heard = (url: string) => readonly HeardEvent[]

/** Runs code in a page of Chromium until the test ends. */
export async function runInPage(
  hub: ObservedHub,
  name: string,
  code: string,
  urls: readonly string[],
  onEnd: OnEnd,
): Promise<Heard> {
  const heard = new Map<string, HeardEvent[]>(urls.map((url) => [url, []]))
  const page = hub.page(name, await bundle(code, 'browser'))
  const context = await openContext()
  onEnd(() => context.close())
  const window = await context.newPage()
  await window.exposeFunction('print', (url: string, ...event: [string, string]) => {
    heard.get(url)?.push(event)
  })
  await window.goto(page)
  await window.evaluate((list) => {
    const { start, print } = globalThis as unknown as {
      start(url: string, show: (...event: string[]) => void): void
      print(url: string, ...event: string[]): void
    }
    for (const url of list) start(url, (...event) => print(url, ...event))
  }, urls)
  return (url) => heard.get(url) ?? []
}

/** Runs code in a process of Node until the test ends. */
export async function runInNode(
  code: string,
  urls: readonly string[],
  onEnd: OnEnd,
): Promise<Heard> {
  const main = `
for (const url of ${JSON.stringify(urls)}) {
  globalThis.start(url, (...event) => console.log(JSON.stringify([url, ...event])))
}`
  const file = join(temporaryFolder(onEnd), 'client.cjs')
  writeFileSync(file, `${await bundle(code, 'node')}\n${main}`)
  const { lines } = start(onEnd, process.execPath, [file])
  return (url) => {
    const events = lines.map((line) => JSON.parse(line) as [string, ...HeardEvent])
    return events.filter(([own]) => own === url).map(([, event, data]) => [event, data])
  }
}

/** Runs a program with a recipe, which prints `["event", "data"]` lines, for each URL until the test ends. */
export async function runRecipe(
  language: 'python' | 'go',
  recipe: string,
  code: string,
  key: string,
  urls: readonly string[],
  onEnd: OnEnd,
): Promise<Heard> {
  const folder = temporaryFolder(onEnd)
  const suffix = language === 'python' ? 'py' : 'go'
  writeFileSync(join(folder, `hub.${suffix}`), recipe)
  writeFileSync(join(folder, `main.${suffix}`), code)
  const [file, ...args] =
    language === 'python' ? ['python3', join(folder, 'main.py')] : [await compileGo(folder)]
  const processes = new Map(
    urls.map((url) => {
      const environment = { HUB_URL: url.replace(/\/sse.*/, ''), PUBLISH_KEY: key }
      const client = new URL(url).searchParams.get('id') ?? ''
      return [url, start(onEnd, file, [...args, client], environment)]
    }),
  )
  return (url) => processes.get(url)?.lines.map((line) => JSON.parse(line) as HeardEvent) ?? []
}

/** Returns the path of the program. */
async function compileGo(folder: string): Promise<string> {
  await promisify(execFile)('go', ['build', '-o', 'program', 'hub.go', 'main.go'], { cwd: folder })
  return join(folder, 'program')
}

function start(onEnd: OnEnd, file: string, args: string[], environment: Environment = {}): Process {
  const started = startProcess({ file, args }, environment)
  onEnd(() => started.kill())
  return started
}

function temporaryFolder(onEnd: OnEnd): string {
  const folder = mkdtempSync(join(tmpdir(), 'hono-sse-client-'))
  onEnd(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Imports first, and the rest as a function. */
async function bundle(code: string, platform: 'browser' | 'node'): Promise<string> {
  const lines = code.split('\n')
  const imports = lines.filter((line) => line.startsWith('import '))
  const body = lines.filter((line) => !line.startsWith('import '))
  const contents = `${imports.join('\n')}
globalThis.start = async (url, show) => {
${body.join('\n')}
}`
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: ROOT },
    alias: { 'hono-sse/client': './src/client/index.ts' },
    bundle: true,
    platform,
    write: false,
    logLevel: 'error',
  })
  return outputFiles[0]?.text ?? ''
}
